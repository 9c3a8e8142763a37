// SPDX-License-Identifier: Apache-2.0
//! The client against servers that do what they should not.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod auth;
mod blobs;
mod fake;
mod lists;
mod manifests;
mod mirrors;
mod slow;
mod uploads;
