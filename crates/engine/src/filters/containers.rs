// SPDX-License-Identifier: Apache-2.0
//! The filters of `ps`.

use std::collections::BTreeMap;

use regex_lite::Regex;
use store::Image;

use super::Filters;
use crate::Engine;
use crate::error::{Error, Result};
use crate::records::{Record, State};
use crate::volumes;

/// Which containers a listing is about when no filter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// Those that run, unless a filter asks for a state.
    Running,
    /// All.
    All,
}

impl Engine {
    /// The containers that `filters` let through, newest first.
    ///
    /// # Errors
    /// A filter that there is not, or a value of it that makes no sense; a container that `before` or
    /// `since` names and that is not here.
    pub fn containers_where(&self, filters: &Filters, shown: Shown) -> Result<Vec<Record>> {
        filters.known(&KEYS)?;
        let (ids, names) = (patterns(filters, "id")?, patterns(filters, "name")?);
        let exits = codes(filters)?;
        states(filters)?;
        let before = self.named(filters, "before")?;
        let since = self.named(filters, "since")?;
        let ancestors = self.ancestors(filters)?;
        let everything = shown == Shown::All || filters.has("status");
        let mut kept = Vec::new();
        for record in self.records.all()? {
            let labels: BTreeMap<String, String> = record.details.labels.iter().cloned().collect();
            let fits = (everything || record.state.is_up() || record.state == State::Restarting)
                && any(&ids, &[&record.id])
                && any(&names, &[&record.name, &format!("/{}", record.name)])
                && filters.labels("label", &labels)
                && filters.any("status", |state| state == record.state.word())
                && (exits.is_empty() || record.exit_code.is_some_and(|code| exits.contains(&code)))
                && before.as_ref().is_none_or(|other| age(&record) < age(other))
                && since.as_ref().is_none_or(|other| age(&record) > age(other))
                && filters.any("volume", |wanted| has_volume(&record, wanted))
                && filters.any("network", |wanted| network(&record) == wanted)
                && self.descends(&record, ancestors.as_deref())?;
            if fits {
                kept.push(record);
            }
        }
        Ok(kept)
    }

    /// The container that the key names; of several the last.
    fn named(&self, filters: &Filters, key: &str) -> Result<Option<Record>> {
        filters.values(key).last().map(|name| self.records.find(name)).transpose()
    }

    /// The images that the filter names; nothing when it does not. One that is not here has no containers.
    fn ancestors(&self, filters: &Filters) -> Result<Option<Vec<Image>>> {
        if !filters.has("ancestor") {
            return Ok(None);
        }
        let found = filters.values("ancestor").map(|name| Ok(self.store.image(name)?));
        Ok(Some(found.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect()))
    }

    /// Whether the container's image is one of `ancestors`, or has all layers of one below its own.
    fn descends(&self, record: &Record, ancestors: Option<&[Image]>) -> Result<bool> {
        let Some(ancestors) = ancestors else { return Ok(true) };
        if ancestors.iter().any(|image| image.id.to_string() == record.image) {
            return Ok(true);
        }
        let Some(image) = self.store.image(&record.image)? else { return Ok(false) };
        Ok(ancestors.iter().any(|other| image.layers.starts_with(&other.layers)))
    }
}

/// Seconds and nanoseconds since 1970.
fn age(record: &Record) -> (i64, u32) {
    (record.created, record.details.nanoseconds)
}

/// The network that Docker would name.
pub fn network(record: &Record) -> &'static str {
    let host = record.details.lowered.iter().any(|(_, words)| words == "--network host");
    if host { "host" } else { "none" }
}

fn has_volume(record: &Record, wanted: &str) -> bool {
    record.details.mounts.iter().any(|mount| {
        volumes::volume(mount) == Some(wanted)
            || mount.target == wanted
            || mount.target.trim_end_matches('/') == wanted
    })
}

/// The key's values as regular expressions, which need not match from the start.
fn patterns(filters: &Filters, key: &str) -> Result<Vec<Regex>> {
    let pattern = |text: &str| {
        Regex::new(text)
            .map_err(|error| Error::Filter { reason: format!("invalid filter '{key}={text}': {error}") })
    };
    filters.values(key).map(pattern).collect()
}

fn any(patterns: &[Regex], texts: &[&str]) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| texts.iter().any(|text| pattern.is_match(text)))
}

fn codes(filters: &Filters) -> Result<Vec<i32>> {
    let code = |text: &str| {
        text.parse().map_err(|_| Error::Filter {
            reason: format!("invalid filter 'exited={text}': an exit code is a whole number"),
        })
    };
    filters.values("exited").map(code).collect()
}

fn states(filters: &Filters) -> Result<()> {
    match filters.values("status").find(|state| !STATES.contains(state)) {
        Some(other) => Err(Error::Filter { reason: format!("invalid filter 'status={other}'") }),
        None => Ok(()),
    }
}

const KEYS: [&str; 10] =
    ["ancestor", "before", "exited", "id", "label", "name", "network", "since", "status", "volume"];
/// Docker's.
const STATES: [&str; 7] = ["created", "dead", "exited", "paused", "removing", "restarting", "running"];
