// SPDX-License-Identifier: Apache-2.0
//! The steps of `cargo xtask test`, in their order. This table is the whole truth.

use super::run::Run;
use super::tally::Totals;
use super::{drill, lints, suites};
use crate::failure::Result;

/// One step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    /// The words of `--only` that bring it.
    pub(super) groups: &'static [&'static str],
    /// Whether `--quick` has it.
    pub(super) quick: bool,
    pub(super) run: fn(&mut Run) -> Result<Totals>,
}

/// Each word of `--only`, once.
pub(super) fn groups() -> Vec<&'static str> {
    let mut words = Vec::new();
    for word in STEPS.iter().flat_map(|step| step.groups) {
        if !words.contains(word) {
            words.push(*word);
        }
    }
    words
}

const fn step(
    name: &'static str,
    groups: &'static [&'static str],
    quick: Quick,
    run: fn(&mut Run) -> Result<Totals>,
) -> Step {
    Step { name, groups, quick: matches!(quick, Quick::Yes), run }
}

enum Quick {
    Yes,
    No,
}

#[rustfmt::skip]
pub(super) const STEPS: &[Step] = &[
    step("packages",    &["packages"],  Quick::No,  Run::packages),
    step("format",      &["lints"],     Quick::Yes, lints::format),
    step("clippy",      &["lints"],     Quick::Yes, lints::clippy),
    step("deny",        &["lints"],     Quick::No,  lints::deny),
    step("docs",        &["lints"],     Quick::No,  lints::documentation),
    step("binary",      RUN_CONTAINERS, Quick::Yes, Run::build_binary),
    step("harnesses",   HARNESSES,      Quick::Yes, Run::build_harnesses),
    step("images",      SUITES,         Quick::Yes, Run::make_images),
    step("unit",        &["unit"],      Quick::Yes, suites::unit),
    step("fuzz",        &["fuzz"],      Quick::No,  suites::fuzz),
    step("doc tests",   &["doc"],       Quick::No,  suites::documentation),
    step("drill",       &["drill"],     Quick::No,  drill::first_command),
    step("e2e",         &["e2e"],       Quick::Yes, |run| suites::suite(run, "e2e")),
    step("conformance", &["conformance"], Quick::No, |run| suites::suite(run, "conformance")),
    step("attack",      &["attack"],    Quick::No,  |run| suites::suite(run, "attack")),
    step("lane",        &["lane"],      Quick::No,  suites::lane),
    step("leftovers",   RUN_CONTAINERS, Quick::Yes, Run::leftovers),
];

const SUITES: &[&str] = &["e2e", "conformance", "attack"];
const HARNESSES: &[&str] = &["unit", "fuzz", "e2e", "conformance", "attack"];
const RUN_CONTAINERS: &[&str] = &["drill", "e2e", "conformance", "attack", "lane"];
