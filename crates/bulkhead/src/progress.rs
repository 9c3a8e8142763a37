// SPDX-License-Identifier: Apache-2.0
//! How far a long step has come, on standard error: one line that is written over on a terminal, a
//! line for each step elsewhere, nothing when asked to be quiet.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::{human, output};

/// What has been shown so far.
#[derive(Debug)]
pub(crate) struct Progress {
    manner: Manner,
    step: String,
    drawn: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Quiet,
    Lines,
    OneLine,
}

impl Progress {
    /// As standard error allows.
    pub(crate) fn new(quiet: bool) -> Self {
        let manner = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Manner::Quiet,
            (false, true) => Manner::OneLine,
            (false, false) => Manner::Lines,
        };
        Self { manner, step: String::new(), drawn: None }
    }

    /// Shows `state`, unless something else was shown a moment ago.
    pub(crate) fn show(&mut self, state: &engine::Progress<'_>) {
        output::warn(&self.text(state, Instant::now()));
    }

    /// Shows that the `done`-th of `total` steps begins.
    pub(crate) fn step(&mut self, name: &str, done: usize, total: usize) {
        let line = match self.manner {
            Manner::Quiet => return,
            Manner::Lines => format!("{}\n", output::visible(name)),
            Manner::OneLine => {
                self.drawn = Some(Instant::now());
                let line = format!("{done:>3} of {total}  {}", output::visible(name));
                format!("{CLEAR}{}", human::shortened(&line, WIDTH))
            }
        };
        output::warn(&line);
    }

    /// Takes the line that is written over away.
    pub(crate) fn finish(&mut self) {
        if self.manner == Manner::OneLine && self.drawn.take().is_some() {
            output::warn(CLEAR);
        }
    }

    /// What to write for `state` at `now`; often nothing.
    fn text(&mut self, state: &engine::Progress<'_>, now: Instant) -> String {
        let new_step = self.step != state.step;
        if new_step {
            state.step.clone_into(&mut self.step);
        }
        let due = self.drawn.is_none_or(|drawn| now.duration_since(drawn) >= PAUSE);
        match self.manner {
            Manner::Lines if new_step => format!("{}\n", output::visible(state.step)),
            Manner::OneLine if new_step || due => {
                self.drawn = Some(now);
                // Cut well below any terminal's width: a line that wraps could not be written over.
                let line = human::shortened(&output::visible(&line(state)), WIDTH);
                format!("{CLEAR}{line}")
            }
            Manner::Quiet | Manner::Lines | Manner::OneLine => String::new(),
        }
    }
}

fn line(state: &engine::Progress<'_>) -> String {
    let done = human::size(state.done);
    match state.total {
        Some(total) => format!("{}  {done} of {}", state.step, human::size(total)),
        None => format!("{}  {done}", state.step),
    }
}

/// To the first column, and the line is empty.
const CLEAR: &str = "\r\u{1b}[2K";
const WIDTH: usize = 78;
/// A person does not read faster.
const PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(manner: Manner) -> Progress {
        Progress { manner, step: String::new(), drawn: None }
    }

    fn at(step: &str, done: u64) -> engine::Progress<'_> {
        engine::Progress { step, done, total: Some(2_000_000) }
    }

    #[test]
    fn a_line_for_each_step() {
        let mut shown = progress(Manner::Lines);
        let now = Instant::now();
        let texts =
            [at("layer 1", 0), at("layer 1", 5), at("layer\x1b2", 0)].map(|state| shown.text(&state, now));
        assert_eq!(texts, ["layer 1\n", "", "layer\\u{1b}2\n"]);
    }

    #[test]
    fn one_line_written_over_ten_times_a_second() {
        let mut shown = progress(Manner::OneLine);
        let start = Instant::now();
        assert_eq!(shown.text(&at("layer 1", 0), start), "\r\u{1b}[2Klayer 1  0B of 2MB");
        assert_eq!(shown.text(&at("layer 1", 1), start + PAUSE / 2), "");
        assert_eq!(shown.text(&at("layer 1", 1_000_000), start + PAUSE), "\r\u{1b}[2Klayer 1  1MB of 2MB");
        assert_eq!(shown.text(&at("layer 2", 0), start + PAUSE), "\r\u{1b}[2Klayer 2  0B of 2MB");
    }

    #[test]
    fn quiet_is_quiet() {
        assert_eq!(progress(Manner::Quiet).text(&at("layer 1", 0), Instant::now()), "");
    }
}
