// SPDX-License-Identifier: Apache-2.0
//! Which lines are asked for.

use std::time::SystemTime;

use crate::cut::Stream;
use crate::reader::Entry;

/// Which lines are asked for. As Docker has it, `tail` counts the lines of both streams, before the
/// other conditions, and a long line counts once for each of its pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Query {
    /// Only lines of this time or later.
    pub since: Option<SystemTime>,
    /// Only lines of this time or earlier.
    pub until: Option<SystemTime>,
    /// Only so many, from the end.
    pub tail: Option<u64>,
    /// Only those of these streams.
    pub streams: Streams,
}

/// One stream or both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Streams {
    #[default]
    Both,
    Stdout,
    Stderr,
}

impl Query {
    /// Whether `entry` is asked for. A clock that jumped leaves lines out of order, so each is looked at.
    pub(crate) fn wants(&self, entry: &Entry) -> bool {
        let stream = match self.streams {
            Streams::Both => true,
            Streams::Stdout => entry.stream == Stream::Stdout,
            Streams::Stderr => entry.stream == Stream::Stderr,
        };
        stream
            && self.since.is_none_or(|since| entry.time >= since)
            && self.until.is_none_or(|until| entry.time <= until)
    }
}
