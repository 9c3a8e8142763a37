// SPDX-License-Identifier: Apache-2.0
//! The attempts, by theme. Each is a row: name, class, what is tried, and the code that tries.

mod calls;
mod devices;
mod files;
mod identity;
mod leaks;
mod limits;
mod mounts;
mod namespaces;
mod sockets;
mod try_call;
mod writes;

use std::os::fd::RawFd;
use std::time::Duration;

use kernel::probe::{Ended, Throwaway, in_child};

use crate::{Class, Finding, HostFacts, Outcome};

/// One row.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) class: Class,
    pub(crate) title: &'static str,
    attempt: fn(&Here<'_>) -> Seen,
}

/// Where an attempt is made.
pub(crate) struct Here<'a> {
    pub(crate) process: &'a Throwaway,
    pub(crate) facts: &'a HostFacts,
    /// Descriptors beyond the three that this program was started with.
    pub(crate) inherited: &'a [RawFd],
}

/// What came of it.
pub(crate) enum Seen {
    Open(String),
    Stopped(String),
}

impl Seen {
    /// Open when `open`.
    pub(crate) fn open_if(open: bool, evidence: impl Into<String>) -> Self {
        if open { Self::Open(evidence.into()) } else { Self::Stopped(evidence.into()) }
    }
}

pub(crate) const fn row(id: &'static str, class: Class, title: &'static str, attempt: fn(&Here<'_>) -> Seen) -> Row {
    Row { id, class, title, attempt }
}

/// All rows.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    [
        identity::ROWS, namespaces::ROWS, sockets::ROWS, devices::ROWS, calls::ROWS, mounts::ROWS, writes::ROWS,
        files::ROWS, limits::ROWS, leaks::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// Makes every attempt from where this process is.
///
/// Must be called while the process has one thread.
pub fn inside(facts: &HostFacts) -> Vec<Finding> {
    let inherited = inherited();
    rows().map(|row| make(row, facts, &inherited)).collect()
}

fn make(row: &Row, facts: &HostFacts, inherited: &[RawFd]) -> Finding {
    let attempt = |process: &Throwaway| match (row.attempt)(&Here { process, facts, inherited }) {
        Seen::Open(evidence) => format!("O{evidence}"),
        Seen::Stopped(evidence) => format!("S{evidence}"),
    };
    let (outcome, evidence) = match in_child(LIMIT, attempt) {
        Ok(Ended::Said(said)) if said.starts_with('O') => (Outcome::Open, said[1..].to_owned()),
        Ok(Ended::Said(said)) if said.starts_with('S') => (Outcome::Stopped, said[1..].to_owned()),
        // Silence proves nothing, so it counts against the wall.
        Ok(Ended::Said(_)) => (Outcome::Open, "it ended without a word".to_owned()),
        Ok(Ended::Hung) => (Outcome::Open, "it did not end in time".to_owned()),
        Ok(Ended::Killed(signal)) => (Outcome::Stopped, format!("killed by signal {signal}")),
        Err(error) => (Outcome::Open, format!("it could not be tried: {error}")),
    };
    Finding { id: row.id.to_owned(), outcome, evidence }
}

fn inherited() -> Vec<RawFd> {
    let Ok(list) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let numbers = list.filter_map(|entry| {
        let entry = entry.ok()?;
        let target = std::fs::read_link(entry.path()).ok()?;
        let number: RawFd = entry.file_name().to_str()?.parse().ok()?;
        // The list's own descriptor leads to the directory it lists.
        (number > 2 && !target.to_string_lossy().ends_with("/fd")).then_some(number)
    });
    numbers.collect()
}

const LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_numbers_that_are_compared_with_docker() {
        let count = |class| rows().filter(|row| row.class == class).count();
        assert_eq!(
            [Class::Attempt, Class::Leak, Class::Resource, Class::Posture, Class::Info].map(count),
            [85, 33, 10, 28, 1]
        );
    }

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = rows().map(|row| row.id).collect();
        assert_eq!(names.len(), rows().count());
    }
}
