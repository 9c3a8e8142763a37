// SPDX-License-Identifier: Apache-2.0
//! Known escapes, tried against us. One file per class; each case names its CVE and says what it rests
//! on. README.md has the row of every case, and of every escape that has no case yet.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod hostile;

mod archives;
mod calls;
mod cgroups;
mod console;
mod descriptors;
mod handles;
mod identity;
mod images;
mod masks;
mod monitor;
mod mounts;
mod network;
mod races;
mod self_exe;
mod state;
mod streams;
mod sysctls;
mod tty;
mod unpack;
mod volumes;
