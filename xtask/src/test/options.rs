// SPDX-License-Identifier: Apache-2.0
//! What is wanted of `cargo xtask test`.

use super::step::{self, Step};
use crate::failure::{Failure, Result};
use crate::project::Profile;

/// The chosen part of the whole truth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Options {
    quick: bool,
    /// A group of steps; all without it.
    only: Option<String>,
    /// Part of the names of the tests that are wanted; all without it.
    pub(super) filter: Option<String>,
}

impl Options {
    /// Reads `[--quick] [--only GROUP [NAME]]`.
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => options.quick = true,
                "--only" => options.only = Some(group(words.next())?),
                name if !name.starts_with('-') && options.only.is_some() && options.filter.is_none() => {
                    options.filter = Some(name.to_owned());
                }
                other => return Err(Failure::new(format!("`test` takes no {other}; {USAGE}"))),
            }
        }
        Ok(options)
    }

    /// Whether `step` is part of it.
    pub(super) fn want(&self, step: &Step) -> bool {
        match &self.only {
            Some(group) => step.groups.contains(&group.as_str()),
            None => step.quick || !self.quick,
        }
    }

    /// How the binary under test is built.
    pub(super) fn profile(&self) -> Profile {
        if self.quick { Profile::Dev } else { Profile::Fast }
    }
}

fn group(word: Option<&String>) -> Result<String> {
    let known = step::groups();
    match word {
        Some(word) if known.contains(&word.as_str()) => Ok(word.clone()),
        Some(word) => Err(Failure::new(format!("no tests named {word}; there are: {}", known.join(", ")))),
        None => Err(Failure::new(format!("which tests only? There are: {}", known.join(", ")))),
    }
}

const USAGE: &str = "it is `cargo xtask test [--quick] [--only GROUP [NAME]]`";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        Options::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    fn steps(line: &str) -> Vec<&'static str> {
        let options = parse(line).unwrap();
        step::STEPS.iter().filter(|step| options.want(step)).map(|step| step.name).collect()
    }

    #[test]
    fn everything_without_words() {
        assert_eq!(steps("").len(), step::STEPS.len());
        assert_eq!(parse("").unwrap().profile(), Profile::Fast);
    }

    #[test]
    fn quick_is_the_own_loop() {
        let quick = steps("--quick");
        assert!(["format", "clippy", "unit", "e2e"].iter().all(|name| quick.contains(name)));
        assert!(!["packages", "deny", "attack"].iter().any(|name| quick.contains(name)));
        assert_eq!(parse("--quick").unwrap().profile(), Profile::Dev);
    }

    #[test]
    fn only_brings_what_the_group_needs() {
        assert_eq!(steps("--only e2e"), ["binary", "harnesses", "images", "e2e", "leftovers"]);
        assert_eq!(steps("--only unit"), ["harnesses", "unit"]);
        assert_eq!(parse("--only e2e smoke::").unwrap().filter.as_deref(), Some("smoke::"));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for line in ["--only", "--only moon", "--fast", "smoke", "--only e2e a b"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
