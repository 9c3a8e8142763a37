// SPDX-License-Identifier: Apache-2.0
//! `image prune`: which images nobody needs, and what their going gives back.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use store::Summary;

use crate::Engine;
use crate::error::{Error, Result};
use crate::images::{Removal, removal};

/// Which images go when no container uses them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unused {
    /// Those without a name, which Docker calls dangling.
    Nameless,
    /// All.
    All,
}

/// One `--filter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Only images that were made before, in seconds since 1970.
    Until(i64),
    /// Only images that have the label, with this value if there is one.
    Label(String, Option<String>),
    /// Only images that do not.
    NotLabel(String, Option<String>),
    /// Instead of `-a`.
    Unused(Unused),
}

/// What is to go.
#[derive(Debug, Clone)]
pub struct Prune {
    unused: Unused,
    until: Option<i64>,
    labels: Vec<(String, Option<String>)>,
    not_labels: Vec<(String, Option<String>)>,
}

/// What went.
#[derive(Debug, Clone)]
pub struct Pruned {
    /// Names, images and layers.
    pub removed: Vec<Removal>,
    /// Bytes: files of layers, and content.
    pub reclaimed: u64,
}

impl Filter {
    /// Reads `name=value`.
    ///
    /// # Errors
    /// In words, for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Self::parse_at(text, i64::try_from(now).unwrap_or(i64::MAX))
    }

    fn parse_at(text: &str, now: i64) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
        match name.trim() {
            "until" => until(value.trim(), now).map(Self::Until).ok_or_else(|| {
                format!("{value:?} is neither a duration as 36h or 1h30m nor a time as 2026-11-28T08:00:00Z, 2026-11-28 (UTC) or seconds since 1970")
            }),
            "label" => Ok(label(value, Self::Label)),
            "label!" => Ok(label(value, Self::NotLabel)),
            "dangling" => match value.trim() {
                "true" | "1" => Ok(Self::Unused(Unused::Nameless)),
                "false" | "0" => Ok(Self::Unused(Unused::All)),
                _ => Err(format!("{value:?} is neither true nor false")),
            },
            _ => Err(format!("{name:?} is not one of until, label, label! and dangling")),
        }
    }
}

impl Prune {
    /// What `filters` leave of the `unused` images.
    ///
    /// # Errors
    /// More than one time.
    pub fn new(unused: Unused, filters: &[Filter]) -> Result<Self> {
        let mut prune = Self { unused, until: None, labels: Vec::new(), not_labels: Vec::new() };
        for filter in filters.iter().cloned() {
            match filter {
                Filter::Until(_) if prune.until.is_some() => {
                    return Err(Error::Invalid {
                        what: "--filter until".into(),
                        reason: "it can be given once only".into(),
                    });
                }
                Filter::Until(time) => prune.until = Some(time),
                Filter::Label(name, value) => prune.labels.push((name, value)),
                Filter::NotLabel(name, value) => prune.not_labels.push((name, value)),
                Filter::Unused(unused) => prune.unused = unused,
            }
        }
        Ok(prune)
    }

    /// Which images it is about.
    pub fn unused(&self) -> Unused {
        self.unused
    }

    /// Whether the image goes if no container uses it. One that tells no date is as old as its coming.
    fn takes(&self, Summary { image, names }: &Summary) -> bool {
        let has = |(name, value): &(String, Option<String>)| {
            let found = image.config.config.labels.get(name);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        };
        // Docker keeps only what has all of these; whoever names two wants to keep either.
        let excluded = self.not_labels.iter().any(has);
        (self.unused == Unused::All || names.is_empty())
            && self.until.is_none_or(|until| image.created.unwrap_or(image.added) < until)
            && self.labels.iter().all(has)
            && !excluded
    }
}

