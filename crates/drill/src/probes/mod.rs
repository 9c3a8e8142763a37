// SPDX-License-Identifier: Apache-2.0
//! The attempts, by theme. Each is a row: name, class, what is tried, and the code that tries.

mod calls;
mod devices;
pub(crate) mod errno;
mod files;
mod identity;
mod leaks;
mod limits;
mod more;
mod mounts;
mod namespaces;
mod seen;
mod sockets;
mod surroundings;
mod writes;

use std::collections::BTreeSet;
use std::os::fd::RawFd;
use std::time::Duration;

use kernel::probe::{Ended, Throwaway, in_child};

pub(crate) use seen::Seen;

use crate::{Class, Finding, HostFacts, Outcome, Wall};

/// One row.
pub(crate) struct Row {
    pub(crate) id: &'static str,
    pub(crate) class: Class,
    pub(crate) title: &'static str,
    attempt: fn(&Here<'_>) -> Seen,
    /// What the host must have for this to be possible at all: one of these paths.
    pub(crate) needs: &'static [&'static str],
    /// The file of /proc or /sys that it is about, when it is one.
    pub(crate) path: Option<&'static str>,
    /// The capability that the kernel asks for.
    pub(crate) wants: Option<&'static str>,
    /// The walls that it is about, when they cannot be lifted.
    pub(crate) held: &'static [Wall],
    /// Signals that are a refusal and not an accident.
    refusals: &'static [i32],
}

/// Where an attempt is made.
pub(crate) struct Here<'a> {
    pub(crate) process: &'a Throwaway,
    pub(crate) facts: &'a HostFacts,
    /// Descriptors beyond the three that this program was started with, when they could be listed.
    pub(crate) inherited: Option<&'a [RawFd]>,
}

pub(crate) const fn row(
    id: &'static str,
    class: Class,
    title: &'static str,
    attempt: fn(&Here<'_>) -> Seen,
) -> Row {
    Row { id, class, title, attempt, needs: &[], path: None, wants: None, held: &[], refusals: &[SIGSYS] }
}

impl Row {
    /// Absent from a host that has none of `paths`.
    const fn needs(self, paths: &'static [&'static str]) -> Self {
        Self { needs: paths, ..self }
    }

    /// About this one file of the host's /proc or /sys, and absent from a host without it.
    const fn file(self, path: &'static [&'static str; 1]) -> Self {
        Self { needs: path, path: Some(path[0]), ..self }
    }

    const fn wants(self, capability: &'static str) -> Self {
        Self { wants: Some(capability), ..self }
    }

    const fn held(self, walls: &'static [Wall]) -> Self {
        Self { held: walls, ..self }
    }

    /// int 0x80 in a kernel without 32-bit calls is a fault.
    const fn may_fault(self) -> Self {
        Self { refusals: &[SIGSYS, SIGSEGV], ..self }
    }
}

/// The rows that are compared with other engines.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    [
        identity::ROWS,
        namespaces::ROWS,
        sockets::ROWS,
        devices::ROWS,
        calls::ROWS,
        mounts::ROWS,
        writes::ROWS,
        files::ROWS,
        limits::ROWS,
        leaks::ROWS,
    ]
    .into_iter()
    .flatten()
}

/// The rows that came later and are counted apart.
pub(crate) fn more_rows() -> impl Iterator<Item = &'static Row> {
    [more::ROWS, surroundings::ROWS].into_iter().flatten()
}

/// Makes every attempt from where this process is.
///
/// Must be called while the process has one thread.
pub fn inside(facts: &HostFacts) -> Vec<Finding> {
    let inherited = inherited();
    rows().chain(more_rows()).map(|row| make(row, facts, inherited.as_deref())).collect()
}

/// The findings that [`inside`] made in another process, from their JSON. An error says what is wrong
/// with them: each probe must be there once, and no other.
pub fn read(json: &[u8]) -> Result<Vec<Finding>, String> {
    let findings: Vec<Finding> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let found: BTreeSet<&str> = findings.iter().map(|finding| finding.id.as_str()).collect();
    let wanted: BTreeSet<&str> = rows().chain(more_rows()).map(|row| row.id).collect();
    if let Some(id) = found.symmetric_difference(&wanted).next() {
        return Err(format!("the probe {id} is missing or unknown"));
    }
    if found.len() != findings.len() {
        return Err("a probe is there twice".to_owned());
    }
    Ok(findings)
}

