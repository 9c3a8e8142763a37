// SPDX-License-Identifier: Apache-2.0
//! Counting: what passed, what failed, what this machine cannot do.

use std::fmt;

/// A test or a step, with the reason for what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    /// Its name, with its suite before it: `e2e devices::null`.
    pub(crate) name: String,
    /// Why it failed or was skipped.
    pub(crate) why: String,
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), why: why.into() }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}

/// What became of some tests. A test that was skipped is not among the passed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// How many passed.
    pub(crate) passed: usize,
    /// Each that failed.
    pub(crate) failed: Vec<Case>,
    /// Each that could not be done here.
    pub(crate) skipped: Vec<Case>,
}

impl Totals {
    /// One that passed.
    pub(crate) fn pass() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One that failed.
    pub(crate) fn fail(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { failed: vec![Case::new(name, why)], ..Self::default() }
    }

    /// One that could not be done here.
    pub(crate) fn skip(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { skipped: vec![Case::new(name, why)], ..Self::default() }
    }

    /// Both together.
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed.extend(other.failed);
        self.skipped.extend(other.skipped);
    }
}

/// The last line of every run.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (failed, skipped) = (self.failed.len(), self.skipped.len());
        write!(f, "{} passed, {failed} failed, {skipped} skipped", self.passed)
    }
}

/// What tests wrote into the file that `BULKHEAD_SKIPS` names, as `tests::skip` writes it: one line
/// `NAME: REASON` each. A test that told it twice counts once.
pub(super) fn skips(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for (name, why) in text.lines().filter_map(|line| line.split_once(": ")) {
        if !cases.iter().any(|case| case.name == name) {
            cases.push(Case::new(name, why));
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line() {
        let mut totals = Totals::pass();
        totals.add(Totals::pass());
        totals.add(Totals::fail("attack", "it stood open"));
        totals.add(Totals::skip("lane", "no QEMU"));
        assert_eq!(totals.to_string(), "2 passed, 1 failed, 1 skipped");
        assert_eq!(totals.skipped[0].to_string(), "lane: no QEMU");
    }

    #[test]
    fn skips_are_read_once_each() {
        let text = "a::b: no AppArmor: none\na::b: again\nc: no\n";
        assert_eq!(skips(text), [Case::new("a::b", "no AppArmor: none"), Case::new("c", "no")]);
    }
}
