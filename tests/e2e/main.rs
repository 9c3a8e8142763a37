// SPDX-License-Identifier: Apache-2.0
//! The binary, end to end: what a person types and what comes of it.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod smoke;
