// SPDX-License-Identifier: Apache-2.0
//! Which wall stopped what: found by running the attempts again with walls lifted.
//!
//! errno alone cannot tell (EPERM comes from four walls), so this compares runs. A wall whose lifting
//! alone opens an attempt is the wall that stops it. When no single lifting does, more than one wall
//! holds, and a run with only one wall standing tells which hold by themselves. What fails even with
//! every wall lifted is not ours to claim: it is absent here, or stopped by what is never lifted (the
//! namespaces).

use std::collections::BTreeMap;

use crate::probes::rows;
use crate::reasons::reason;
use crate::{Class, Count, Finding, Outcome, Probe, Report, Summary};

/// The findings of one container.
pub type Run = Vec<Finding>;

/// The runs to compare.
#[derive(Debug, Default)]
pub struct Runs {
    /// With every wall.
    pub all: Run,
    /// With one wall lifted.
    pub lifted: Vec<(String, Run)>,
    /// With one wall standing and the others lifted.
    pub alone: Vec<(String, Run)>,
    /// With every wall lifted that can be.
    pub none: Option<Run>,
}

/// Names the wall for each attempt of `runs.all`.
pub fn attribute(engine: &str, kernel: &str, runs: &Runs) -> Report {
    let found: BTreeMap<&str, &Finding> = by_name(&runs.all);
    let lifted: Vec<_> = runs.lifted.iter().map(|(wall, run)| (wall.as_str(), by_name(run))).collect();
    let alone: Vec<_> = runs.alone.iter().map(|(wall, run)| (wall.as_str(), by_name(run))).collect();
    let none = runs.none.as_ref().map(by_name);
    let probes: Vec<Probe> = rows()
        .filter_map(|row| {
            let finding = found.get(row.id)?;
            let wall = match finding.outcome {
                Outcome::Open => "none".to_owned(),
                Outcome::Stopped => wall(row.id, &lifted, &alone, none.as_ref()),
            };
            Some(Probe {
                id: row.id.to_owned(),
                title: row.title.to_owned(),
                class: row.class,
                outcome: finding.outcome,
                wall,
                evidence: finding.evidence.clone(),
                why: (finding.outcome == Outcome::Open).then(|| reason(row.id)).flatten().map(str::to_owned),
            })
        })
        .collect();
    Report { schema: 1, engine: engine.to_owned(), kernel: kernel.to_owned(), summary: summary(&probes), probes }
}

type Findings<'a> = BTreeMap<&'a str, &'a Finding>;

fn by_name(run: &Run) -> Findings<'_> {
    run.iter().map(|finding| (finding.id.as_str(), finding)).collect()
}

fn outcome(findings: &Findings<'_>, id: &str) -> Option<Outcome> {
    findings.get(id).map(|finding| finding.outcome)
}

fn wall(id: &str, lifted: &[(&str, Findings<'_>)], alone: &[(&str, Findings<'_>)], none: Option<&Findings<'_>>) -> String {
    let needed: Vec<&str> =
        lifted.iter().filter(|(_, run)| outcome(run, id) == Some(Outcome::Open)).map(|(wall, _)| *wall).collect();
    if let Some((first, rest)) = needed.split_first() {
        return rest.iter().fold((*first).to_owned(), |text, wall| format!("{text} and {wall} together"));
    }
    match none {
        None => "not known (no run with walls lifted)".to_owned(),
        Some(none) if outcome(none, id) == Some(Outcome::Stopped) => {
            let evidence = none.get(id).map_or("", |finding| finding.evidence.as_str());
            if ABSENT.iter().any(|word| evidence.contains(word)) { "absent here".to_owned() } else { "namespaces".to_owned() }
        }
        Some(_) => {
            let holding: Vec<&str> =
                alone.iter().filter(|(_, run)| outcome(run, id) == Some(Outcome::Stopped)).map(|(wall, _)| *wall).collect();
            match holding[..] {
                [] => "several together".to_owned(),
                [one] => one.to_owned(),
                _ => format!("any of {}", holding.join(", ")),
            }
        }
    }
}

fn summary(probes: &[Probe]) -> Summary {
    let count = |wanted: Option<Class>| {
        let counted = probes.iter().filter(|probe| probe.class != Class::Info && wanted.is_none_or(|class| class == probe.class));
        counted.fold(Count::default(), |count, probe| Count {
            stopped: count.stopped + usize::from(probe.outcome == Outcome::Stopped),
            total: count.total + 1,
        })
    };
    Summary {
        attempts: count(Some(Class::Attempt)),
        leaks: count(Some(Class::Leak)),
        resources: count(Some(Class::Resource)),
        posture: count(Some(Class::Posture)),
        all: count(None),
    }
}

/// Words of errnos that come from a kernel without the feature.
const ABSENT: [&str; 7] =
    ["ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ENOENT", "No such file", "No such device", "not supported"];

#[cfg(test)]
mod tests {
    use super::*;

    fn run(outcome: Outcome, evidence: &str) -> Run {
        vec![Finding { id: "bpf".into(), outcome, evidence: evidence.into() }]
    }

    fn named(lifted: Outcome, alone: Outcome, none: Outcome, evidence: &str) -> String {
        let runs = Runs {
            all: run(Outcome::Stopped, "EPERM"),
            lifted: vec![("seccomp".into(), run(lifted, "")), ("user".into(), run(Outcome::Stopped, ""))],
            alone: vec![("seccomp".into(), run(alone, "")), ("user".into(), run(Outcome::Stopped, ""))],
            none: Some(run(none, evidence)),
        };
        attribute("e", "k", &runs).probes[0].wall.clone()
    }

    #[test]
    fn the_truth_table() {
        use Outcome::{Open, Stopped};
        assert_eq!(named(Open, Stopped, Open, ""), "seccomp");
        assert_eq!(named(Stopped, Stopped, Open, ""), "any of seccomp, user");
        assert_eq!(named(Stopped, Open, Open, ""), "user");
        assert_eq!(named(Stopped, Stopped, Stopped, "ENOSYS: x"), "absent here");
        assert_eq!(named(Stopped, Stopped, Stopped, "own processes only"), "namespaces");
    }

    #[test]
    fn an_open_attempt_has_no_wall_and_may_have_a_reason() {
        let runs = Runs { all: vec![Finding { id: "wx-mmap".into(), outcome: Outcome::Open, evidence: String::new() }], ..Runs::default() };
        let report = attribute("e", "k", &runs);
        assert_eq!(report.probes[0].wall, "none");
        assert!(report.probes[0].why.is_some());
        assert_eq!(report.summary.all, Count { stopped: 0, total: 1 });
    }
}
