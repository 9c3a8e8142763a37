// SPDX-License-Identifier: Apache-2.0
//! Stopping: one word that all parts of a piece of work listen to.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::{Error, Result};

/// Listened to between two reads and during pauses. Clones are the same word.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    inner: Arc<(Mutex<bool>, Condvar)>,
}

impl Cancel {
    /// Everything that listens ends with [`Error::Cancelled`].
    pub fn stop(&self) {
        *self.inner.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.inner.1.notify_all();
    }

    /// An error once it was stopped.
    pub fn check(&self) -> Result<()> {
        if *self.inner.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Err(Error::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Waits for `pause`, or an error as soon as it is stopped.
    pub(crate) fn wait(&self, pause: Duration) -> Result<()> {
        let end = Instant::now() + pause;
        let mut stopped = self.inner.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*stopped {
            let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                return Ok(());
            };
            stopped = self.inner.1.wait_timeout(stopped, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Err(Error::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_when_it_is_stopped() {
        let cancel = Cancel::default();
        assert!(cancel.wait(Duration::from_millis(1)).is_ok());
        let other = cancel.clone();
        let waiter = std::thread::spawn(move || other.wait(Duration::from_secs(3600)));
        cancel.stop();
        assert!(matches!(waiter.join().unwrap(), Err(Error::Cancelled)));
        assert!(cancel.check().is_err());
    }
}