fn make(row: &Row, facts: &HostFacts, inherited: Option<&[RawFd]>) -> Finding {
    let attempt =
        |process: &Throwaway| (row.attempt)(&Here { process, facts, inherited }).finding(row.id).to_line();
    match in_child(LIMIT, attempt) {
        Ok(Ended::Said(said)) => Finding::from_line(row.id, &said),
        Ok(Ended::Killed(signal)) if row.refusals.contains(&signal) => Finding {
            id: row.id.to_owned(),
            outcome: Outcome::Stopped,
            evidence: format!("killed by signal {signal}"),
            errno: Some(errno::ENOSYS),
            absent: false,
        },
        Ok(Ended::Killed(signal)) => {
            unknown(row.id, format!("killed by signal {signal} before it could tell"))
        }
        Ok(Ended::Hung) => unknown(row.id, "it did not end in time".to_owned()),
        Err(error) => unknown(row.id, format!("it could not be tried: {error}")),
    }
}

fn unknown(id: &str, evidence: String) -> Finding {
    Finding { id: id.to_owned(), outcome: Outcome::Unknown, evidence, errno: None, absent: false }
}

impl Finding {
    /// How it travels from the process that made it.
    fn to_line(&self) -> String {
        // What cannot be written comes out empty, and is read as silence.
        serde_json::to_string(self).unwrap_or_default()
    }

    fn from_line(id: &str, said: &str) -> Self {
        match serde_json::from_str::<Self>(said) {
            Ok(finding) if finding.id == id => finding,
            Ok(_) | Err(_) => unknown(id, "it ended without a word".to_owned()),
        }
    }
}

fn inherited() -> Option<Vec<RawFd>> {
    let own = format!("/proc/{}/fd", std::process::id());
    let list = std::fs::read_dir("/proc/self/fd").ok()?;
    let numbers = list.filter_map(|entry| {
        let entry = entry.ok()?;
        let number: RawFd = entry.file_name().to_str()?.parse().ok()?;
        // The list's own descriptor leads to the directory it lists.
        let listing = std::fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == own.as_str());
        (number > 2 && !listing).then_some(number)
    });
    Some(numbers.collect())
}

const LIMIT: Duration = Duration::from_secs(5);
const SIGSEGV: i32 = 11;
const SIGSYS: i32 = 31;

#[cfg(test)]
mod tests {
    use super::*;

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
        let names: BTreeSet<_> = rows().chain(more_rows()).map(|row| row.id).collect();
        assert_eq!(names.len(), rows().count() + more_rows().count());
    }

    #[test]
    fn capabilities_are_known_by_name() {
        let wanted = rows().chain(more_rows()).filter_map(|row| row.wants);
        assert!(wanted.into_iter().all(|name| kernel::caps::Caps::named(name).is_some()));
    }

    fn json(ids: impl Iterator<Item = &'static str>) -> Vec<u8> {
        let findings: Vec<_> = ids.map(|id| unknown(id, String::new())).collect();
        serde_json::to_vec(&findings).unwrap()
    }

    #[test]
    fn findings_are_taken_only_when_complete() {
        let ids = || rows().chain(more_rows()).map(|row| row.id);
        assert_eq!(read(&json(ids())).unwrap().len(), ids().count());
        assert!(read(&json(ids().filter(|id| *id != "bpf"))).unwrap_err().contains("bpf"));
        assert!(read(&json(ids().chain(["made-up"]))).unwrap_err().contains("made-up"));
        assert!(read(&json(ids().chain(["bpf"]))).unwrap_err().contains("twice"));
        assert!(read(b"no json").is_err());
    }

    #[test]
    fn silence_is_not_stopped() {
        for said in ["", "S", "{}", &unknown("perf", String::new()).to_line()] {
            assert_eq!(Finding::from_line("bpf", said).outcome, Outcome::Unknown, "{said}");
        }
        let stopped = Seen::Stopped("x".into()).finding("bpf");
        assert_eq!(Finding::from_line("bpf", &stopped.to_line()), stopped);
    }
}
