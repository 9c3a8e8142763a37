// SPDX-License-Identifier: Apache-2.0
//! How far a long step has come, on standard error: on a terminal a bar for each thing that is under way,
//! written over; a line for each thing elsewhere; JSON on request; nothing when asked to be quiet.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::{human, output};

/// `--quiet` is each verb's own: it means more than this.
#[derive(Debug, Args)]
// The group would have the name of the verb's own.
#[group(skip)]
pub(crate) struct Flags {
    /// How to show progress on standard error
    #[arg(long, value_name = "MANNER", default_value = "auto", hide_default_value = true)]
    progress: Wish,
}

/// How progress is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Wish {
    /// Bars on a terminal, lines elsewhere (the default)
    Auto,
    /// A line for each blob
    Plain,
    /// An object on each line: id, step, and the bytes done and in total
    Json,
}

/// What has been shown so far.
#[derive(Debug)]
pub(crate) struct Progress {
    manner: Manner,
    /// What is under way.
    bars: Vec<Bar>,
    /// What has had its line.
    named: BTreeSet<(String, Option<String>)>,
    drawn: Option<Instant>,
    /// Lines on the terminal that are to be written over.
    lines: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Quiet,
    Lines,
    Json,
    /// No wider than this: a line that wraps could not be written over.
    Bars(usize),
}

#[derive(Debug)]
struct Bar {
    id: Option<String>,
    step: String,
    done: u64,
    total: Option<u64>,
    began: Instant,
    /// Where it was when it was first heard of.
    from: u64,
    told: Instant,
}

impl Flags {
    /// The progress of a verb that is told to be `quiet` or not.
    pub(crate) fn begin(&self, quiet: bool) -> Progress {
        Progress::new(quiet, self.progress)
    }
}

impl Progress {
    /// As asked for, and as standard error allows.
    pub(crate) fn new(quiet: bool, wish: Wish) -> Self {
        let manner = match (quiet, wish) {
            (true, _) => Manner::Quiet,
            (false, Wish::Json) => Manner::Json,
            (false, Wish::Auto) if std::io::stderr().is_terminal() => Manner::Bars(width()),
            (false, Wish::Auto | Wish::Plain) => Manner::Lines,
        };
        Self::in_manner(manner)
    }

    fn in_manner(manner: Manner) -> Self {
        Self { manner, bars: Vec::new(), named: BTreeSet::new(), drawn: None, lines: 0 }
    }

    /// Shows `state`, unless something else was shown a moment ago.
    pub(crate) fn show(&mut self, state: &engine::Progress<'_>) {
        let text = self.text(state, Instant::now());
        if !text.is_empty() {
            output::warn(&text);
        }
    }

    /// Shows that the `done`-th of `total` steps begins.
    pub(crate) fn step(&mut self, name: &str, done: usize, total: usize) {
        let line = match self.manner {
            Manner::Quiet => return,
            Manner::Lines => format!("{}\n", output::visible(name)),
            Manner::Json => object(None, name, done as u64, Some(total as u64)),
            Manner::Bars(width) => {
                let line = format!("{done:>3} of {total}  {}", output::visible(name));
                self.over(&[human::shortened(&line, width)])
            }
        };
        output::warn(&line);
    }

    /// Takes what is written over away.
    pub(crate) fn finish(&mut self) {
        if self.lines > 0 {
            let text = self.over(&[]);
            output::warn(&text);
        }
    }

    /// What to write for `state` at `now`; often nothing.
    fn text(&mut self, state: &engine::Progress<'_>, now: Instant) -> String {
        match self.manner {
            Manner::Quiet => String::new(),
            Manner::Lines => self.named(state),
            Manner::Json => self.json(state, now),
            Manner::Bars(width) => self.bars(state, now, width),
        }
    }

    fn named(&mut self, state: &engine::Progress<'_>) -> String {
        if !self.named.insert((state.step.to_owned(), state.id.map(str::to_owned))) {
            return String::new();
        }
        let mut line = state.step.to_owned();
        if let Some(id) = state.id {
            line.push_str(&format!("  {}", human::short_id(id)));
        }
        if let Some(total) = state.total {
            line.push_str(&format!("  {}", human::size(total)));
        }
        output::visible(&line) + "\n"
    }

