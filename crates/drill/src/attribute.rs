// SPDX-License-Identifier: Apache-2.0
//! Which wall stopped what: found by running the attempts again with walls lifted.
//!
//! errno alone cannot tell (EPERM comes from four walls), so this compares runs. A wall whose lifting
//! alone opens an attempt is the wall that stops it. When no single lifting does, more than one wall
//! holds, and a run with only one wall standing tells which hold by themselves. What fails even with
//! every wall lifted is not claimed for one that can be lifted: the host lacks the thing, or a wall holds
//! that is never lifted, and what was seen must show which.

use std::collections::{BTreeMap, BTreeSet};

use crate::probes::{Row, errno, more_rows, rows};
use crate::reasons::reason;
use crate::report::{ABSENT, Basis, NONE, NOT_KNOWN, Probe, Report, Subject};
use crate::{Comparison, Finding, Outcome, Wall};

/// The findings of one container.
pub type Run = Vec<Finding>;

/// The runs to compare.
#[derive(Debug, Default)]
pub struct Runs {
    /// With every wall.
    pub all: Run,
    /// With one wall lifted.
    pub lifted: Vec<(Wall, Run)>,
    /// With one wall standing and the others lifted.
    pub alone: Vec<(Wall, Run)>,
    /// With every wall lifted that can be.
    pub none: Run,
    /// Without the flags that were given, when some were.
    pub default: Option<Run>,
    /// Probes whose target the host itself lacks: [`crate::absent_from_host`].
    pub absent: BTreeSet<&'static str>,
}

/// Names the wall for each attempt of `runs.all`.
pub fn attribute(subject: Subject, runs: &Runs) -> Report {
    let found = by_name(&runs.all);
    let compared = Compared {
        lifted: runs.lifted.iter().map(|(wall, run)| (*wall, by_name(run))).collect(),
        alone: runs.alone.iter().map(|(wall, run)| (*wall, by_name(run))).collect(),
        none: by_name(&runs.none),
        absent: &runs.absent,
    };
    let probe = |row: &'static Row| probe(row, found.get(row.id).copied(), |_| compared.verdict(row));
    let mut report = Report::new(subject, rows().map(probe).collect(), more_rows().map(probe).collect());
    let default = runs.default.as_ref();
    report.compared = default.map(|default| Comparison::of(&report.probes, &report.more, default));
    report
}

/// The row of a report for `row`, whose wall `verdict` finds when something stopped it. An attempt that
/// nobody made is not known, and stays in the count.
pub(crate) fn probe(
    row: &'static Row,
    finding: Option<&Finding>,
    verdict: impl FnOnce(&Finding) -> Verdict,
) -> Probe {
    let outcome = finding.map_or(Outcome::Unknown, |finding| finding.outcome);
    let Verdict { wall, walls, basis } = match (finding, outcome) {
        (Some(finding), Outcome::Stopped) => verdict(finding),
        (_, Outcome::Open) => Verdict { wall: NONE.to_owned(), walls: Vec::new(), basis: None },
        _ => Verdict::not_known(),
    };
    Probe {
        id: row.id,
        title: row.title,
        class: row.class,
        outcome,
        wall,
        walls,
        basis,
        evidence: finding.map_or_else(|| "it was not tried".to_owned(), |finding| finding.evidence.clone()),
        why: (outcome == Outcome::Open).then(|| reason(row.id)).flatten(),
    }
}

/// What stopped an attempt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    wall: String,
    walls: Vec<Wall>,
    basis: Option<Basis>,
}

impl Verdict {
    /// It takes every one of `walls`.
    fn together(walls: Vec<Wall>, basis: Basis) -> Self {
        Self { wall: joined(&walls, " and "), walls, basis: Some(basis) }
    }

    /// Each of `walls` would do.
    pub(crate) fn any_of(walls: Vec<Wall>, basis: Basis) -> Self {
        Self { wall: joined(&walls, " or "), walls, basis: Some(basis) }
    }

    pub(crate) fn absent(basis: Basis) -> Self {
        Self { wall: ABSENT.to_owned(), walls: Vec::new(), basis: Some(basis) }
    }

    /// Nobody can tell whether `wall` stopped it or nothing had to.
    pub(crate) fn absent_or(wall: Wall, basis: Basis) -> Self {
        Self { wall: format!("{ABSENT} or {}", wall.name()), walls: vec![wall], basis: Some(basis) }
    }

    pub(crate) fn not_known() -> Self {
        Self { wall: NOT_KNOWN.to_owned(), walls: Vec::new(), basis: None }
    }
}

fn joined(walls: &[Wall], between: &str) -> String {
    walls.iter().map(|wall| wall.name()).collect::<Vec<_>>().join(between)
}

type Findings<'a> = BTreeMap<&'a str, &'a Finding>;

fn by_name(run: &Run) -> Findings<'_> {
    run.iter().map(|finding| (finding.id.as_str(), finding)).collect()
}

