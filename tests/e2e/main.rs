// SPDX-License-Identifier: Apache-2.0
//! The binary, end to end: what a person types and what comes of it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod acl;
mod calls;
mod cgroups;
mod commit;
mod crash;
mod drill;
mod drill_page;
mod files;
mod images;
mod images_crash;
mod life;
mod login;
mod parallel;
mod programs;
mod progress;
mod rootless;
mod run_basics;
mod run_failures;
mod run_files;
mod run_limits;
mod run_loop;
mod run_ordinary;
mod run_process;
mod run_signals;
mod run_streams;
mod run_terminal;
mod run_walls;
mod smoke;
mod space;
mod view;
mod volumes;
mod walls;
