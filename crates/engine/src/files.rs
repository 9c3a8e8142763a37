// SPDX-License-Identifier: Apache-2.0
//! The files of containers, running and ended: what changed, and copies in and out.
//!
//! A container's files are reached through [`kernel::Root`] only, from one of three places: its
//! writable layer on disk (`diff`, `commit`), its layers joined once more for reading (`export`, and
//! `cp` from one that has ended), or the root that its first process has, with everything mounted there (`cp` while it
//! runs). Nothing of it is executed or loaded, and no name of its is looked up on the host (CVE-2018-15664,
//! CVE-2019-14271).

mod commit;
mod copy;
mod diff;
mod ends;
mod export;
mod reach;
mod size;

pub use commit::{CommitRequest, Committed, Pause};
pub use copy::{Copied, CopyRequest, Direction, Owners, SourceLinks};
pub use diff::{Change, Changed};
pub use reach::Reached;
