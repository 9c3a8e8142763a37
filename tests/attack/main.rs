// SPDX-License-Identifier: Apache-2.0
//! Known escapes, tried against us. One file per class; each case names its CVE.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]
