// SPDX-License-Identifier: Apache-2.0
//! What only the guest of `cargo xtask lane` can show: cgroup v2 alone with every controller,
//! AppArmor enforcing, and a kernel older than some of what the engine uses.
//!
//! Tests here may change the whole machine: it is switched off afterwards.
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod apparmor;
mod guest;
mod kernel;
mod limits;
mod rootless;
