// SPDX-License-Identifier: Apache-2.0
//! What the guest's test harness says, read as it comes.

/// What became of each check, by its name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Names.
    pub(crate) passed: Vec<String>,
    /// Names, and the first line of why.
    pub(crate) failed: Vec<(String, String)>,
    /// Names, and why.
    pub(crate) skipped: Vec<(String, String)>,
}

impl Totals {
    /// One line for each check: `ok NAME`, `FAILED NAME: why`, `skipped NAME: why`.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let passed = self.passed.iter().map(|name| format!("ok {name}"));
        let skipped = self.skipped.iter().map(|(name, why)| format!("skipped {name}: {why}"));
        let failed = self.failed.iter().map(|(name, why)| format!("FAILED {name}: {why}"));
        passed.chain(skipped).chain(failed)
    }

    /// `12 passed, 0 failed, 1 skipped`.
    pub(crate) fn line(&self) -> String {
        format!("{} passed, {} failed, {} skipped", self.passed.len(), self.failed.len(), self.skipped.len())
    }
}

/// Reads the lines of libtest and of `tests::skip`.
#[derive(Debug, Default)]
pub(super) struct Reader {
    suite: String,
    totals: Totals,
    /// Whose panic message is being read.
    panicked: Option<String>,
    /// Whether libtest is repeating what failed tests wrote.
    repeating: bool,
    /// How many suites said how they ended.
    ended: usize,
}

impl Reader {
    /// Takes in one line; says whether it is worth printing: what failed tests wrote is.
    pub(super) fn hear(&mut self, line: &str) -> bool {
        if let Some(suite) = line.strip_prefix("lane: suite ") {
            suite.clone_into(&mut self.suite);
            return true;
        }
        if let Some(skipped) = line.strip_prefix("lane: skipped ") {
            self.skipped(skipped);
        } else if let Some((name, outcome)) = outcome(line) {
            match outcome {
                Outcome::Ok => self.totals.passed.push(self.full(name)),
                Outcome::Failed => self.totals.failed.push((self.full(name), "it gave no reason".into())),
            }
        } else if line.starts_with("test result: ") {
            self.ended += 1;
            self.repeating = false;
        } else {
            self.repeating |= line == "failures:";
            self.reason(line);
            return self.repeating;
        }
        false
    }

    /// The totals of `suites` suites. One that did not end has failed as a whole.
    pub(super) fn finish(mut self, suites: usize) -> Totals {
        if self.ended < suites {
            let why = format!("only {} of {suites} suites came to their end", self.ended);
            self.totals.failed.push(("suites".into(), why));
        }
        self.totals
    }

    /// A test that was skipped has passed as far as libtest knows.
    fn skipped(&mut self, text: &str) {
        let (name, why) = text.split_once(": ").unwrap_or((text, ""));
        let name = self.full(name);
        self.totals.passed.retain(|passed| *passed != name);
        self.totals.skipped.push((name, why.to_owned()));
    }

    /// The line after `thread 'NAME' panicked at` is the reason.
    fn reason(&mut self, line: &str) {
        if let Some(name) = self.panicked.take() {
            if let Some((_, why)) = self.totals.failed.iter_mut().find(|(failed, _)| *failed == name) {
                line.clone_into(why);
            }
            return;
        }
        let name = line.strip_prefix("thread '").and_then(|rest| rest.split_once('\'')).map(|(name, _)| name);
        if let (Some(name), true) = (name, line.contains("panicked at")) {
            self.panicked = Some(self.full(name));
        }
    }

    fn full(&self, name: &str) -> String {
        format!("{}::{name}", self.suite)
    }
}

/// What libtest says of one test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Ok,
    Failed,
}

fn outcome(line: &str) -> Option<(&str, Outcome)> {
    let (name, outcome) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
    match outcome {
        "ok" => Some((name, Outcome::Ok)),
        "FAILED" => Some((name, Outcome::Failed)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_told_apart() {
        let mut reader = Reader::default();
        for line in [
            "lane: suite lane",
            "test one ... ok",
            "test two ... FAILED",
            "test three ... ok",
            "thread 'two' (77) panicked at tests/lane/x.rs:1:2:",
            "left is not right",
            "test result: FAILED. 2 passed; 1 failed",
            "lane: skipped three: no such wall",
        ] {
            reader.hear(line);
        }
        let totals = reader.finish(1);
        assert_eq!(totals.passed, ["lane::one"]);
        assert_eq!(totals.failed, [("lane::two".into(), "left is not right".into())]);
        assert_eq!(totals.skipped, [("lane::three".into(), "no such wall".into())]);
        assert_eq!(totals.line(), "1 passed, 1 failed, 1 skipped");
    }

    #[test]
    fn a_suite_that_never_ended_is_a_failure() {
        let mut reader = Reader::default();
        reader.hear("lane: suite lane");
        reader.hear("test one ... ok");
        assert_eq!(reader.finish(1).failed.len(), 1);
    }
}
