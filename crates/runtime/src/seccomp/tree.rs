// SPDX-License-Identifier: Apache-2.0
//! In which order a number is compared: a decision tree over the spans of one entry point.
//!
//! A list of `if nr == …` costs as many comparisons as the call is far down. A balanced tree costs the same for
//! all. This tree knows how often calls are made (`weight.rs`) and asks at each node the question after
//! which the least is expected to be left, so that the common calls end after two or three.
//!
//! Two questions exist, each one instruction: "is it at least *k*?", which cuts the spans in two, and "is it *n*?",
//! which takes one number out. The second is better where a single number is answered differently from its
//! neighbours, since these then grow together.

use super::filter::{AnswerId, Span};

/// A question, or the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    Answer(AnswerId),
    /// `nr >= at`?
    AtLeast {
        at: u32,
        yes: Box<Tree>,
        no: Box<Tree>,
    },
    /// `nr == number`?
    Is {
        number: u32,
        yes: AnswerId,
        no: Box<Tree>,
    },
}

/// The tree for `spans`, given how often the numbers of each are called (any unit).
pub(super) fn grow(spans: &[Span], weights: &[f64]) -> Tree {
    let nodes: Vec<_> = spans
        .iter()
        .enumerate()
        .map(|(at, span)| Leaf {
            first: span.first,
            single: spans.get(at + 1).is_some_and(|next| next.first == span.first + 1),
            answer: span.answer,
            weight: weights[at],
            information: information(weights[at]),
        })
        .collect();
    split(&nodes)
}

#[derive(Debug, Clone, Copy)]
struct Leaf {
    first: u32,
    /// Whether the span is one number.
    single: bool,
    answer: AnswerId,
    weight: f64,
    /// Of the weight, kept since it is asked for often.
    information: f64,
}

fn split(leaves: &[Leaf]) -> Tree {
    match best_question(leaves) {
        None => Tree::Answer(leaves[0].answer),
        Some(Question::AtLeast(at)) => {
            let (no, yes) = leaves.split_at(at);
            Tree::AtLeast { at: yes[0].first, yes: Box::new(split(yes)), no: Box::new(split(no)) }
        }
        Some(Question::Is(at)) => Tree::Is {
            number: leaves[at].first,
            yes: leaves[at].answer,
            no: Box::new(split(&without(leaves, at))),
        },
    }
}

/// A question by the index of the leaf that it begins at, or is about.
#[derive(Clone, Copy)]
enum Question {
    AtLeast(usize),
    Is(usize),
}

/// The question that leaves the least to ask: the one with the least entropy on both sides together, which is the
/// weight of each side times the bits that remain to be learned there. `None` when there is nothing to ask.
fn best_question(leaves: &[Leaf]) -> Option<Question> {
    let weight: f64 = leaves.iter().map(|leaf| leaf.weight).sum();
    // A cut moves no leaf into another, so what it leaves depends on the two weights alone and is least for the
    // most even cut.
    let (mut cut, mut below, mut cut_below) = (0, 0.0, 0.0);
    for (at, leaf) in leaves.iter().enumerate().skip(1) {
        below += leaves[at - 1].weight;
        if cut == 0 || leans(below, weight) < leans(cut_below, weight) {
            (cut, cut_below) = (at, below);
        }
        debug_assert!(leaf.weight > 0.0, "an empty leaf would be put anywhere");
    }
    if cut == 0 {
        return None;
    }
    let left_by_cut = information(cut_below) + information(weight - cut_below);
    let single =
        leaves.windows(3).enumerate().filter(|(_, leaf)| leaf[1].single && leaf[0].answer == leaf[2].answer);
    let best =
        single.map(|(at, leaf)| (at + 1, left_by_taking(leaf, weight))).min_by(|a, b| a.1.total_cmp(&b.1));
    match best {
        Some((at, left)) if left < left_by_cut => Some(Question::Is(at)),
        _ => Some(Question::AtLeast(cut)),
    }
}

/// How uneven a cut is.
fn leans(below: f64, weight: f64) -> f64 {
    (2.0 * below - weight).abs()
}

/// What is left when the middle one of three leaves is taken out and its neighbours become one. In the
/// same terms as the two sides of a cut, so without the sum over all leaves that both have.
fn left_by_taking(leaves: &[Leaf], weight: f64) -> f64 {
    let gone: f64 = leaves.iter().map(|leaf| leaf.information).sum();
    information(weight - leaves[1].weight) + gone - information(leaves[0].weight + leaves[2].weight)
}

fn information(weight: f64) -> f64 {
    weight * weight.log2()
}

/// The leaves without the one at `at`, whose neighbours become one.
fn without(leaves: &[Leaf], at: usize) -> Vec<Leaf> {
    let mut rest = Vec::with_capacity(leaves.len() - 2);
    rest.extend_from_slice(&leaves[..at]);
    if let Some(low) = rest.last_mut() {
        low.weight += leaves[at + 1].weight;
        low.information = information(low.weight);
        low.single = false;
    }
    rest.extend_from_slice(&leaves[at + 2..]);
    rest
}
