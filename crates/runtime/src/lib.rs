// SPDX-License-Identifier: Apache-2.0
//! A bundle becomes a confined process.
#![forbid(unsafe_code)]

#[path = "/work/scratch/stub/cgroup.rs"]
pub mod cgroup;
pub mod clock;
mod confine;
pub mod danger;
pub mod error;
mod exec;
mod filter;
mod init;
mod landlock;
pub mod launch;
mod mounts;
pub mod plan;
pub mod policy;
pub mod rlimit;
pub mod rootfs;
#[path = "/work/scratch/stub/seccomp.rs"]
pub mod seccomp;
pub mod spec;
mod stage;
pub mod user;
#[path = "/work/scratch/stub/view.rs"]
pub mod view;
mod wire;

pub use error::{Error, Result};
