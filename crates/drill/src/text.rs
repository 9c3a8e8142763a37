// SPDX-License-Identifier: Apache-2.0
//! The report for a person at a terminal: the headline, what is open and why, what stopped the rest.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::{Class, Count, Outcome, Probe, Report};

pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    let summary = &report.summary;
    let _infallible = writeln!(
        text,
        "{} on Linux {} stops {} escape attempts and {} probes.\n(Docker's default on such a kernel: 75 of 85, and 99 of 156.)\n",
        report.engine,
        report.kernel,
        of(summary.attempts),
        of(summary.all)
    );
    for (name, count) in
        [("escape attempts", summary.attempts), ("leaks", summary.leaks), ("resources", summary.resources), ("posture", summary.posture)]
    {
        let _infallible = writeln!(text, "  {name:<16}{:>3} of {:<3} {}", count.stopped, count.total, bar(count));
    }
    let open: Vec<_> = report.probes.iter().filter(|probe| probe.outcome == Outcome::Open && probe.class != Class::Info).collect();
    let _infallible = writeln!(text, "\nOpen ({})", open.len());
    for probe in open {
        show_open(&mut text, probe);
    }
    text.push_str("\nStopped, by the wall that does it\n");
    for (wall, probes) in by_wall(report) {
        let _infallible = writeln!(text, "  {wall} ({})", probes.len());
        wrap(&mut text, &probes);
    }
    text
}

fn of(count: Count) -> String {
    format!("{} of {}", count.stopped, count.total)
}

fn bar(count: Count) -> String {
    let full = if count.total == 0 { 0 } else { count.stopped * BAR / count.total };
    format!("{}{}", "#".repeat(full), ".".repeat(BAR - full))
}

fn show_open(text: &mut String, probe: &Probe) {
    let _infallible = writeln!(text, "  {:<16}{}", probe.id, probe.title);
    let why = probe.why.as_deref().unwrap_or("");
    if why.is_empty() {
        let _infallible = writeln!(text, "  {:<16}seen: {}", "", printable(&probe.evidence));
    } else {
        let _infallible = writeln!(text, "  {:<16}{why}", "");
    }
}

pub(crate) fn by_wall(report: &Report) -> Vec<(String, Vec<&str>)> {
    let mut walls: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for probe in report.probes.iter().filter(|probe| probe.outcome == Outcome::Stopped && probe.class != Class::Info) {
        walls.entry(&probe.wall).or_default().push(&probe.id);
    }
    let mut walls: Vec<_> = walls.into_iter().map(|(wall, probes)| (wall.to_owned(), probes)).collect();
    walls.sort_by_key(|(_, probes)| std::cmp::Reverse(probes.len()));
    walls
}

fn wrap(text: &mut String, words: &[&str]) {
    let mut line = String::from("   ");
    for word in words {
        if line.len() + word.len() + 1 > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("   ");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

/// What came out of a container must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '?' } else { letter }).collect()
}

const BAR: usize = 40;
const WIDTH: usize = 78;
