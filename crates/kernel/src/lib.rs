// SPDX-License-Identifier: Apache-2.0
//! System calls made safe: the only crate of the workspace with `unsafe` code.
//!
//! Most calls come from `rustix`, re-exported here so that the crates above name one ground and
//! not two. What `rustix` lacks (clone3, mount_setattr, seccomp, close_range, bpf, the capability
//! sets in one typed step) is here as one small function per call, with owned or borrowed
//! descriptors in and out.
//!
//! This crate decides nothing: it has no policy, no defaults beyond `O_CLOEXEC`, and no state.

pub mod bpf;
pub mod caps;
pub mod error;
pub mod fork;
pub mod keyring;
pub mod mount;
pub mod probe;
pub mod process;
pub mod root;
pub mod seccomp;
pub mod socket;

pub use error::{Errno, Error, Result};
pub use root::Root;
pub use rustix;
