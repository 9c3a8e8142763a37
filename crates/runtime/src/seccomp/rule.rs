// SPDX-License-Identifier: Apache-2.0
//! Rules on the arguments of a call.
//!
//! A filter sees the six argument registers as 64-bit words, whatever the call makes of them. A parameter that is
//! an `int` to the kernel is only the lower half of its register; the upper half is the caller's to choose. A rule
//! that compares the whole word can then be walked around by setting a bit there (CVE-2019-10063: TIOCSTI in
//! flatpak). So each condition carries the bits that count, and [`Condition::INT`] is the mask for an `int`.
//!
//! A filter does not see memory: what lies behind a pointer cannot be judged here (clone3, openat2, socketcall).

use super::action::Action;

/// The conditions of one rule hold together (AND); the first rule that holds decides (a list of rules is OR).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    when: [Option<Condition>; Self::MOST],
    action: Action,
}

impl Rule {
    /// How many conditions one rule can have.
    pub const MOST: usize = 6;

    /// A rule that answers `action` where every condition holds; without conditions, always. `None` when there
    /// are more than [`Rule::MOST`].
    pub const fn new(conditions: &[Condition], action: Action) -> Option<Self> {
        if conditions.len() > Self::MOST {
            return None;
        }
        let mut when = [None; Self::MOST];
        let mut at = 0;
        while at < conditions.len() {
            when[at] = Some(conditions[at]);
            at += 1;
        }
        Some(Self { when, action })
    }

    /// What must hold.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.when.iter().flatten()
    }

    /// What is answered then.
    pub const fn action(&self) -> Action {
        self.action
    }

    /// The same rule with another answer.
    #[must_use]
    pub const fn answering(self, action: Action) -> Self {
        Self { action, ..self }
    }

    /// Whether every condition holds.
    pub fn holds(&self, arguments: &[u64; 6]) -> bool {
        self.conditions().all(|condition| condition.holds(arguments))
    }

    /// One condition by its place.
    pub(super) fn condition(&self, at: usize) -> Option<&Condition> {
        self.when.get(at)?.as_ref()
    }
}

/// One comparison: `argument & mask` against `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Which argument, 0 to 5.
    pub argument: u8,
    /// The bits that count.
    pub mask: u64,
    /// How it is compared, as unsigned numbers.
    pub test: Test,
    /// With what. Has no bit outside the mask, or the condition could never hold.
    pub value: u64,
}

/// How a masked argument is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    /// Equal.
    Is,
    /// Not equal.
    IsNot,
    /// Less.
    Below,
    /// Less or equal.
    AtMost,
    /// Greater.
    Above,
    /// Greater or equal.
    AtLeast,
}

impl Condition {
    /// The mask for a parameter that the kernel takes as 32 bits.
    pub const INT: u64 = 0xffff_ffff;

    /// Whether it holds for these arguments.
    pub fn holds(&self, arguments: &[u64; 6]) -> bool {
        let seen = arguments[usize::from(self.argument)] & self.mask;
        match self.test {
            Test::Is => seen == self.value,
            Test::IsNot => seen != self.value,
            Test::Below => seen < self.value,
            Test::AtMost => seen <= self.value,
            Test::Above => seen > self.value,
            Test::AtLeast => seen >= self.value,
        }
    }
}
