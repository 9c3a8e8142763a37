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

use std::collections::HashMap;

use super::action::Action;
use super::bpf::{self, Insn};
use super::error::Error;
use super::filter::{Answer, AnswerId, FOREIGN, Filter, Section};
use super::rule::{Condition, Rule, Test};
use super::tree::{self, Tree};
use super::weight;

/// The program that answers as `filter` does.
pub(super) fn assemble(filter: &Filter<'_>) -> Result<Vec<Insn>, Error> {
    let mut code = Backwards { filter, reversed: Vec::with_capacity(512), said: HashMap::new() };
    let mut entry = code.flat(FOREIGN);
    for section in filter.sections().iter().rev() {
        let numbers = code.numbers(section);
        entry = code.branch(bpf::JEQ, section.audit, numbers, entry);
    }
    code.push(bpf::LD_ABS, bpf::ARCH);
    code.finish()
}

/// A program under construction, its last instruction first.
struct Backwards<'f, 'p> {
    filter: &'f Filter<'p>,
    reversed: Vec<Insn>,
    /// Where an answer was last given.
    said: HashMap<Saying, Place>,
}

/// An instruction by its distance from the end, which stays the same while the program grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Saying {
    Flat(Action),
    Rules(u16),
}
