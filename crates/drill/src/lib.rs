// SPDX-License-Identifier: Apache-2.0
//! Escape attempts made from inside a container, and which wall stopped each.
//!
//! [`inside`] makes the attempts where it runs, each in a process of its own, and none of them does
//! anything but knock: files are opened and not written, calls get arguments that fail right after the
//! permission check, what is made or changed is the attempt's own and is taken back. [`attribute()`]
//! compares runs with walls lifted and names the wall; [`guess()`] does what it can in a container of
//! somebody else's, where nothing can be lifted. A [`Report`] is text, JSON or one page.
//!
//! docs/drill.md describes the JSON and every name in it.
#![forbid(unsafe_code)]

mod attribute;
mod comparison;
mod facts;
mod guess;
mod html;
mod probes;
mod reasons;
mod reference;
mod report;
mod text;
mod wall;

use serde::{Deserialize, Serialize};

pub use attribute::{Run, Runs, attribute};
pub use comparison::{Comparison, Difference};
pub use facts::{HostFacts, absent_from_host};
pub use guess::{Status, guess};
pub use probes::{inside, read};
pub use report::{Basis, Count, Probe, Report, Subject, Summary};
pub use wall::Wall;

/// What a probe is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// An escape, or a change of the host.
    Attempt,
    /// Something of the host is told.
    Leak,
    /// More than a fair share can be had.
    Resource,
    /// Nothing by itself, but it makes the next step easier.
    Posture,
    /// Worth knowing; not counted.
    Info,
}

/// What an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Something stopped it.
    Stopped,
    /// Nothing did.
    Open,
    /// It could not be told. Counts as not stopped: silence proves nothing.
    Unknown,
}

/// One attempt as made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The probe's name.
    pub id: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was seen.
    pub evidence: String,
    /// The kernel's answer, when that is what stopped it.
    pub errno: Option<i32>,
    /// There was nothing of the kind to be had.
    pub absent: bool,
}
