// SPDX-License-Identifier: Apache-2.0
//! `--filter KEY=VALUE` of the listings, by Docker's rules: of several values of a key one has to fit, of
//! several keys all.

mod containers;
mod glob;
mod images;
mod time;

use std::collections::BTreeMap;

use crate::error::{Error, Result};

pub use containers::{Shown, network};

/// What was asked for, in the order given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters(Vec<(String, String)>);

impl Filters {
    /// Reads `KEY=VALUE` pairs; a key ends in `!` where `KEY!=VALUE` was written.
    ///
    /// # Errors
    /// One without an equals sign, in Docker's words.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self> {
        // A mark before the sign belongs to the key: `label!=x` is what `label!` wants.
        let pair = |text: T| match text.as_ref().split_once('=') {
            Some((key, value)) => Ok((key.trim().to_lowercase(), value.trim().to_owned())),
            None => Err(Error::Filter {
                reason: format!("bad format of filter '{}' (expected name=value)", text.as_ref()),
            }),
        };
        texts.into_iter().map(pair).collect::<Result<_>>().map(Self)
    }

    /// # Errors
    /// A key that is not one of `keys`, in Docker's words.
    pub(crate) fn known(&self, keys: &[&str]) -> Result<()> {
        match self.0.iter().find(|(key, _)| !keys.contains(&key.as_str())) {
            Some((key, _)) => Err(Error::Filter { reason: format!("invalid filter '{key}'") }),
            None => Ok(()),
        }
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values(key).next().is_some()
    }

    /// The key's values.
    pub(crate) fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Whether one of the key's values fits, or it has none.
    pub(crate) fn any(&self, key: &str, fits: impl FnMut(&str) -> bool) -> bool {
        !self.has(key) || self.values(key).any(fits)
    }

    /// Whether all of the key's `NAME` or `NAME=VALUE` are among `labels`: labels are all wanted.
    pub(crate) fn labels(&self, key: &str, labels: &BTreeMap<String, String>) -> bool {
        self.values(key).all(|wanted| has_label(labels, wanted))
    }

    /// Whether none of them is.
    pub(crate) fn without_labels(&self, key: &str, labels: &BTreeMap<String, String>) -> bool {
        !self.values(key).any(|wanted| has_label(labels, wanted))
    }

    /// The key as a yes or no.
    ///
    /// # Errors
    /// Another value, or both.
    pub(crate) fn switch(&self, key: &str) -> Result<Option<bool>> {
        let mut found = None;
        for value in self.values(key) {
            let value = match value {
                "1" | "true" | "True" | "TRUE" | "t" | "T" => true,
                "0" | "false" | "False" | "FALSE" | "f" | "F" => false,
                other => {
                    return Err(Error::Filter { reason: format!("invalid filter '{key}=[{other}]'") });
                }
            };
            if found.is_some_and(|other| other != value) {
                return Err(Error::Filter { reason: format!("invalid filter '{key}=[true false]'") });
            }
            found = Some(value);
        }
        Ok(found)
    }
}

fn has_label(labels: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((name, value)) => labels.get(name).is_some_and(|found| found == value),
        None => labels.contains_key(wanted),
    }
}
