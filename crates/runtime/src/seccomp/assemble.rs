// SPDX-License-Identifier: Apache-2.0
//! From a filter to instructions.
//!
//! The program is
//!
//! ```text
//!     load arch
//!     arch == native?          no: the other entry points, or ENOSYS
//!     load nr
//!     a tree of comparisons    (tree.rs; x32 needs no gate of its own: its numbers are merely large)
//!     rules on arguments       for the calls that have some
//!     return …                 one for each answer, shared
//! ```
//!
//! Jumps in BPF only go forward and conditional ones reach 255 instructions. So it is written from its end:
//! whatever an instruction jumps to exists already and its distance is known. What has fallen out of reach is
//! said again nearer (a `return`, which costs nothing to execute) or reached by one plain jump (anything else).

use super::action::Action;
use super::bpf::{self, Insn};
use super::error::Error;
use super::filter::{Answer, AnswerId, FOREIGN, Filter, Section};
use super::rule::{Condition, Rule, Test};
use super::tree::{self, Tree};
use super::weight;

/// The program that answers as `filter` does.
pub(super) fn assemble(filter: &Filter<'_>) -> Result<Vec<Insn>, Error> {
    let mut code = Backwards::new(filter);
    let mut entry = code.give(FOREIGN);
    for section in filter.sections().iter().rev() {
        let numbers = code.numbers(section);
        entry = code.branch(bpf::JEQ, section.abi.audit(), numbers, entry);
    }
    code.fall_to(entry);
    code.push(bpf::LD_ABS, bpf::ARCH);
    code.finish()
}

/// A program under construction, its last instruction first.
struct Backwards<'f, 'p> {
    filter: &'f Filter<'p>,
    reversed: Vec<Insn>,
    /// The newest `return` of each action.
    given: Vec<(Action, Place)>,
    /// The rules of each answer that has some, once they are written.
    inspected: Vec<(AnswerId, Place)>,
}

/// An instruction by its distance from the end, which stays the same while the program grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(usize);

impl<'f, 'p> Backwards<'f, 'p> {
    fn new(filter: &'f Filter<'p>) -> Self {
        Self { filter, reversed: Vec::with_capacity(512), given: Vec::new(), inspected: Vec::new() }
    }

    fn finish(mut self) -> Result<Vec<Insn>, Error> {
        self.reversed.reverse();
        match self.reversed.len() {
            ..=bpf::LONGEST => Ok(self.reversed),
            instructions => Err(Error::TooLong { instructions }),
        }
    }

    /// The decision tree of one entry point, with what loads the number.
    fn numbers(&mut self, section: &Section) -> Place {
        let weights = weight::of_spans(section);
        let root = self.tree(&tree::grow(&section.spans, &weights));
        self.fall_to(root);
        self.push(bpf::LD_ABS, bpf::NR)
    }

    fn tree(&mut self, tree: &Tree) -> Place {
        match tree {
            Tree::Answer(answer) => self.answer(*answer),
            Tree::AtLeast { at, yes, no } => {
                let (yes, no) = (self.tree(yes), self.tree(no));
                self.branch(bpf::JGE, *at, yes, no)
            }
            Tree::Is { number, yes, no } => {
                let (yes, no) = (self.answer(*yes), self.tree(no));
                self.branch(bpf::JEQ, *number, yes, no)
            }
        }
    }

    fn answer(&mut self, id: AnswerId) -> Place {
        let filter = self.filter;
        match filter.answer(id) {
            Answer::Flat(action) => self.give(*action),
            Answer::Inspect { rules, otherwise } => {
                if let Some((_, place)) = self.inspected.iter().find(|(known, _)| *known == id) {
                    return *place;
                }
                let place =
                    Inspection { code: self, rules, otherwise: *otherwise, known: Vec::new() }.start();
                self.inspected.push((id, place));
                place
            }
        }
    }

    /// A `return` of `action`.
    fn give(&mut self, action: Action) -> Place {
        match self.given.iter().find(|(known, _)| *known == action) {
            Some((_, place)) => *place,
            None => {
                let place = self.push(bpf::RET_K, action.encode());
                self.given.push((action, place));
                place
            }
        }
    }

    /// A conditional jump.
    fn branch(&mut self, code: u16, k: u32, yes: Place, no: Place) -> Place {
        if yes == no {
            return yes;
        }
        // Bringing the second near may push the first one instruction further away.
        let yes = self.near(yes, REACH - 1);
        let no = self.near(no, REACH);
        let (jt, jf) = (self.distance(yes) as u8, self.distance(no) as u8);
        self.reversed.push(Insn { code, jt, jf, k });
        self.newest()
    }

    /// `place`, or a stand-in at most `reach` instructions from the next one.
    fn near(&mut self, place: Place, reach: usize) -> Place {
        let distance = self.distance(place);
        if distance <= reach {
            return place;
        }
        let target = self.reversed[place.0];
        if target.code != bpf::RET_K {
            return self.push(bpf::JA, distance as u32);
        }
        let copy = self.push(target.code, target.k);
        for (_, known) in self.given.iter_mut().filter(|(_, known)| *known == place) {
            *known = copy;
        }
        copy
    }

    /// Makes the next instruction be followed by the one at `place`.
    fn fall_to(&mut self, place: Place) {
        if self.distance(place) > 0 {
            self.push(bpf::JA, self.distance(place) as u32);
        }
    }

    /// How many instructions lie between the next one and `place`.
    fn distance(&self, place: Place) -> usize {
        self.reversed.len() - 1 - place.0
    }

