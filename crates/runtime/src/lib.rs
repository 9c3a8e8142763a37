// SPDX-License-Identifier: Apache-2.0
//! A bundle becomes a confined process.
#![forbid(unsafe_code)]

pub mod beside;
pub mod cgroup;
pub mod clock;
mod confine;
pub mod error;
mod exec;
mod init;
mod landlock;
pub mod launch;
mod mounts;
mod nodes;
pub mod plan;
pub mod policy;
pub mod rlimit;
pub mod rootfs;
pub mod seccomp;
mod sources;
pub mod spec;
mod stage;
mod targets;
pub mod user;
pub mod view;
pub mod walls;
mod wire;
pub mod worker;

pub use error::{Error, Result};
pub use oci::danger;
#[doc(hidden)]
pub use wire::is_report;
