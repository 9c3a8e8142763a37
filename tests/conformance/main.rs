// SPDX-License-Identifier: Apache-2.0
//! Against the specifications, and against the peers' own files.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]
