// SPDX-License-Identifier: Apache-2.0
//! Escape attempts made from inside a container, and which wall stopped each.
//!
//! [`inside`] makes the attempts where it runs, each in a process of its own, and none of them does
//! anything but knock: files are opened and not written, calls get arguments that fail right after the
//! permission check, what is made is the attempt's own. [`attribute`] compares runs with walls lifted and
//! names the wall. A [`Report`] is text, JSON or one page.
#![forbid(unsafe_code)]

mod attribute;
mod facts;
mod html;
mod probes;
mod reasons;
mod text;

use serde::{Deserialize, Serialize};

pub use attribute::{Run, Runs, attribute};
pub use facts::HostFacts;
pub use probes::inside;

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
}

/// One attempt as made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Finding {
    /// The probe's name.
    pub id: String,
    /// What came of it.
    pub outcome: Outcome,
    /// What was seen.
    pub evidence: String,
}

/// One attempt with the wall that stopped it.
#[derive(Debug, Clone, Serialize)]
pub struct Probe {
    /// Its name.
    pub id: String,
    /// What is tried.
    pub title: String,
    /// What it is about.
    pub class: Class,
    /// What came of it.
    pub outcome: Outcome,
    /// What stopped it.
    pub wall: String,
    /// What was seen.
    pub evidence: String,
    /// Why it stays open, when it does.
    pub why: Option<String>,
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Stopped.
    pub stopped: usize,
    /// Tried.
    pub total: usize,
}

/// The counts by class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Escapes.
    pub attempts: Count,
    /// Leaks.
    pub leaks: Count,
    /// Shares.
    pub resources: Count,
    /// The rest.
    pub posture: Count,
    /// Together.
    pub all: Count,
}

/// The whole result.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version of this form.
    pub schema: u32,
    /// Who was drilled.
    pub engine: String,
    /// On which kernel.
    pub kernel: String,
    /// The counts.
    pub summary: Summary,
    /// Every attempt.
    pub probes: Vec<Probe>,
}

impl Report {
    /// For a person at a terminal.
    pub fn text(&self) -> String {
        text::render(self)
    }

    /// One page that needs nothing else.
    pub fn html(&self) -> String {
        html::render(self)
    }
}
