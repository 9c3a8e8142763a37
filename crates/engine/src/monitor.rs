// SPDX-License-Identifier: Apache-2.0
//! What stays on the host while a container runs: streams, signals, the window size, answers about
//! limits, and at the end the exit status.
//!
//! One thread, one poll(2) loop, bounded buffers. Nothing the container does can make it block: it
//! writes only where poll says there is room, and never more than a pipe takes at once.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kernel::Errno;
use kernel::process::SignalFd;
use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use kernel::rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use kernel::rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize};
use runtime::launch::Running;

use crate::error::{Context, Result};

/// How a container's first process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// As a shell shows it: the program's own code, or 128 and the signal's number.
    pub code: i32,
}

/// The streams of whoever waits for the container.
#[derive(Debug)]
pub struct Streams<'a> {
    /// Read from until its end, when the container takes input.
    pub input: BorrowedFd<'a>,
    /// Written to.
    pub output: BorrowedFd<'a>,
    /// Written to.
    pub errors: BorrowedFd<'a>,
}

/// Signals that are passed on to the container (all that a person or a supervisor sends).
pub fn take_signals() -> Result<SignalFd> {
    SignalFd::new(&TAKEN).told("take signals")
}

/// Serves `running` until its first process has ended and its output is written out.
pub fn attend(running: &mut Running, streams: &Streams<'_>, signals: &SignalFd) -> Result<Exit> {
    let terminal = match &running.terminal {
        Some(master) => Some(RawTerminal::enter(streams.input, master.as_fd())?),
        None => None,
    };
    let mut flows = flows(running, streams)?;
    let mut code = None;
    loop {
        let events = wait_for_events(running, &flows, signals, code.is_some())?;
        if events.signals {
            pass_signals_on(running, signals, streams)?;
        }
        if events.question
            && let Some(view) = &mut running.view
        {
            view.answer().told("answer the container's question about its limits")?;
        }
        for (flow, ready) in flows.iter_mut().zip(&events.flows) {
            flow.advance(*ready)?;
        }
        flows.retain(|flow| !flow.done());
        if events.ended && code.is_none() {
            code = Some(exit_code(running)?);
            // Nobody reads input any more; output that is still in the pipes is written out.
            flows.retain(|flow| flow.direction == Direction::Out);
        }
        if let Some(view) = &mut running.view
            && code.is_none()
        {
            view.tick_if_due(&running.cgroup).told("refresh the container's view of its limits")?;
        }
        if let Some(code) = code
            && (flows.is_empty() || !events.flows.iter().any(|ready| ready.source))
        {
            drop(terminal);
            return Ok(Exit { code });
        }
    }
}

/// What poll found.
struct Events {
    signals: bool,
    question: bool,
    ended: bool,
    flows: Vec<Ready>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Ready {
    source: bool,
    sink: bool,
}

fn wait_for_events(running: &Running, flows: &[Flow<'_>], signals: &SignalFd, ended: bool) -> Result<Events> {
    let view = running.view.as_ref();
    let mut polled = vec![PollFd::new(signals, PollFlags::IN), PollFd::new(&running.child.pidfd, PollFlags::IN)];
    let listener = view.and_then(|view| view.listener());
    if let Some(listener) = &listener {
        polled.push(PollFd::from_borrowed_fd(*listener, PollFlags::IN));
    }
    let first = polled.len();
    for flow in flows {
        // A descriptor that is not wanted now is polled for nothing but its end.
        let wants_in = if flow.empty() { PollFlags::IN } else { PollFlags::empty() };
        let wants_out = if flow.empty() { PollFlags::empty() } else { PollFlags::OUT };
        polled.push(PollFd::from_borrowed_fd(flow.source.as_fd(), wants_in));
        polled.push(PollFd::from_borrowed_fd(flow.sink.as_fd(), wants_out));
    }
    let timeout = timeout(running, ended);
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno).told("wait for the container"),
    }
    let hit = |index: usize| !polled[index].revents().is_empty();
    let flows = (0..flows.len())
        .map(|at| Ready { source: hit(first + 2 * at), sink: hit(first + 2 * at + 1) })
        .collect();
    Ok(Events { signals: hit(0), question: listener.is_some() && hit(2), ended: hit(1), flows })
}

/// After the end, what is left in the pipes is taken without waiting: a process that outlived its
/// container's first one may hold the other end for ever.
fn timeout(running: &Running, ended: bool) -> Option<Timespec> {
    if ended {
        return Some(Timespec { tv_sec: 0, tv_nsec: 0 });
    }
    let wait = running.view.as_ref()?.next_tick()?;
    Some(Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(wait.subsec_nanos()),
    })
}

fn exit_code(running: &Running) -> Result<i32> {
    let status = waitid(WaitId::PidFd(running.child.pidfd.as_fd()), WaitIdOptions::EXITED).told("reap the container")?;
    let code = status.and_then(|status| {
        status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal))
    });
    Ok(code.unwrap_or(UNKNOWN_EXIT))
}

