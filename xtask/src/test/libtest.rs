// SPDX-License-Identifier: Apache-2.0
//! What a Rust test harness prints, read line by line.
//!
//! ```text
//! test devices::null_is_there ... ok
//! test devices::old ... ignored, reason
//! test devices::shut ... FAILED
//! ---- devices::shut stdout ----
//! thread 'devices::shut' panicked at ...
//! test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s
//! ```

use std::collections::BTreeMap;

/// What became of one test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Passed,
    Failed,
    Ignored(String),
}

/// The harness's own last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) ignored: usize,
}

/// All that harnesses said. Several may speak one after the other, as with `cargo test --doc`.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    /// Each test, in the order in which they ended.
    pub(super) verdicts: Vec<(String, Verdict)>,
    /// One for each harness that came to its end.
    pub(super) summaries: Vec<Summary>,
    /// What the failed tests wrote, by their names.
    output: BTreeMap<String, String>,
    speaking: Option<String>,
}

impl Transcript {
    /// Takes the next line, without its end.
    pub(super) fn read(&mut self, line: &str) {
        if let Some(summary) = summary(line) {
            self.speaking = None;
            self.summaries.push(summary);
        } else if let Some(name) = heading(line) {
            self.speaking = Some(name.to_owned());
        } else if line == "failures:" {
            self.speaking = None;
        } else if let Some(name) = &self.speaking {
            let text = self.output.entry(name.clone()).or_default();
            text.push_str(line);
            text.push('\n');
        } else if let Some(verdict) = verdict(line) {
            self.verdicts.push(verdict);
        }
    }

    /// What the test `name` wrote.
    pub(super) fn output(&self, name: &str) -> &str {
        self.output.get(name).map_or("", |text| text.trim())
    }

    /// Whether the verdicts that were read are as many as the harnesses counted. They are not when
    /// something else wrote into the middle of a line.
    pub(super) fn adds_up(&self) -> bool {
        let read =
            |wanted: fn(&Verdict) -> bool| self.verdicts.iter().filter(|(_, found)| wanted(found)).count();
        let told = |of: fn(&Summary) -> usize| self.summaries.iter().map(of).sum::<usize>();
        read(|verdict| *verdict == Verdict::Passed) == told(|summary| summary.passed)
            && read(|verdict| *verdict == Verdict::Failed) == told(|summary| summary.failed)
            && read(|verdict| matches!(verdict, Verdict::Ignored(_))) == told(|summary| summary.ignored)
    }
}

/// `test NAME ... ok`. A name may hold spaces: doc tests are called `src/lib.rs - Root (line 3)`, and
/// tests that should panic have ` - should panic` behind their name.
fn verdict(line: &str) -> Option<(String, Verdict)> {
    let (name, word) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    let verdict = match word.trim_end() {
        "ok" => Verdict::Passed,
        "FAILED" => Verdict::Failed,
        ignored => {
            let reason = ignored.strip_prefix("ignored")?;
            Verdict::Ignored(reason.trim_start_matches([',', ' ']).to_owned())
        }
    };
    let name = name.strip_suffix(" - should panic").unwrap_or(name);
    Some((name.to_owned(), verdict))
}

/// The test that the line says has failed.
pub(super) fn failed_now(line: &str) -> Option<String> {
    verdict(line).filter(|(_, verdict)| *verdict == Verdict::Failed).map(|(name, _)| name)
}

/// `---- NAME stdout ----`, before what a failed test wrote.
fn heading(line: &str) -> Option<&str> {
    line.strip_prefix("---- ")?.strip_suffix(" stdout ----")
}

/// `test result: ok. 3 passed; 0 failed; 1 ignored; ...`
fn summary(line: &str) -> Option<Summary> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |what: &str| {
        counts.split(';').find_map(|part| part.trim().strip_suffix(what)?.trim().parse::<usize>().ok())
    };
    Some(Summary { passed: count("passed")?, failed: count("failed")?, ignored: count("ignored")? })
}

/// The tests that `--list` names: `NAME: test`.
pub(super) fn listed(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Transcript {
        let mut transcript = Transcript::default();
        text.lines().for_each(|line| transcript.read(line));
        transcript
    }

    #[test]
    fn verdicts_output_and_summary_are_read() {
        let transcript = read(RUN);
        let names: Vec<&str> = transcript.verdicts.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a::fine", "a::old", "b::shut", "src/lib.rs - Root (line 3)", "c::ends"]);
        assert_eq!(transcript.verdicts[1].1, Verdict::Ignored("needs a moon".to_owned()));
        assert_eq!(transcript.verdicts[2].1, Verdict::Failed);
        assert_eq!(
            transcript.output("b::shut"),
            "test c ... ok is what it said\npanicked at x.rs:1:1:\nshut"
        );
        assert_eq!(transcript.output("a::fine"), "");
        assert_eq!(transcript.summaries, [Summary { passed: 3, failed: 1, ignored: 1 }]);
        assert!(transcript.adds_up());
    }

    #[test]
    fn a_verdict_that_was_garbled_is_noticed() {
        let transcript = read(&RUN.replace("test a::fine ... ok", "test a::fine noise ... "));
        assert!(!transcript.adds_up());
    }

    #[test]
    fn a_harness_that_died_has_no_summary() {
        assert!(read("running 2 tests\ntest a ... ok\n").summaries.is_empty());
    }

    #[test]
    fn several_harnesses_are_added_up() {
        let transcript = read(&format!("{RUN}\n{RUN}"));
        assert_eq!(transcript.summaries.len(), 2);
        assert!(transcript.adds_up());
    }

    #[test]
    fn the_list_is_read() {
        assert_eq!(listed("a::b: test\nc: benchmark\n\n1 test, 1 benchmark\n"), ["a::b"]);
    }

    const RUN: &str = "
running 5 tests
test a::fine ... ok
test a::old ... ignored, needs a moon
test b::shut ... FAILED
test src/lib.rs - Root (line 3) ... ok
test c::ends - should panic ... ok

failures:

---- b::shut stdout ----
test c ... ok is what it said
panicked at x.rs:1:1:
shut

failures:
    b::shut

test result: FAILED. 3 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s
";
}
