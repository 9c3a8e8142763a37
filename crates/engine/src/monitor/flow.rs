// SPDX-License-Identifier: Apache-2.0
//! One stream between a container and whoever waits for it.
//!
//! A flow holds at most one buffer. It reads only when that is empty and writes only where poll(2)
//! found room, so a reader who does not read stops the writer inside and nothing else.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kernel::Errno;
use kernel::rustix::event::{PollFd, PollFlags};
use kernel::rustix::fs::FileType;

use crate::error::{Context, Result};

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Into the container.
    In,
    /// Out of it.
    Out,
}

/// One end of a flow. Ours are closed when the flow is done, which is how the other side learns it.
#[derive(Debug)]
pub(crate) enum End<'a> {
    /// Ours.
    Owned(OwnedFd),
    /// The caller's.
    Borrowed(BorrowedFd<'a>),
}

impl AsFd for End<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Owned(fd) => fd.as_fd(),
            Self::Borrowed(fd) => *fd,
        }
    }
}

/// Bytes from one descriptor to another.
#[derive(Debug)]
pub(crate) struct Flow<'a> {
    source: End<'a>,
    sink: End<'a>,
    direction: Direction,
    buffer: Vec<u8>,
    written: usize,
    state: State,
    chunk: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The source has ended; what is in the buffer is still to be written.
    Draining,
    Done,
}

/// What poll found out about a flow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Ready {
    /// There is something to read, or the end.
    source: bool,
    /// There is room to write.
    sink: bool,
    /// Nobody reads any more.
    broken: bool,
}

impl<'a> Flow<'a> {
    pub(crate) fn new(source: End<'a>, sink: End<'a>, direction: Direction) -> Self {
        let chunk = chunk(sink.as_fd());
        Self { source, sink, direction, buffer: Vec::new(), written: 0, state: State::Open, chunk }
    }

    /// Whether everything that was read is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.buffer.len()
    }

    pub(crate) fn is_output(&self) -> bool {
        self.direction == Direction::Out
    }

    pub(crate) fn done(&self) -> bool {
        self.state == State::Done
    }

    /// What to poll: the source for input and the sink for its end, or the sink for room. Never a
    /// source that has nowhere to go: its end would be told again and again.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = PollFd<'_>> {
        let sink = if self.is_empty() { PollFlags::empty() } else { PollFlags::OUT };
        let source = self.is_empty().then(|| PollFd::from_borrowed_fd(self.source.as_fd(), PollFlags::IN));
        std::iter::once(PollFd::from_borrowed_fd(self.sink.as_fd(), sink)).chain(source)
    }

    /// Takes the answers to [`Flow::wanted`] from the front of `found`.
    pub(crate) fn take_ready(&self, found: &mut &[PollFlags]) -> Ready {
        let (count, filling) = if self.is_empty() { (2, true) } else { (1, false) };
        let Some((own, rest)) = found.split_at_checked(count) else { return Ready::default() };
        *found = rest;
        match *own {
            [sink, source] if filling => {
                Ready { source: !source.is_empty(), sink: false, broken: sink.intersects(GONE) }
            }
            [sink] => Ready { source: false, sink: !sink.is_empty(), broken: false },
            _ => Ready::default(),
        }
    }

    /// Does what can be done without waiting.
    pub(crate) fn advance(&mut self, ready: Ready) -> Result<()> {
        if ready.broken {
            self.state = State::Done;
        } else if ready.source {
            self.fill()?;
        } else if ready.sink {
            self.pour()?;
        }
        if self.is_empty() && self.state == State::Draining {
            self.state = State::Done;
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<()> {
        self.buffer.resize(BUFFER, 0);
        self.written = 0;
        let read = kernel::rustix::io::read(&self.source, &mut self.buffer[..]);
        self.buffer.truncate(*read.as_ref().unwrap_or(&0));
        match read {
            // A terminal whose other side is closed says EIO.
            Ok(0) | Err(Errno::IO) => self.state = State::Draining,
            Ok(_) | Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno).told("read a stream"),
        }
        Ok(())
    }

    /// One write of at most what a sink that poll called ready takes without blocking.
    fn pour(&mut self) -> Result<()> {
        let until = self.buffer.len().min(self.written + self.chunk);
        match kernel::rustix::io::write(&self.sink, &self.buffer[self.written..until]) {
            Ok(count) => self.written += count,
            // Nobody reads any more: the flow ends, and with it our end, so that the writer is told.
            Err(Errno::PIPE | Errno::IO) => {
                self.written = self.buffer.len();
                self.state = State::Done;
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno).told("write a stream"),
        }
        Ok(())
    }
}

/// What can be written at once where poll said that there is room.
pub(crate) fn chunk(sink: BorrowedFd<'_>) -> usize {
    if takes_everything(sink) { BUFFER } else { PIPE_BUF }
}

/// Whether a write never waits for a reader.
fn takes_everything(fd: BorrowedFd<'_>) -> bool {
    match kernel::rustix::fs::fstat(fd) {
        Ok(stat) => FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile,
        // The smaller chunk is always right.
        Err(_) => false,
    }
}

/// What poll says of a descriptor that nobody reads.
pub(crate) const GONE: PollFlags = PollFlags::ERR.union(PollFlags::HUP).union(PollFlags::NVAL);

/// POSIX: a write of this many bytes to a ready pipe does not block.
const PIPE_BUF: usize = 4096;
/// The kernel's default pipe size.
pub(crate) const BUFFER: usize = 65536;
