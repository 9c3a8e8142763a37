// SPDX-License-Identifier: Apache-2.0
//! Trying again: for what may pass by itself, with growing pauses, a bounded number of times.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::{Duration, SystemTime};

use crate::cancel::Cancel;
use crate::error::{Again, Error, Result};
use crate::settings::Patience;

impl Patience {
    /// How long the head of an answer may take in all, for which one may wait for `stall`: bytes of it
    /// that come one by one do not count as many.
    pub(crate) fn answer(&self, stall: Duration) -> Duration {
        stall + self.rate_window
    }

    /// Calls `attempt` until it succeeds, fails for good, or has been called often enough.
    pub(crate) fn retry<T>(&self, cancel: &Cancel, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        let mut failures = 0;
        loop {
            cancel.check()?;
            match attempt() {
                Ok(value) => return Ok(value),
                Err(error) => {
                    failures += 1;
                    self.pause(failures, error, cancel)?;
                }
            }
        }
    }

    /// Waits after the `failures`-th failure; `error` when it is not worth it any more.
    pub(crate) fn pause(&self, failures: u32, error: Error, cancel: &Cancel) -> Result<()> {
        if error.again() == Again::Useless || failures >= self.attempts {
            // A failure that our own stopping made is not the cause of anything.
            cancel.check()?;
            return Err(error);
        }
        let pause = match error.after() {
            Some(after) if after > self.longest_pause => return Err(error),
            Some(after) => after,
            None => self.growing(failures),
        };
        cancel.wait(pause)
    }

    /// Twice as long each time, and a random half of it off, so that those who failed together do not
    /// come back together.
    fn growing(&self, failures: u32) -> Duration {
        let doubled = self.first_pause.saturating_mul(1 << (failures - 1).min(16)).min(self.longest_pause);
        let random = RandomState::new().build_hasher().finish() % 1024;
        doubled / 2 + doubled.mul_f64(random as f64 / 2048.0)
    }
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
pub(crate) fn retry_after(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let then = http_date(text.trim())?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Duration::from_secs(then).saturating_sub(now))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that is still sent, in seconds since 1970.
fn http_date(text: &str) -> Option<u64> {
    let [_, day, month, year, time, "GMT"] = text.split_whitespace().collect::<Vec<_>>()[..] else {
        return None;
    };
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    let day = day.parse::<u8>().ok()?;
    let seconds = oci::date::parse(&format!("{year}-{month:02}-{day:02}T{time}Z")).ok()?;
    u64::try_from(seconds).ok()
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_retry_after_says() {
        assert_eq!(retry_after("7"), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO));
        assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        for bad in ["", "-1", "soon", "Sun, 06 Nov 1994 08:49:37 CET", "a b c d e GMT"] {
            assert_eq!(retry_after(bad), None, "{bad}");
        }
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let patience = Patience {
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(5),
            ..Patience::default()
        };
        for (failures, whole) in [(1, 1), (2, 2), (3, 4), (4, 5), (100, 5)] {
            let pause = patience.growing(failures);
            assert!(
                pause >= Duration::from_secs(whole) / 2 && pause <= Duration::from_secs(whole),
                "{pause:?}"
            );
        }
    }

    #[test]
    fn what_is_final_is_not_tried_again() {
        let mut calls = 0;
        let outcome: Result<()> = Patience::default().retry(&Cancel::default(), || {
            calls += 1;
            Err(Error::refused("x"))
        });
        assert!(outcome.is_err() && calls == 1);
    }
}
