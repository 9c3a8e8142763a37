// SPDX-License-Identifier: Apache-2.0
//! A filter before it is a program: for each entry point, what each number is answered with.
//!
//! This is the model that a program is compiled from and tested against. Both sources, our policy and
//! Docker's profiles, end here, so there is one compiler.

use std::borrow::Cow;

use super::action::{Action, Errno};
use super::bpf::Data;
use super::call::{Abi, Call};
use super::request::Lifted;
use super::rule::Rule;

/// What each call is answered with.
#[derive(Debug, Clone, Default)]
pub struct Filter<'p> {
    /// The distinct answers, in the order of their first use.
    answers: Vec<Answer<'p>>,
    /// One per entry point, the most used first.
    sections: Vec<Section>,
    /// What is open beyond the default.
    pub(super) lifted: Vec<Lifted>,
    /// `SECCOMP_FILTER_FLAG_*` that a profile asked for.
    pub(super) flags: u32,
}

/// What a number is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer<'p> {
    /// The same, whatever the arguments.
    Flat(Action),
    /// The first rule that holds, or else `otherwise`.
    Inspect { rules: Cow<'p, [Rule]>, otherwise: Action },
}

/// An answer by its place in the list, so that comparing two is comparing numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AnswerId(pub(super) u16);

/// One entry point: all numbers from 0 to `u32::MAX`, in spans that are answered alike.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// Its ABI; what others share it is told by their marker.
    pub(super) abi: Abi,
    /// Sorted, without gaps; the first begins at 0, and neighbours differ.
    pub(super) spans: Vec<Span>,
}

/// The numbers from `first` up to the next span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u32,
    pub(super) answer: AnswerId,
}

impl<'p> Filter<'p> {
    /// A filter that closes everything, to be loaded with these `SECCOMP_FILTER_FLAG_*`.
    pub(super) fn with_flags(flags: u32) -> Self {
        Self { flags, ..Self::default() }
    }

    /// What the filter answers to one call. An entry point without a section is closed: ENOSYS.
    pub fn decide(&self, data: &Data) -> Action {
        let Some(section) = self.sections.iter().find(|section| section.abi.audit() == data.arch) else {
            return FOREIGN;
        };
        let after = section.spans.partition_point(|span| span.first <= data.nr);
        match self.answer(section.spans[after - 1].answer) {
            Answer::Flat(action) => *action,
            Answer::Inspect { rules, otherwise } => {
                rules.iter().find(|rule| rule.holds(&data.arguments)).map_or(*otherwise, Rule::action)
            }
        }
    }

    pub(super) fn answer(&self, id: AnswerId) -> &Answer<'p> {
        &self.answers[usize::from(id.0)]
    }

    pub(super) fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The id of an answer, which is added unless it is there.
    pub(super) fn intern(&mut self, answer: Answer<'p>) -> AnswerId {
        let at = self.answers.iter().position(|known| *known == answer).unwrap_or_else(|| {
            self.answers.push(answer);
            self.answers.len() - 1
        });
        AnswerId(at as u16)
    }

    /// Adds an entry point, which `abis` share (as x86_64 and x32 do).
    pub(super) fn add_section(&mut self, abis: &[Numbering<'_>]) {
        let Some(first) = abis.first() else { return };
        let mut spans: Vec<Span> = abis.iter().flat_map(Numbering::spans).collect();
        if first.abi == Abi::X86_64 && abis.len() == 1 {
            let answer = self.intern(Answer::Flat(FOREIGN));
            spans.push(Span { first: Abi::X32.marker(), answer });
        }
        spans.dedup_by_key(|span| span.answer);
        self.sections.push(Section { abi: first.abi, spans });
    }
}

/// The answers of one ABI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbering<'a> {
    pub(super) abi: Abi,
    /// To each call, by [`Call::index`].
    pub(super) calls: &'a [AnswerId],
    /// To a number that is no call, up to `newest`,
    pub(super) unknown: AnswerId,
    /// and above it.
    pub(super) newest: u32,
    pub(super) unheard_of: AnswerId,
}

impl Numbering<'_> {
    /// All numbers of the ABI in spans, from its first on; neighbours may be alike.
    fn spans(&self) -> Vec<Span> {
        let mut spans = Vec::with_capacity(2 * Call::COUNT);
        let mut next = self.abi.marker();
        for number in self.numbers() {
            self.fill(&mut spans, next, number.first);
            next = number.first + 1;
            spans.push(number);
        }
        self.fill(&mut spans, next, u32::MAX);
        spans
    }

    /// The numbers that are calls, in order. Nearly all are small, so they are put in their places and not sorted.
    fn numbers(&self) -> impl Iterator<Item = Span> {
        let (mut small, mut large) = ([None; SMALL], Vec::new());
        for (call, answer) in Call::all().zip(self.calls) {
            let Some(first) = call.number(self.abi) else { continue };
            let span = Span { first, answer: *answer };
            match small.get_mut((first - self.abi.marker()) as usize) {
                Some(place) => *place = Some(span),
                None => large.push(span),
            }
        }
        large.sort_unstable_by_key(|span| span.first);
        small.into_iter().flatten().chain(large)
    }

    /// Spans for the numbers from `first` to just below `end`, none of which is a call.
    fn fill(&self, spans: &mut Vec<Span>, first: u32, end: u32) {
        let beyond = self.newest.saturating_add(1).max(first);
        if first < end.min(beyond) {
            spans.push(Span { first, answer: self.unknown });
        }
        if beyond < end {
            spans.push(Span { first: beyond, answer: self.unheard_of });
        }
    }
}

/// The answer of an entry point that is closed: the kernel was built without it, as far as a program can tell.
pub(super) const FOREIGN: Action = Action::Refuse(Errno::NOSYS);

/// Above every number but ARM's six private ones.
const SMALL: usize = 640;
