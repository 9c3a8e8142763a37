// SPDX-License-Identifier: Apache-2.0
//! The result, with its counts.

use serde::Serialize;

use crate::{Class, Comparison, Outcome, Wall, html, text};

/// How the wall was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// By lifting walls and trying again.
    Lifted,
    /// The wall cannot be lifted, and what was seen inside shows it.
    Seen,
    /// By a look at the host, which lacks the thing itself.
    Host,
    /// From errno and /proc alone, in a container whose walls somebody else holds.
    Guess,
}

/// One attempt with the wall that stopped it.
#[derive(Debug, Clone, Serialize)]
pub struct Probe {
    /// Its name.
    pub id: &'static str,
    /// What is tried.
    pub title: &'static str,
    /// What it is about.
    pub class: Class,
    /// What came of it.
    pub outcome: Outcome,
    /// What stopped it, in words: a wall's name; `a or b`, each of which would do alone; `a and b`,
    /// which it takes both; `absent here`; `none` when nothing did; `not known`.
    pub wall: String,
    /// The names in `wall`.
    pub walls: Vec<Wall>,
    /// How that was found.
    pub basis: Option<Basis>,
    /// What was seen.
    pub evidence: String,
    /// Why it stays open, when it does by design.
    pub why: Option<&'static str>,
}

impl Probe {
    /// Whether nothing had to stop it: this kernel or host lacks the feature.
    pub fn is_absent(&self) -> bool {
        self.outcome == Outcome::Stopped && self.wall == ABSENT
    }
}

/// How many of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Stopped, by a wall or by absence.
    pub stopped: usize,
    /// Tried.
    pub total: usize,
    /// How many of `stopped` are absent from this kernel or host: no wall's merit.
    pub absent: usize,
}

impl Count {
    fn of<'a>(probes: impl Iterator<Item = &'a Probe>) -> Self {
        probes.fold(Self::default(), |count, probe| Self {
            stopped: count.stopped + usize::from(probe.outcome == Outcome::Stopped),
            total: count.total + 1,
            absent: count.absent + usize::from(probe.is_absent()),
        })
    }
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
    /// The probes that came later; counted apart, so that the others stay comparable.
    pub more: Count,
}

impl Summary {
    pub(crate) fn of(probes: &[Probe], more: &[Probe]) -> Self {
        let class = |class: Class| Count::of(probes.iter().filter(|probe| probe.class == class));
        Self {
            attempts: class(Class::Attempt),
            leaks: class(Class::Leak),
            resources: class(Class::Resource),
            posture: class(Class::Posture),
            all: Count::of(probes.iter().filter(|probe| probe.class != Class::Info)),
            more: Count::of(more.iter()),
        }
    }
}

/// Who was drilled.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Subject {
    /// Whose walls they are: `Bulkhead`, or `this container` when nobody knows.
    pub engine: String,
    /// The kernel's release.
    pub kernel: String,
    /// The image and the flags that differ from the default.
    pub setting: String,
    /// What a reader must know to take the figures for what they are.
    pub notes: Vec<String>,
}

/// The whole result.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version of this form.
    pub schema: u32,
    /// Who was drilled.
    #[serde(flatten)]
    pub subject: Subject,
    /// The counts.
    pub summary: Summary,
    /// Every attempt that is compared.
    pub probes: Vec<Probe>,
    /// The attempts that came later.
    pub more: Vec<Probe>,
    /// What the flags that were given opened and closed; nothing without flags.
    pub compared: Option<Comparison>,
}

impl Report {
    pub(crate) fn new(subject: Subject, probes: Vec<Probe>, more: Vec<Probe>) -> Self {
        Self { schema: SCHEMA, subject, summary: Summary::of(&probes, &more), probes, more, compared: None }
    }

    /// For a person at a terminal.
    pub fn text(&self) -> String {
        text::render(self)
    }

    /// One page that needs nothing else.
    pub fn html(&self) -> String {
        html::render(self)
    }

    /// Whether the walls are guessed.
    pub(crate) fn is_guess(&self) -> bool {
        self.probes.iter().any(|probe| probe.basis == Some(Basis::Guess))
    }

    /// What was not stopped and is counted.
    pub(crate) fn open(&self) -> impl Iterator<Item = &Probe> {
        let all = self.probes.iter().chain(&self.more);
        all.filter(|probe| probe.outcome != Outcome::Stopped && probe.class != Class::Info)
    }

    /// What was stopped, by what stopped it; the most first.
    pub(crate) fn by_wall(&self) -> Vec<(&str, Vec<&Probe>)> {
        let mut groups: Vec<(&str, Vec<&Probe>)> = Vec::new();
        let stopped = self.probes.iter().chain(&self.more).filter(|probe| probe.outcome == Outcome::Stopped);
        for probe in stopped {
            match groups.iter_mut().find(|(wall, _)| *wall == probe.wall) {
                Some((_, group)) => group.push(probe),
                None => groups.push((&probe.wall, vec![probe])),
            }
        }
        groups.sort_by_key(|(wall, probes)| (*wall == ABSENT, std::cmp::Reverse(probes.len())));
        groups
    }
}

const SCHEMA: u32 = 1;
/// Nothing stopped it.
pub(crate) const NONE: &str = "none";
/// Nothing had to.
pub(crate) const ABSENT: &str = "absent here";
/// Nobody can tell.
pub(crate) const NOT_KNOWN: &str = "not known";
