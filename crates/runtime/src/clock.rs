// SPDX-License-Identifier: Apache-2.0
//! Where the time of a launch goes, when somebody asks (`--timing`).

use kernel::rustix::time::{ClockId, clock_gettime};

/// Time stamps with names.
#[derive(Debug, Default)]
pub struct Clock {
    stamps: Option<Vec<(String, u64)>>,
    /// Nanoseconds that this process's clock was set back by.
    behind: u64,
}

impl Clock {
    /// A clock that writes nothing down.
    pub fn off() -> Self {
        Self::default()
    }

    /// A clock that starts now.
    pub fn on() -> Self {
        Self { stamps: Some(vec![("start".to_owned(), now())]), behind: 0 }
    }

    /// The step `name` ends now.
    pub fn stamp(&mut self, name: &str) {
        if let Some(stamps) = &mut self.stamps {
            stamps.push((name.to_owned(), now() + self.behind));
        }
    }

    /// This process has entered a time namespace, where clocks are `seconds` behind.
    pub(crate) fn set_back(&mut self, seconds: i64) {
        self.behind = u64::try_from(seconds).unwrap_or(0) * 1_000_000_000;
    }

    /// Whether anybody asked.
    pub fn is_on(&self) -> bool {
        self.stamps.is_some()
    }

    /// Adds what another process wrote down.
    pub(crate) fn take_in(&mut self, others: Vec<(String, u64)>) {
        if let Some(stamps) = &mut self.stamps {
            stamps.extend(others);
        }
    }

    /// The stamps in the order of time: name and nanoseconds since the first.
    pub fn stamps(&self) -> Vec<(String, u64)> {
        let mut stamps = self.stamps.clone().unwrap_or_default();
        stamps.sort_by_key(|(_, at)| *at);
        let first = stamps.first().map_or(0, |(_, at)| *at);
        stamps.into_iter().map(|(name, at)| (name, at - first)).collect()
    }

    /// The stamps as they are, for sending.
    pub(crate) fn raw(&self) -> Vec<(String, u64)> {
        self.stamps.clone().unwrap_or_default()
    }

    /// A clock for the child half, which must not send the parent's stamps back.
    pub(crate) fn fresh(&self) -> Self {
        Self { stamps: self.stamps.as_ref().map(|_| Vec::new()), behind: 0 }
    }
}

fn now() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}
