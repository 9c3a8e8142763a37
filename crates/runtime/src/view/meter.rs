// SPDX-License-Identifier: Apache-2.0
//! How many questions are answered in a while.
//!
//! An answer takes processor time of the host's, outside the container's cgroup. So that no container gets more of
//! it than it is bounded to by asking all the time, the rest waits for the next while.

use std::time::{Duration, Instant};

/// Counts answers.
#[derive(Debug)]
pub(super) struct Meter {
    since: Instant,
    answered: u32,
}

impl Meter {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, answered: 0 }
    }

    /// Counts one answer.
    pub(super) fn count(&mut self, now: Instant) {
        if now.duration_since(self.since) >= WHILE {
            *self = Self::new(now);
        }
        self.answered += 1;
    }

    /// How long no further question is to be taken; `None` when one may be.
    pub(super) fn pause(&self, now: Instant) -> Option<Duration> {
        let left = WHILE.saturating_sub(now.duration_since(self.since));
        (self.answered >= MOST && !left.is_zero()).then_some(left)
    }
}

const WHILE: Duration = Duration::from_millis(100);
/// At about ten microseconds each, a twentieth of one processor.
const MOST: u32 = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_hundred_are_answered_in_a_tenth_of_a_second() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        for _ in 0..MOST {
            assert_eq!(meter.pause(start), None);
            meter.count(start);
        }
        assert_eq!(meter.pause(start + Duration::from_millis(30)), Some(Duration::from_millis(70)));
        let later = start + WHILE;
        assert_eq!(meter.pause(later), None);
        meter.count(later);
        assert_eq!(meter.pause(later), None);
    }
}