impl Engine {
    /// Removes the images that `request` is about and no container uses, and what only they had.
    ///
    /// Nobody adds to the store or looks an image up to run it meanwhile: this waits for pulls and loads that are under
    /// way, and they for it.
    pub fn prune_images(&self, request: &Prune) -> Result<Pruned> {
        let mut used = None;
        let pruned = self.store.prune(&mut |summary| {
            // Asked for now, when nobody can begin to use an image any more.
            let used = used.get_or_insert_with(|| self.used_images());
            // Whoever cannot tell what is used leaves everything alone.
            let is_free = used.as_ref().is_ok_and(|used| !used.contains(&summary.image.id.to_string()));
            request.takes(summary) && is_free
        })?;
        used.transpose()?;
        let removed = pruned.removed.into_iter().map(removal).collect();
        Ok(Pruned { removed, reclaimed: pruned.bytes })
    }

    /// Ids of the images that containers were made from.
    pub(crate) fn used_images(&self) -> Result<HashSet<String>> {
        Ok(self.records.all()?.into_iter().map(|record| record.image).collect())
    }
}

fn label(text: &str, filter: fn(String, Option<String>) -> Filter) -> Filter {
    match text.split_once('=') {
        Some((name, value)) => filter(name.to_owned(), Some(value.to_owned())),
        None => filter(text.to_owned(), None),
    }
}

/// As Docker reads it (`GetTimestamp`): how long ago, or when. A time without its zone is UTC's.
fn until(text: &str, now: i64) -> Option<i64> {
    if let Some(span) = duration(text) {
        return now.checked_sub(span);
    }
    if let Ok(seconds) = text.split('.').next()?.parse::<i64>()
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Some(seconds);
    }
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        13 => format!("{text}:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    oci::date::parse(&whole).ok()
}

/// Go's durations (`time.ParseDuration`), in whole seconds: `1h30m`, `1.5h`.
fn duration(text: &str) -> Option<i64> {
    let (mut rest, mut nanoseconds) = (text, 0.0_f64);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|letter: char| letter.is_ascii_digit() || letter == '.');
        let (unit, after) = rest[digits..].split_at(unit_end.unwrap_or(rest.len() - digits));
        let (_, length) = UNITS.iter().find(|(name, _)| *name == unit)?;
        nanoseconds += number * length;
        rest = after;
    }
    let seconds = nanoseconds / 1e9;
    // A hundred thousand years are no duration but a mistake.
    #[allow(clippy::cast_possible_truncation, reason = "bounded in this line")]
    (!text.is_empty() && seconds < 3e12).then_some(seconds as i64)
}

/// Nanoseconds.
const UNITS: [(&str, f64); 7] =
    [("ns", 1.0), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations() {
        let now = 1_800_000_000;
        for (text, want) in [
            ("10s", Some(now - 10)),
            ("1h30m", Some(now - 5400)),
            ("1.5h", Some(now - 5400)),
            ("500ms", Some(now)),
            ("1136073845", Some(1_136_073_845)),
            ("1136073845.000000001", Some(1_136_073_845)),
            ("2006-01-02T15:04:05Z", Some(1_136_214_245)),
            ("2006-01-02T15:04:05+01:00", Some(1_136_210_645)),
            ("2006-01-02T15:04:05", Some(1_136_214_245)),
            ("2006-01-02T15:04", Some(1_136_214_240)),
            ("2006-01-02T15", Some(1_136_214_000)),
            ("2006-01-02", Some(1_136_160_000)),
            ("", None),
            ("h", None),
            ("1d", None),
            ("1h-", None),
            ("9999999999999999h", None),
            ("yesterday", None),
        ] {
            assert_eq!(until(text, now), want, "{text:?}");
        }
    }

    #[test]
    fn filters() {
        let label = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
        let parse = |text| Filter::parse_at(text, 100);
        assert_eq!(parse("until=40s"), Ok(Filter::Until(60)));
        let (name, value) = label("a", Some("b=c"));
        assert_eq!(parse("label=a=b=c"), Ok(Filter::Label(name, value)));
        let (name, value) = label("a", None);
        assert_eq!(parse("label!=a"), Ok(Filter::NotLabel(name, value)));
        assert_eq!(parse("dangling=false"), Ok(Filter::Unused(Unused::All)));
        for text in ["until", "until=x", "dangling=x", "before=x", ""] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert!(Prune::new(Unused::All, &[Filter::Until(1), Filter::Until(2)]).is_err());
    }
}