struct Compared<'a> {
    lifted: Vec<(Wall, Findings<'a>)>,
    alone: Vec<(Wall, Findings<'a>)>,
    none: Findings<'a>,
    absent: &'a BTreeSet<&'static str>,
}

impl Compared<'_> {
    fn verdict(&self, row: &Row) -> Verdict {
        let needed = with_outcome(&self.lifted, row.id, Outcome::Open);
        if !needed.is_empty() {
            return Verdict::together(needed, Basis::Lifted);
        }
        match self.none.get(row.id) {
            Some(bare) if bare.outcome == Outcome::Open => {
                let holding = with_outcome(&self.alone, row.id, Outcome::Stopped);
                if holding.is_empty() {
                    Verdict::not_known()
                } else {
                    Verdict::any_of(holding, Basis::Lifted)
                }
            }
            Some(bare) if bare.outcome == Outcome::Stopped => self.never_lifted(row, bare),
            _ => seen_by_design(row),
        }
    }

    /// `bare` failed with every wall lifted.
    fn never_lifted(&self, row: &Row, bare: &Finding) -> Verdict {
        if self.absent.contains(row.id) {
            return Verdict::absent(Basis::Host);
        }
        if bare.absent {
            return Verdict::absent(Basis::Lifted);
        }
        match bare.errno {
            Some(errno) if errno::ABSENT.contains(&errno) => Verdict::absent(Basis::Lifted),
            Some(errno::EROFS) => Verdict::any_of(vec![Wall::Mounts], Basis::Seen),
            Some(errno::ETXTBSY) => Verdict::any_of(vec![Wall::Kernel], Basis::Seen),
            // An ordinary user's engine cannot lift the user namespace: when it alone stands, it holds.
            Some(errno::EPERM | errno::EACCES) if !self.could_lift(Wall::User) => {
                Verdict::any_of(vec![Wall::User], Basis::Lifted)
            }
            _ => seen_by_design(row),
        }
    }

    fn could_lift(&self, wall: Wall) -> bool {
        self.lifted.iter().any(|(lifted, _)| *lifted == wall)
    }
}

/// The wall that a probe is about, when it is one that cannot be lifted.
fn seen_by_design(row: &Row) -> Verdict {
    match row.held {
        [] => Verdict::not_known(),
        walls => Verdict::any_of(walls.to_vec(), Basis::Seen),
    }
}

fn with_outcome(runs: &[(Wall, Findings<'_>)], id: &str, wanted: Outcome) -> Vec<Wall> {
    let hit = |findings: &Findings<'_>| findings.get(id).is_some_and(|finding| finding.outcome == wanted);
    runs.iter().filter(|(_, findings)| hit(findings)).map(|(wall, _)| *wall).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Count;

    fn run(id: &str, outcome: Outcome, errno: Option<i32>) -> Run {
        vec![Finding { id: id.into(), outcome, evidence: String::new(), errno, absent: false }]
    }

    fn report(runs: &Runs) -> Report {
        attribute(Subject::default(), runs)
    }

    fn of<'a>(report: &'a Report, id: &str) -> &'a Probe {
        report.probes.iter().find(|probe| probe.id == id).unwrap()
    }

    /// `bpf` with seccomp lifted, with seccomp alone, with nothing.
    fn named(lifted: Outcome, alone: Outcome, none: Outcome, errno: Option<i32>) -> String {
        use Outcome::Stopped;
        let runs = Runs {
            default: None,
            all: run("bpf", Stopped, Some(1)),
            lifted: vec![(Wall::Seccomp, run("bpf", lifted, None)), (Wall::User, run("bpf", Stopped, None))],
            alone: vec![(Wall::Seccomp, run("bpf", alone, None)), (Wall::User, run("bpf", Stopped, None))],
            none: run("bpf", none, errno),
            absent: BTreeSet::new(),
        };
        of(&report(&runs), "bpf").wall.clone()
    }

    #[test]
    fn the_truth_table() {
        use Outcome::{Open, Stopped, Unknown};
        assert_eq!(named(Open, Stopped, Open, None), "seccomp");
        assert_eq!(named(Stopped, Stopped, Open, None), "seccomp or user");
        assert_eq!(named(Stopped, Open, Open, None), "user");
        assert_eq!(named(Stopped, Stopped, Stopped, Some(errno::ENOSYS)), "absent here");
        assert_eq!(named(Stopped, Stopped, Stopped, Some(errno::EROFS)), "mounts");
        assert_eq!(named(Stopped, Stopped, Stopped, Some(errno::EPERM)), "not known");
        assert_eq!(named(Unknown, Stopped, Open, None), "seccomp or user");
        assert_eq!(named(Stopped, Unknown, Open, None), "user");
        assert_eq!(named(Stopped, Stopped, Unknown, None), "not known");
    }

    #[test]
    fn what_the_host_lacks_is_no_walls_merit() {
        let stopped = || run("dev-mem", Outcome::Stopped, Some(errno::ENOENT));
        let mut runs = Runs { all: stopped(), none: stopped(), ..Runs::default() };
        assert_eq!(of(&report(&runs), "dev-mem").wall, "devices");
        runs.absent.insert("dev-mem");
        let report = report(&runs);
        assert_eq!(of(&report, "dev-mem").wall, "absent here");
        assert_eq!(report.summary.attempts, Count { stopped: 1, total: 85, absent: 1 });
    }

    #[test]
    fn an_open_attempt_has_no_wall_and_may_have_a_reason() {
        let runs = Runs { default: None, all: run("wx-mmap", Outcome::Open, None), ..Runs::default() };
        let report = report(&runs);
        let probe = of(&report, "wx-mmap");
        assert_eq!((probe.wall.as_str(), probe.basis), ("none", None));
        assert!(probe.why.is_some());
    }

    #[test]
    fn what_was_not_tried_or_not_told_is_not_stopped_and_stays_in_the_count() {
        let report = report(&Runs { all: run("bpf", Outcome::Unknown, None), ..Runs::default() });
        assert_eq!(report.summary.all, Count { stopped: 0, total: 156, absent: 0 });
        assert_eq!(of(&report, "bpf").wall, "not known");
        assert_eq!(of(&report, "perf").outcome, Outcome::Unknown);
    }
}
