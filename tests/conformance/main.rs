// SPDX-License-Identifier: Apache-2.0
//! Against the specifications, and against the peers' own files.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod adversarial;
mod bombs;
mod choosing;
mod commits;
mod container_files;
mod copies;
mod digests;
mod documents;
mod drill_in_docker;
mod filters;
mod formats;
mod hostile;
mod making;
mod meaning;
mod members;
mod peers;
mod registry;
mod registry_index;
mod space;
mod tarball;
mod transfers;
mod tree;
mod watched;
