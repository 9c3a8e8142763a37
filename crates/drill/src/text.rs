// SPDX-License-Identifier: Apache-2.0
//! The report for a person at a terminal: the headline, what is open and why, what stopped the rest.

use crate::report::{ABSENT, Basis};
use crate::{Class, Comparison, Count, Outcome, Probe, Report, Wall, reference};

pub(crate) fn render(report: &Report) -> String {
    let mut lines = headline(report);
    lines.push(String::new());
    lines.extend(classes(report));
    lines.push(String::new());
    lines.extend(report.compared.iter().flat_map(compared));
    lines.extend(open(report));
    lines.extend(stopped(report));
    lines.extend(report.subject.notes.iter().flat_map(|note| {
        let mut lines = vec![String::new()];
        lines.extend(wrapped("", note));
        lines
    }));
    lines.push(String::new());
    lines.join("\n")
}

fn headline(report: &Report) -> Vec<String> {
    let (subject, summary) = (&report.subject, &report.summary);
    vec![
        format!(
            "{} stops {} escape attempts and {} probes in all.",
            printable(&capitalised(&subject.engine)),
            of(summary.attempts),
            of(summary.all)
        ),
        format!(
            "Docker's default, where it was measured: {} and {}.",
            of(reference::ATTEMPTS),
            of(reference::ALL)
        ),
        printable(&format!("Tried from {}, on Linux {}.", subject.setting, subject.kernel)),
    ]
}

pub(crate) fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn classes(report: &Report) -> Vec<String> {
    let summary = &report.summary;
    let rows = [
        ("escape attempts", summary.attempts, Some(reference::ATTEMPTS)),
        ("leaks", summary.leaks, Some(reference::LEAKS)),
        ("resources", summary.resources, Some(reference::RESOURCES)),
        ("posture", summary.posture, Some(reference::POSTURE)),
        ("more", summary.more, None),
    ];
    let line = |(name, count, docker): (&str, Count, Option<Count>)| {
        let docker = docker.map_or_else(String::new, |docker| format!("  Docker {:>2}", docker.stopped));
        format!("  {name:<16}{:>3} of {:<3} {}{docker}", count.stopped, count.total, bar(count))
    };
    rows.map(line).to_vec()
}

fn of(count: Count) -> String {
    format!("{} of {}", count.stopped, count.total)
}

fn bar(count: Count) -> String {
    let full = (count.stopped * BAR).checked_div(count.total).unwrap_or(0);
    format!("{}{}", "#".repeat(full), ".".repeat(BAR - full))
}

fn compared(comparison: &Comparison) -> Vec<String> {
    let mut lines = vec![format!("What your flags opened ({})", comparison.opened.len())];
    lines.extend(wrapped("  ", &comparison.sentence()));
    for difference in &comparison.opened {
        let kind = if difference.class == Class::Attempt { " (escape attempt)" } else { "" };
        lines.push(format!("  {:<16}{}{kind}", difference.id, difference.title));
    }
    if !comparison.closed.is_empty() {
        let closed: Vec<_> = comparison.closed.iter().map(|difference| difference.id).collect();
        let words = format!("They closed what the default leaves open: {}.", closed.join(", "));
        lines.extend(wrapped("  ", &words));
    }
    lines.push(String::new());
    lines
}

fn open(report: &Report) -> Vec<String> {
    let probes: Vec<_> = report.open().collect();
    let mut lines = vec![format!("Not stopped ({})", probes.len())];
    for probe in probes {
        lines.push(format!("  {:<16}{}", probe.id, probe.title));
        lines.extend(wrapped(INDENT, &reason(probe)));
    }
    lines
}

/// Why it is open, or what was seen.
pub(crate) fn reason(probe: &Probe) -> String {
    match (probe.outcome, probe.why) {
        (Outcome::Unknown, _) => format!("not known, so not counted as stopped: {}", probe.evidence),
        (_, Some(why)) => why.to_owned(),
        (_, None) => format!("seen: {}", probe.evidence),
    }
}

fn stopped(report: &Report) -> Vec<String> {
    let mut lines = vec![String::new(), "Stopped, by what stopped it".to_owned()];
    for (wall, probes) in report.by_wall() {
        lines.push(format!("  {wall} ({}){}", probes.len(), meaning(wall, &probes)));
        lines.extend(wrapped("    ", &probes.iter().map(|probe| probe.id).collect::<Vec<_>>().join(" ")));
    }
    lines
}

/// What a wall is, beside its name.
fn meaning(wall: &str, probes: &[&Probe]) -> String {
    let guessed = probes.iter().all(|probe| probe.basis == Some(Basis::Guess));
    let words = if wall == ABSENT {
        Some("this kernel or host lacks it: no wall's merit")
    } else {
        Wall::ALL.into_iter().find(|known| known.name() == wall).map(Wall::meaning)
    };
    match (words, guessed) {
        (Some(words), true) => format!(": {words} (a guess)"),
        (Some(words), false) => format!(": {words}"),
        (None, true) => " (a guess)".to_owned(),
        (None, false) => String::new(),
    }
}

/// `text` in lines that fit a terminal, each after `indent`.
fn wrapped(indent: &str, text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in printable(text).split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

/// What came out of a container must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

const BAR: usize = 40;
const INDENT: &str = "                  ";
const WIDTH: usize = 78;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finding, Runs, Subject, attribute};

    #[test]
    fn what_comes_from_inside_cannot_steer_the_terminal() {
        let evil = "\u{1b}]0;title\u{7}\u{9b}2J".to_owned();
        let finding =
            Finding { id: "bpf".into(), outcome: Outcome::Open, evidence: evil, errno: None, absent: false };
        let runs = Runs { all: vec![finding], ..Runs::default() };
        let text = attribute(Subject { engine: "x\u{1b}".into(), ..Subject::default() }, &runs).text();
        assert!(text.chars().all(|letter| letter == '\n' || !letter.is_control()), "{text:?}");
    }

    #[test]
    fn lines_fit_a_terminal() {
        let text = attribute(Subject::default(), &Runs::default()).text();
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert_eq!(wrapped("  ", "aa bb"), ["  aa bb"]);
    }
}