    fn push(&mut self, code: u16, k: u32) -> Place {
        self.reversed.push(Insn { code, jt: 0, jf: 0, k });
        self.newest()
    }

    fn newest(&self) -> Place {
        Place(self.reversed.len() - 1)
    }
}

/// The rules of one answer being written.
struct Inspection<'c, 'f, 'p> {
    code: &'c mut Backwards<'f, 'p>,
    rules: &'c [Rule],
    otherwise: Action,
    /// What is written already: from which condition of which rule on, with what loaded.
    known: Vec<((usize, usize, Loaded), Place)>,
}

/// The offset of the word that the accumulator holds unchanged, so that it need not be loaded again.
type Loaded = Option<u32>;

impl Inspection<'_, '_, '_> {
    fn start(&mut self) -> Place {
        self.from(0, 0, None)
    }

    /// Everything from one condition on.
    fn from(&mut self, rule: usize, condition: usize, loaded: Loaded) -> Place {
        let rules = self.rules;
        let Some(current) = rules.get(rule) else {
            return self.code.give(self.otherwise);
        };
        let Some(test) = current.condition(condition) else {
            return self.code.give(current.action());
        };
        let key = (rule, condition, loaded);
        if let Some((_, place)) = self.known.iter().find(|(known, _)| *known == key) {
            return *place;
        }
        let place = self.condition(rule, condition, test, loaded);
        self.known.push((key, place));
        place
    }

    fn condition(&mut self, rule: usize, condition: usize, test: &Condition, loaded: Loaded) -> Place {
        let [high, low] = Word::of(test);
        let both = [high, low];
        let words = if high.mask == 0 {
            &both[1..]
        } else if low.mask == 0 {
            &both[..1]
        } else {
            &both[..]
        };
        let exits = |outcome| Exits { rule, condition, outcome };
        match test.test {
            Test::Is => self.equal(words, exits(true), loaded),
            Test::IsNot => self.equal(words, exits(false), loaded),
            Test::Above => self.ordered(words, bpf::JGT, exits(true), loaded),
            Test::AtMost => self.ordered(words, bpf::JGT, exits(false), loaded),
            Test::AtLeast => self.ordered(words, bpf::JGE, exits(true), loaded),
            Test::Below => self.ordered(words, bpf::JGE, exits(false), loaded),
        }
    }

    /// Are all words as they should be?
    fn equal(&mut self, words: &[Word], exits: Exits, loaded: Loaded) -> Place {
        let Some((word, rest)) = words.split_first() else {
            return self.leave(exits, true, loaded);
        };
        // "Are all these bits clear?" is one instruction, and leaves the accumulator as it is.
        let by_bits = word.value == 0 && word.mask != u32::MAX;
        let left = if by_bits { Some(word.offset) } else { word.left() };
        let same = self.equal(rest, exits, left);
        let differs = self.leave(exits, false, left);
        let place = if by_bits {
            self.code.branch(bpf::JSET, word.mask, differs, same)
        } else {
            self.code.branch(bpf::JEQ, word.value, same, differs)
        };
        self.load(*word, if by_bits { u32::MAX } else { word.mask }, loaded, place)
    }

    /// Is the number that the words make greater (`compare` is `JGT`), or at least as great (`JGE`)?
    fn ordered(&mut self, words: &[Word], compare: u16, exits: Exits, loaded: Loaded) -> Place {
        let Some((word, rest)) = words.split_first() else {
            return self.leave(exits, compare == bpf::JGE, loaded);
        };
        let yes = self.leave(exits, true, word.left());
        let no = self.leave(exits, false, word.left());
        let place = if rest.is_empty() {
            self.code.branch(compare, word.value, yes, no)
        } else {
            let lower = self.ordered(rest, compare, exits, word.left());
            let tied = self.code.branch(bpf::JEQ, word.value, lower, no);
            self.code.branch(bpf::JGT, word.value, yes, tied)
        };
        self.load(*word, word.mask, loaded, place)
    }

    /// Loads `word` and masks it for the comparison at `next`.
    fn load(&mut self, word: Word, mask: u32, loaded: Loaded, next: Place) -> Place {
        self.code.fall_to(next);
        if mask != u32::MAX {
            self.code.push(bpf::AND, mask);
        }
        if loaded != Some(word.offset) {
            self.code.push(bpf::LD_ABS, word.offset);
        }
        self.code.newest()
    }

    /// Where it goes on after a condition.
    fn leave(&mut self, exits: Exits, outcome: bool, loaded: Loaded) -> Place {
        if outcome == exits.outcome {
            self.from(exits.rule, exits.condition + 1, loaded)
        } else {
            self.from(exits.rule + 1, 0, loaded)
        }
    }
}

/// A condition, and the outcome of its comparison for which it holds.
#[derive(Clone, Copy)]
struct Exits {
    rule: usize,
    condition: usize,
    outcome: bool,
}

/// One half of an argument, and what it is compared with.
#[derive(Clone, Copy)]
struct Word {
    offset: u32,
    mask: u32,
    value: u32,
}

impl Word {
    /// The upper and the lower half.
    fn of(test: &Condition) -> [Self; 2] {
        let low = bpf::ARGUMENTS + 8 * u32::from(test.argument);
        [
            Self { offset: low + 4, mask: (test.mask >> 32) as u32, value: (test.value >> 32) as u32 },
            Self { offset: low, mask: test.mask as u32, value: test.value as u32 },
        ]
    }

    /// What the accumulator holds after a comparison: the word, unless bits were masked away.
    fn left(self) -> Loaded {
        (self.mask == u32::MAX).then_some(self.offset)
    }
}

/// How far a conditional jump goes.
const REACH: usize = 255;
