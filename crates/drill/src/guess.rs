// SPDX-License-Identifier: Apache-2.0
//! Which wall may have stopped what in a container of another engine, whose walls cannot be lifted from
//! inside: errno, /proc/self/status and the id map are all there is to go by. Each verdict is marked as
//! the guess that it is.

use kernel::caps::Caps;

use crate::attribute::{Run, Verdict, probe};
use crate::probes::{Row, errno, more_rows, rows};
use crate::report::{Basis, Probe, Report, Subject};
use crate::{Finding, Wall};

/// What the kernel tells a process of its own walls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    seccomp: bool,
    effective: Caps,
    /// Root inside is root outside.
    initial_user_namespace: bool,
    /// The lines that say so.
    text: String,
}

impl Status {
    /// This process's own. What cannot be read counts as a wall that does not stand.
    pub fn read() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self::parse(&text("/proc/self/status"), &text("/proc/self/uid_map"))
    }

    fn parse(status: &str, uid_map: &str) -> Self {
        let line = |key: &str| {
            let mut lines = status.lines();
            lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map_or("?", str::trim)
        };
        let map: Vec<&str> = uid_map.split_whitespace().collect();
        Self {
            seccomp: line("Seccomp") == "2",
            effective: u64::from_str_radix(line("CapEff"), 16).map(Caps).unwrap_or(Caps::EMPTY),
            initial_user_namespace: map == ["0", "0", "4294967295"],
            text: format!(
                "NoNewPrivs {}, Seccomp {}, CapEff {}, uid_map {}",
                line("NoNewPrivs"),
                line("Seccomp"),
                line("CapEff"),
                map.join(" ")
            ),
        }
    }
}

/// Guesses the wall for each attempt of `run`.
pub fn guess(mut subject: Subject, run: &Run, status: &Status) -> Report {
    subject.notes.push(format!(
        "The walls are guessed from errno and /proc ({}): from inside nothing can be lifted. What could be \
         read counts as the host's.",
        status.text
    ));
    let found = |row: &Row| run.iter().find(|finding| finding.id == row.id);
    // Why Bulkhead leaves something open is no excuse for another engine.
    let probe = |row: &'static Row| Probe {
        why: None,
        ..probe(row, found(row), |finding| verdict(row, finding, status))
    };
    Report::new(subject, rows().map(probe).collect(), more_rows().map(probe).collect())
}

fn verdict(row: &Row, finding: &Finding, status: &Status) -> Verdict {
    let guess = |walls: Vec<Wall>| match walls[..] {
        [] => Verdict::not_known(),
        _ => Verdict::any_of(walls, Basis::Guess),
    };
    if finding.absent {
        return Verdict::absent(Basis::Guess);
    }
    match finding.errno {
        Some(errno::EROFS) => guess(vec![Wall::Mounts]),
        Some(errno::ETXTBSY) => guess(vec![Wall::Kernel]),
        // A filter can say so as well, for the calls that a kernel may lack.
        Some(errno) if errno::ABSENT.contains(&errno) && status.seccomp => {
            Verdict::absent_or(Wall::Seccomp, Basis::Guess)
        }
        Some(errno) if errno::ABSENT.contains(&errno) => Verdict::absent(Basis::Guess),
        Some(errno::ENOENT) if row.path.is_some() => Verdict::absent_or(Wall::Masks, Basis::Guess),
        Some(errno::ENOENT) if row.held.is_empty() => Verdict::absent(Basis::Guess),
        Some(errno::EPERM | errno::EACCES) => guess(refusers(row, status)),
        _ if row.held.is_empty() && row.path.is_some() => guess(vec![Wall::Masks]),
        _ => guess(row.held.to_vec()),
    }
}

/// Who may have said EPERM.
fn refusers(row: &Row, status: &Status) -> Vec<Wall> {
    let calls = row.path.is_none() && status.seccomp;
    match row.wants.and_then(Caps::named) {
        Some(wanted) if !status.effective.has(wanted) && calls => vec![Wall::Capabilities, Wall::Seccomp],
        Some(wanted) if !status.effective.has(wanted) => vec![Wall::Capabilities],
        Some(_) if !status.initial_user_namespace => vec![Wall::User],
        _ if !row.held.is_empty() => row.held.to_vec(),
        _ if calls => vec![Wall::Seccomp],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outcome;

    const STATUS: &str = "NoNewPrivs:\t0\nSeccomp:\t2\nCapEff:\t00000000a80425fb\n";

    fn guessed(id: &str, errno: i32, status: &str) -> (String, Option<Basis>) {
        let run = vec![Finding {
            id: id.into(),
            outcome: Outcome::Stopped,
            evidence: String::new(),
            errno: Some(errno),
            absent: false,
        }];
        let report = guess(Subject::default(), &run, &Status::parse(status, "0 0 4294967295"));
        let probe = report.probes.into_iter().find(|probe| probe.id == id).unwrap();
        (probe.wall, probe.basis)
    }

    #[test]
    fn errno_and_status_give_a_guess() {
        let guess = Some(Basis::Guess);
        assert_eq!(guessed("keyctl", errno::EPERM, STATUS), ("seccomp".into(), guess));
        assert_eq!(guessed("bpf", errno::EPERM, STATUS), ("capabilities or seccomp".into(), guess));
        assert_eq!(guessed("bpf", errno::EPERM, ""), ("capabilities".into(), guess));
        assert_eq!(guessed("keyctl", errno::EPERM, ""), ("not known".into(), None));
        assert_eq!(guessed("w-panic", errno::EROFS, STATUS), ("mounts".into(), guess));
        assert_eq!(guessed("af-alg", errno::EAFNOSUPPORT, ""), ("absent here".into(), guess));
        assert_eq!(guessed("af-alg", errno::EAFNOSUPPORT, STATUS), ("absent here or seccomp".into(), guess));
        assert_eq!(guessed("r-kcore", errno::ENOENT, STATUS), ("absent here or masks".into(), guess));
    }

    #[test]
    fn the_user_namespace_is_seen_in_the_id_map() {
        let all = "NoNewPrivs:\t1\nSeccomp:\t0\nCapEff:\t000001ffffffffff\n";
        let status = Status::parse(all, "0 100000 65536");
        assert!(!status.initial_user_namespace && !status.seccomp);
        let row = rows().find(|row| row.id == "reboot").unwrap();
        assert_eq!(refusers(row, &status), [Wall::User]);
    }
}
