// SPDX-License-Identifier: Apache-2.0
//! A container's output on its way into the log.

use std::path::PathBuf;
use std::time::SystemTime;

use logs::{Driver, Identity, Writer};

pub(crate) use logs::Stream;

use crate::error::Result;

/// Where output is written down.
#[derive(Debug)]
pub(crate) struct Log {
    writer: Option<Writer>,
    /// Until it is opened: with the first output, so that a program that says nothing costs nothing.
    closed: Option<Closed>,
}

#[derive(Debug)]
struct Closed {
    driver: Driver,
    place: PathBuf,
    who: Identity,
}

/// When a log is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opening {
    /// At once.
    Now,
    /// With the first output.
    WhenNeeded,
}

impl Log {
    pub(crate) fn new(driver: Driver, place: PathBuf, who: Identity, opening: Opening) -> Result<Self> {
        let mut log = Self { writer: None, closed: Some(Closed { driver, place, who }) };
        if opening == Opening::Now {
            log.open()?;
        }
        Ok(log)
    }

    /// For what nobody wants to keep.
    pub(crate) fn nowhere() -> Self {
        Self { writer: None, closed: None }
    }

    pub(crate) fn write(&mut self, stream: Stream, bytes: &[u8], now: SystemTime) -> Result<()> {
        self.open()?;
        if let Some(writer) = &mut self.writer {
            match writer.write(stream, bytes, now) {
                // The container goes on: what was lost is counted, and told at the end.
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// What is left goes out; a sentence, when lines were lost.
    pub(crate) fn close(self) -> Option<String> {
        let report = self.writer?.close();
        let lost = (report.lost > 0).then(|| format!("{} lines of its log were lost", report.lost))?;
        Some(match report.trouble {
            Some(trouble) => format!("{lost}: {trouble}"),
            None => lost,
        })
    }

    fn open(&mut self) -> Result<()> {
        if let Some(Closed { driver, place, who }) = self.closed.take() {
            self.writer = Some(Writer::open(&driver, &place, &who)?);
        }
        Ok(())
    }
}