    fn json(&mut self, state: &engine::Progress<'_>, now: Instant) -> String {
        let change = self.note(state, now);
        let Some(bar) = self.bar(state) else { return line(state) };
        if change == Change::Further && now.duration_since(bar.told) < PAUSE {
            return String::new();
        }
        bar.told = now;
        line(state)
    }

    fn bars(&mut self, state: &engine::Progress<'_>, now: Instant, width: usize) -> String {
        let change = self.note(state, now);
        let due = self.drawn.is_none_or(|drawn| now.duration_since(drawn) >= PAUSE);
        if change == Change::Further && !due {
            return String::new();
        }
        self.drawn = Some(now);
        let lines: Vec<String> = self.bars.iter().map(|bar| bar.line(now, width)).collect();
        self.over(&lines)
    }

    /// Keeps what `state` says; what has ended goes.
    fn note(&mut self, state: &engine::Progress<'_>, now: Instant) -> Change {
        let engine::Progress { step, id, done, total } = *state;
        let known = self.bars.iter().position(|bar| bar.id.as_deref() == id);
        if total.is_some_and(|total| done >= total) {
            known.map(|at| self.bars.remove(at));
            return Change::Ended;
        }
        let Some(at) = known else {
            self.bars.push(Bar {
                id: id.map(str::to_owned),
                step: step.to_owned(),
                done,
                total,
                began: now,
                from: done,
                told: now,
            });
            return Change::Began;
        };
        let bar = &mut self.bars[at];
        let change = if bar.step == step { Change::Further } else { Change::Began };
        step.clone_into(&mut bar.step);
        (bar.done, bar.total) = (done, total);
        change
    }

    fn bar(&mut self, state: &engine::Progress<'_>) -> Option<&mut Bar> {
        self.bars.iter_mut().find(|bar| bar.id.as_deref() == state.id)
    }

    /// `lines` in place of those that were written last.
    fn over(&mut self, lines: &[String]) -> String {
        let up = match self.lines {
            0 | 1 => String::new(),
            many => format!("\u{1b}[{}A", many - 1),
        };
        self.lines = lines.len();
        format!("\r{up}{CLEAR}{}", lines.join("\r\n"))
    }
}

/// What a state is to those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Began,
    Further,
    Ended,
}

impl Bar {
    fn line(&self, now: Instant, width: usize) -> String {
        let mut line = match &self.id {
            Some(id) => format!("{}  {}", human::short_id(id), self.step),
            None => self.step.clone(),
        };
        let done = human::size(self.done);
        match self.total {
            Some(total) => {
                line.push_str(&format!("  [{}]  {done} of {}", drawn(self.done, total), human::size(total)))
            }
            None => line.push_str(&format!("  {done}")),
        }
        if let Some(rate) = self.rate(now) {
            line.push_str(&format!("  {}/s", human::size(rate)));
        }
        human::shortened(&output::visible(&line), width)
    }

    /// Bytes in a second since it began; nothing before there is a figure worth telling.
    fn rate(&self, now: Instant) -> Option<u64> {
        let millis =
            u64::try_from(now.duration_since(self.began).as_millis()).ok().filter(|time| *time >= 500)?;
        Some(self.done.saturating_sub(self.from).saturating_mul(1000) / millis)
    }
}

fn line(state: &engine::Progress<'_>) -> String {
    let engine::Progress { step, id, done, total } = *state;
    object(id, step, done, total)
}

fn object(id: Option<&str>, step: &str, done: u64, total: Option<u64>) -> String {
    let [id, step, total] = [json!(id), json!(step), json!(total)];
    let text = format!("{{\"id\":{id},\"step\":{step},\"done\":{done},\"total\":{total}}}\n");
    output::escaped(&text)
}

/// How much of a bar is full.
fn drawn(done: u64, total: u64) -> String {
    let cells = u64::try_from(CELLS).unwrap_or_default();
    let full = usize::try_from(done.min(total).saturating_mul(cells) / total.max(1)).unwrap_or_default();
    format!("{}{}", "=".repeat(full), " ".repeat(CELLS - full))
}

/// One less than the terminal has: in the last one some wrap.
fn width() -> usize {
    engine::columns(std::io::stderr()).map_or(USUAL_WIDTH, |columns| usize::from(columns).saturating_sub(1))
}

/// All from here to the end of the screen is empty.
const CLEAR: &str = "\u{1b}[J";
const USUAL_WIDTH: usize = 78;
const CELLS: usize = 20;
/// A person does not read faster.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests;
