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

/// The question that leaves the least to ask, by the entropy of what remains on both sides. `None` when there is
/// nothing to ask.
fn best_question(leaves: &[Leaf]) -> Option<Question> {
    let terms: Vec<f64> = leaves.iter().map(|leaf| term(leaf.weight)).collect();
    let (weight, sum) = (leaves.iter().map(|leaf| leaf.weight).sum::<f64>(), terms.iter().sum::<f64>());
    let mut best = (f64::INFINITY, None);
    let mut offer = |left: f64, question| {
        if left < best.0 {
            best = (left, Some(question));
        }
    };
    let (mut weight_below, mut sum_below) = (0.0, 0.0);
    for at in 0..leaves.len() {
        if at > 0 {
            let above = entropy(weight - weight_below, sum - sum_below);
            offer(entropy(weight_below, sum_below) + above, Question::AtLeast(at));
        }
        if at > 0 && at + 1 < leaves.len() && leaves[at].single {
            let (low, high) = (leaves[at - 1], leaves[at + 1]);
            if low.answer == high.answer {
                let grown = term(low.weight + high.weight) - terms[at - 1] - terms[at + 1] - terms[at];
                offer(entropy(weight - leaves[at].weight, sum + grown), Question::Is(at));
            }
        }
        weight_below += leaves[at].weight;
        sum_below += terms[at];
    }
    best.1
}

/// Bits still to be learned about leaves, times their weight.
fn entropy(weight: f64, sum_of_terms: f64) -> f64 {
    term(weight) - sum_of_terms
}

fn term(weight: f64) -> f64 {
    weight * weight.log2()
}

/// The leaves without the one at `at`, whose neighbours become one.
fn without(leaves: &[Leaf], at: usize) -> Vec<Leaf> {
    let mut rest = Vec::with_capacity(leaves.len() - 2);
    rest.extend_from_slice(&leaves[..at]);
    if let Some(low) = rest.last_mut() {
        low.weight += leaves[at + 1].weight;
        low.single = false;
    }
    rest.extend_from_slice(&leaves[at + 2..]);
    rest
}