fn pass_signals_on(running: &Running, signals: &SignalFd, streams: &Streams<'_>) -> Result<()> {
    while let Some(signal) = signals.next().told("read a signal")? {
        if signal.number == Signal::WINCH.as_raw() {
            if let Some(master) = &running.terminal {
                follow_size(streams.input, master.as_fd());
            }
            continue;
        }
        if let Some(signal) = Signal::from_named_raw(signal.number) {
            match pidfd_send_signal(&running.child.pidfd, signal) {
                Ok(()) | Err(Errno::SRCH) => {}
                Err(errno) => return Err(errno).told("pass a signal on"),
            }
        }
    }
    Ok(())
}

fn flows<'a>(running: &mut Running, streams: &Streams<'a>) -> Result<Vec<Flow<'a>>> {
    if let Some(master) = &running.terminal {
        let duplicate = || kernel::rustix::io::fcntl_dupfd_cloexec(master, 3).told("duplicate the terminal");
        return Ok(vec![
            Flow::new(End::Borrowed(streams.input), End::Owned(duplicate()?), Direction::In),
            Flow::new(End::Owned(duplicate()?), End::Borrowed(streams.output), Direction::Out),
        ]);
    }
    let [input, output, errors] = &mut running.streams;
    let mut flows = Vec::new();
    if let Some(pipe) = input.take() {
        flows.push(Flow::new(End::Borrowed(streams.input), End::Owned(pipe), Direction::In));
    }
    for (pipe, sink) in [(output.take(), streams.output), (errors.take(), streams.errors)] {
        if let Some(pipe) = pipe {
            flows.push(Flow::new(End::Owned(pipe), End::Borrowed(sink), Direction::Out));
        }
    }
    Ok(flows)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    In,
    Out,
}

/// One end of a flow. Ours are closed when the flow is done, which is how the other side learns it.
#[derive(Debug)]
enum End<'a> {
    Owned(OwnedFd),
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

/// Bytes from one descriptor to another, through a buffer that is filled only when empty.
#[derive(Debug)]
struct Flow<'a> {
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

impl<'a> Flow<'a> {
    fn new(source: End<'a>, sink: End<'a>, direction: Direction) -> Self {
        let chunk = if is_pipe(sink.as_fd()) { PIPE_BUF } else { BUFFER };
        Self { source, sink, direction, buffer: Vec::new(), written: 0, state: State::Open, chunk }
    }

    fn empty(&self) -> bool {
        self.written == self.buffer.len()
    }

    fn done(&self) -> bool {
        self.state == State::Done
    }

    fn advance(&mut self, ready: Ready) -> Result<()> {
        if self.empty() && ready.source && self.state == State::Open {
            self.fill()?;
        }
        if !self.empty() && (ready.sink || ready.source) {
            self.pour()?;
        }
        if self.empty() && self.state == State::Draining {
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

    /// One write of at most what a pipe that poll called ready takes without blocking.
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

fn is_pipe(fd: BorrowedFd<'_>) -> bool {
    match kernel::rustix::fs::fstat(fd) {
        Ok(stat) => kernel::rustix::fs::FileType::from_raw_mode(stat.st_mode) == kernel::rustix::fs::FileType::Fifo,
        // The smaller chunk is always right.
        Err(_) => true,
    }
}

/// The caller's terminal in raw mode, put back when dropped.
#[derive(Debug)]
struct RawTerminal<'a> {
    fd: BorrowedFd<'a>,
    before: Option<Termios>,
}

impl<'a> RawTerminal<'a> {
    fn enter(fd: BorrowedFd<'a>, master: BorrowedFd<'_>) -> Result<Self> {
        let Ok(before) = tcgetattr(fd) else {
            // Input is no terminal (a test, a pipe): there is nothing to change.
            return Ok(Self { fd, before: None });
        };
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(fd, OptionalActions::Now, &raw).told("switch the terminal to raw mode")?;
        follow_size(fd, master);
        Ok(Self { fd, before: Some(before) })
    }
}

impl Drop for RawTerminal<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // At the end there is nobody left to tell.
            match tcsetattr(self.fd, OptionalActions::Now, before) {
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// Gives the container's terminal the size of the caller's. A caller without a size changes nothing.
fn follow_size(from: BorrowedFd<'_>, master: BorrowedFd<'_>) {
    if let Ok(size) = tcgetwinsize(from) {
        // A terminal that has just closed has no size to keep.
        match tcsetwinsize(master, size) {
            Ok(()) | Err(_) => {}
        }
    }
}

/// POSIX: a write of this many bytes to a ready pipe does not block.
const PIPE_BUF: usize = 4096;
/// The kernel's default pipe size.
const BUFFER: usize = 65536;
/// When the kernel gives no status.
const UNKNOWN_EXIT: i32 = 125;
/// HUP INT QUIT USR1 USR2 ALRM TERM CONT TSTP TTIN TTOU WINCH.
const TAKEN: [i32; 12] = [1, 2, 3, 10, 12, 14, 15, 18, 20, 21, 22, 28];
