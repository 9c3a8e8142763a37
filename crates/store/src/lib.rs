// SPDX-License-Identifier: Apache-2.0
//! Images at rest: blobs, layers, references, and the archives they come from.
//!
//! (Module docs and list: written by whoever fills this crate.)
#![forbid(unsafe_code)]

pub mod decode;
pub mod tar;
pub mod unpack;
