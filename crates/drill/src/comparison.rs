// SPDX-License-Identifier: Apache-2.0
//! What flags opened: the same attempts from a container without them, side by side.

use serde::Serialize;

use crate::attribute::{self, Verdict};
use crate::probes::{Row, more_rows, rows};
use crate::{Class, Count, Finding, Outcome, Probe, Run, Summary};

/// A report beside the default on the same host.
#[derive(Debug, Clone, Serialize)]
pub struct Comparison {
    /// Escape attempts that the default stops.
    pub attempts: Count,
    /// Probes that the default stops.
    pub all: Count,
    /// What the default stops and these flags let through.
    pub opened: Vec<Difference>,
    /// What the default lets through and these flags stop.
    pub closed: Vec<Difference>,
}

/// A probe that came out differently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its name.
    pub id: &'static str,
    /// What is tried.
    pub title: &'static str,
    /// What it is about.
    pub class: Class,
}

impl Comparison {
    /// `probes` and `more`, as they came out with flags, beside `default`, as they came out without. A
    /// probe that is not known counts as open on either side, as everywhere.
    pub(crate) fn of(probes: &[Probe], more: &[Probe], default: &Run) -> Self {
        let found = |id: &str| default.iter().find(|finding| finding.id == id);
        let plain =
            |row: &'static Row| attribute::probe(row, found(row.id), |_: &Finding| Verdict::not_known());
        let (without, without_more): (Vec<_>, Vec<_>) =
            (rows().map(plain).collect(), more_rows().map(plain).collect());
        let Summary { attempts, all, .. } = Summary::of(&without, &without_more);
        let (mut opened, mut closed) = (Vec::new(), Vec::new());
        for probe in probes.iter().chain(more).filter(|probe| probe.class != Class::Info) {
            let before = found(probe.id).is_some_and(|finding| finding.outcome == Outcome::Stopped);
            let now = probe.outcome == Outcome::Stopped;
            let difference = Difference { id: probe.id, title: probe.title, class: probe.class };
            match (before, now) {
                (true, false) => opened.push(difference),
                (false, true) => closed.push(difference),
                _ => {}
            }
        }
        opened.sort_by_key(|difference| difference.class != Class::Attempt);
        Self { attempts, all, opened, closed }
    }

    /// The sentence above the lists.
    pub(crate) fn sentence(&self) -> String {
        let Self { attempts, all, opened, .. } = self;
        let escapes = opened.iter().filter(|difference| difference.class == Class::Attempt).count();
        let by = format!(
            "The default stops {} of {} escape attempts and {} of {} probes here.",
            attempts.stopped, attempts.total, all.stopped, all.total
        );
        match (opened.len(), escapes) {
            (0, _) => format!("{by} Your flags opened nothing that it stops."),
            (some, 0) => {
                format!("{by} Your flags let {some} through that it stops, none of them an escape attempt.")
            }
            (some, escapes) => format!(
                "{by} Your flags let {some} through that it stops; {escapes} of them are escape attempts."
            ),
        }
    }
}
