// SPDX-License-Identifier: Apache-2.0
//! One output stream of a container, to everybody who reads it.
//!
//! Whoever ran the container in the foreground holds it up by not reading, as a pipe does. Anybody else who
//! does not read is waited for until [`MOST_PENDING`] bytes have gathered, and is then cut off: the container
//! never waits for them.

use std::os::fd::{AsFd, OwnedFd};
use std::time::SystemTime;

use kernel::Errno;
use kernel::rustix::event::{PollFd, PollFlags};

use super::flow::{BUFFER, End, GONE, chunk};
use super::log::{Log, Stream};
use crate::error::{Context, Result};

/// An output stream on its way to its readers.
#[derive(Debug)]
pub(crate) struct Fan<'a> {
    source: OwnedFd,
    stream: Stream,
    sinks: Vec<Sink<'a>>,
    buffer: Vec<u8>,
    ended: bool,
}

/// How long a reader is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// For ever: the container stops meanwhile.
    Endless,
    /// Until so much is pending.
    Bounded,
}

#[derive(Debug)]
struct Sink<'a> {
    end: End<'a>,
    patience: Patience,
    pending: Vec<u8>,
    written: usize,
    chunk: usize,
}

impl<'a> Fan<'a> {
    pub(crate) fn new(source: OwnedFd, stream: Stream) -> Self {
        Self { source, stream, sinks: Vec::new(), buffer: Vec::new(), ended: false }
    }

    pub(crate) fn stream(&self) -> Stream {
        self.stream
    }

    /// One reader more, of what comes from now on.
    pub(crate) fn add(&mut self, end: End<'a>, patience: Patience) {
        let chunk = chunk(end.as_fd());
        self.sinks.push(Sink { end, patience, pending: Vec::new(), written: 0, chunk });
    }

    /// Whether everybody has got everything that was read.
    pub(crate) fn is_empty(&self) -> bool {
        self.sinks.iter().all(Sink::is_empty)
    }

    /// Whether nothing more will come and everybody has got all of it.
    pub(crate) fn is_done(&self) -> bool {
        self.ended && self.is_empty()
    }

    /// Forgets what those readers have not taken whom the container does not wait for.
    pub(crate) fn give_up_on_slow_readers(&mut self) {
        self.sinks.retain(|sink| sink.patience == Patience::Endless || sink.is_empty());
    }

    /// Those for whom the container waits.
    fn patient_readers(&self) -> usize {
        self.sinks.iter().filter(|sink| sink.patience == Patience::Endless).count()
    }

    /// Whether more may be read.
    fn takes(&self) -> bool {
        !self.ended && self.sinks.iter().all(|sink| sink.patience == Patience::Bounded || sink.is_empty())
    }

    /// What to poll: each reader for its end or for room, and the source when there is room for more.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = PollFd<'_>> {
        let sinks = self.sinks.iter().map(|sink| {
            let flags = if sink.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
            PollFd::from_borrowed_fd(sink.end.as_fd(), flags)
        });
        let source = self.takes().then(|| PollFd::from_borrowed_fd(self.source.as_fd(), PollFlags::IN));
        sinks.chain(source)
    }

    /// How many readers it has.
    pub(crate) fn readers(&self) -> usize {
        self.sinks.len()
    }

    /// Does what can be done without waiting; `found` are the answers to [`Fan::wanted`], when there were so many
    /// `readers`. Says whether there was anything to do.
    pub(crate) fn advance(&mut self, readers: usize, found: &[PollFlags], log: &mut Log) -> Result<bool> {
        let (sinks, source) = found.split_at_checked(readers).unwrap_or((found, &[]));
        let readable = source.first().is_some_and(|flags| !flags.is_empty());
        let mut answers = sinks.iter();
        let mut failed = Ok(());
        let before = self.patient_readers();
        self.sinks.retain_mut(|sink| {
            let flags = answers.next().copied().unwrap_or(PollFlags::empty());
            sink.advance(flags).unwrap_or_else(|error| {
                failed = Err(error);
                false
            })
        });
        failed?;
        if self.patient_readers() < before {
            // Whoever ran it has left: the writer is told by the end of its pipe, as in any pipeline.
            self.ended = true;
        } else if readable {
            self.fill(log)?;
        }
        Ok(readable || sinks.iter().any(|flags| !flags.is_empty()))
    }

    fn fill(&mut self, log: &mut Log) -> Result<()> {
        self.buffer.resize(BUFFER, 0);
        let read = kernel::rustix::io::read(&self.source, &mut self.buffer[..]);
        match read {
            // A terminal whose other side is closed says EIO.
            Ok(0) | Err(Errno::IO) => self.ended = true,
            Ok(count) => {
                let bytes = &self.buffer[..count];
                log.write(self.stream, bytes, SystemTime::now())?;
                self.sinks.retain_mut(|sink| sink.take(bytes));
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno).told("read a stream"),
        }
        Ok(())
    }
}

impl Sink<'_> {
    fn is_empty(&self) -> bool {
        self.written == self.pending.len()
    }

    /// Takes more; false when this reader is too slow.
    fn take(&mut self, bytes: &[u8]) -> bool {
        if self.is_empty() {
            self.pending.clear();
            self.written = 0;
        }
        if self.patience == Patience::Bounded && self.pending.len() + bytes.len() > MOST_PENDING {
            return false;
        }
        self.pending.extend_from_slice(bytes);
        true
    }

    /// One write of at most what a reader that poll called ready takes without blocking; false when nobody
    /// reads any more.
    fn advance(&mut self, found: PollFlags) -> Result<bool> {
        if self.is_empty() {
            return Ok(!found.intersects(GONE));
        }
        if found.is_empty() {
            return Ok(true);
        }
        let until = self.pending.len().min(self.written + self.chunk);
        match kernel::rustix::io::write(&self.end, &self.pending[self.written..until]) {
            Ok(count) => self.written += count,
            Err(Errno::PIPE | Errno::IO) => return Ok(false),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno).told("write a stream"),
        }
        Ok(true)
    }
}

/// What may gather for a reader who does not read.
const MOST_PENDING: usize = 1 << 20;
