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
    /// How many suites said how they ended.
    ended: usize,
}

impl Reader {
    /// Takes in one line; gives what to print for it, if anything.
    pub(super) fn hear(&mut self, line: &str) -> Option<String> {
        if let Some(suite) = line.strip_prefix("lane: suite ") {
            suite.clone_into(&mut self.suite);
        } else if let Some(skipped) = line.strip_prefix("lane: skipped ") {
            return self.skipped(skipped);
        } else if let Some(name) = line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... ok")) {
            self.totals.passed.push(self.full(name));
            return None;
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            let name = self.full(name);
            self.totals.failed.push((name.clone(), "it gave no reason".into()));
            return Some(format!("FAILED {name}"));
        } else if line.starts_with("test result: ") {
            self.ended += 1;
            return None;
        }
        self.reason(line);
        None
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
    fn skipped(&mut self, text: &str) -> Option<String> {
        let (name, why) = text.split_once(": ")?;
        let name = self.full(name);
        self.totals.passed.retain(|passed| *passed != name);
        self.totals.skipped.push((name.clone(), why.to_owned()));
        None
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
