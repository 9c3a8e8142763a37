// SPDX-License-Identifier: Apache-2.0
//! A least rate: whoever gives or takes a byte now and then, and so never stalls, still holds nobody up
//! for ever.
//!
//! Only time that is spent waiting for the other side counts. A caller that takes its time with what it
//! has is nobody's fault.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use crate::settings::Patience;

/// How much came or went, and how long that was waited for.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    least: u64,
    window: Duration,
    waited: Duration,
    bytes: u64,
}

/// The other side is too slow to go on with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is too slow: less than {least} bytes in a second come or go")]
pub(crate) struct TooSlow {
    least: u64,
}

/// A reader that fails when what it reads comes too slowly.
#[derive(Debug)]
pub(crate) struct Paced<R> {
    inner: R,
    pace: Pace,
}

impl Pace {
    pub(crate) fn new(patience: &Patience) -> Self {
        Self { least: patience.least_rate, window: patience.rate_window, waited: Duration::ZERO, bytes: 0 }
    }

    /// That so many bytes took so long. Each window is looked at for itself, so that a quick beginning is
    /// no licence to become slow.
    pub(crate) fn moved(&mut self, bytes: u64, waited: Duration) -> Result<(), TooSlow> {
        self.waited += waited;
        self.bytes += bytes;
        if self.waited < self.window {
            return Ok(());
        }
        // Milliseconds, so that windows of less than a second count as well.
        let wanted = u128::from(self.least) * self.waited.as_millis() / 1000;
        if u128::from(self.bytes) < wanted {
            return Err(TooSlow { least: self.least });
        }
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        Ok(())
    }
}

impl<R> Paced<R> {
    pub(crate) fn new(inner: R, patience: &Patience) -> Self {
        Self { inner, pace: Pace::new(patience) }
    }
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let begun = Instant::now();
        let count = self.inner.read(buffer)?;
        // What came to its end is here, however long that took.
        if count > 0 {
            self.pace.moved(count as u64, begun.elapsed()).map_err(io::Error::other)?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_window_is_looked_at_for_itself() {
        let patience =
            Patience { least_rate: 1000, rate_window: Duration::from_secs(10), ..Patience::default() };
        let second = Duration::from_secs(1);
        let mut pace = Pace::new(&patience);
        for _ in 0..10 {
            assert_eq!(pace.moved(1000, second), Ok(()));
        }
        // A megabyte at once, and then nearly nothing.
        assert_eq!(pace.moved(1_000_000, 10 * second), Ok(()));
        for _ in 0..9 {
            assert_eq!(pace.moved(999, second), Ok(()));
        }
        assert_eq!(pace.moved(999, second), Err(TooSlow { least: 1000 }));
    }

    #[test]
    fn time_that_nobody_waits_does_not_count() {
        let mut pace = Pace::new(&Patience::default());
        for _ in 0..100_000 {
            assert_eq!(pace.moved(0, Duration::ZERO), Ok(()));
        }
    }
}
