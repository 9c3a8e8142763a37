// SPDX-License-Identifier: Apache-2.0
//! Commands on the other side of a monitor's socket.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use kernel::rustix::process::Signal;
use kernel::{Errno, process::SignalFd};

use crate::error::{Context, Error, Result};
use crate::monitor::protocol::{self, Answer, Ask, Terminal, Which};
use crate::monitor::{self, Direction, End, Exit, Flow, RawTerminal, Streams, follow_size, window};
use crate::records::Record;
use crate::request::{ExecRequest, Stdin};
use crate::{Engine, directory};

/// How the streams of a visit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The program has ended.
    Ended(Exit),
    /// The person pressed the keys to leave; it goes on.
    Detached,
}

impl Engine {
    /// Another program in the container called `name`, connected to `streams`, until its end.
    pub fn exec(&self, name: &str, request: &ExecRequest, streams: Option<&Streams<'_>>) -> Result<Left> {
        let (record, socket) = self.visit(name)?;
        let mut request = request.clone();
        let mut wanted = Vec::new();
        if let Some(streams) = streams {
            request.window = window(streams).map_or((0, 0), |size| (size.ws_row, size.ws_col));
            wanted = vec![Which::Output, Which::Errors];
            if request.stdin == Stdin::Open {
                wanted.push(Which::Input);
            }
        }
        let signals = monitor::take_signals()?;
        protocol::say(socket.as_fd(), &Ask::Exec(Box::new(request), wanted), None)?;
        let begun = begin(&record, &socket)?;
        match streams {
            Some(streams) => Visit { socket, signals, streams, master: Master::Ours }.attend(begun),
            None => Ok(Left::Detached),
        }
    }

    /// Connects `streams` to the first process of the container called `name`, until its end.
    pub fn attach(&self, name: &str, streams: &Streams<'_>) -> Result<Left> {
        let (record, socket) = self.visit(name)?;
        let signals = monitor::take_signals()?;
        protocol::say(socket.as_fd(), &Ask::Attach(wanted(streams)), None)?;
        let begun = begin(&record, &socket)?;
        Visit { socket, signals, streams, master: Master::Theirs }.attend(begun)
    }

    /// Starts the container called `name` with `streams` connected to its first process, until its end.
    pub fn start_attached(&self, name: &str, streams: &Streams<'_>) -> Result<Left> {
        let signals = monitor::take_signals()?;
        let (_, (socket, begun)) = self.start_with(name, || {
            let (record, socket) = self.visit(name)?;
            protocol::say(socket.as_fd(), &Ask::Attach(wanted(streams)), None)?;
            Ok((socket, record))
        })?;
        let begun = begin(&begun, &socket)?;
        Visit { socket, signals, streams, master: Master::Theirs }.attend(begun)
    }

    /// Waits for the end of the container called `name`, and gives its exit code.
    pub fn wait(&self, name: &str) -> Result<i32> {
        let record = self.records.find(name)?;
        if let Some(socket) = self.waiting(&record)?
            && let Some((Answer::Exited(code), _)) = protocol::hear(socket.as_fd())?
        {
            return Ok(code);
        }
        // It had just ended, or its monitor was killed.
        Ok(self.settled(&record)?.exit_code.unwrap_or(KILLED))
    }

    /// Sends `signal` to the first process of the container called `name`.
    pub fn kill(&self, name: &str, signal: i32) -> Result<()> {
        let (record, socket) = self.visit(name)?;
        protocol::say(socket.as_fd(), &Ask::Stop(signal), None)?;
        done(&record, &socket)
    }

    /// Asks the container called `name` to end, and ends it when it has not within `patience` (its own, else
    /// ten seconds; nothing waits for ever). One that does not run is left alone.
    pub fn stop(&self, name: &str, signal: Option<i32>, patience: Option<Option<Duration>>) -> Result<()> {
        let record = self.records.find(name)?;
        let Some(socket) = self.waiting(&record)? else { return Ok(()) };
        let signal = signal.or(record.details.stop_signal).unwrap_or(Signal::TERM.as_raw());
        let own = match record.details.stop_timeout {
            Some(seconds) => u64::try_from(seconds).ok().map(Duration::from_secs),
            None => Some(USUAL_PATIENCE),
        };
        let patience = patience.unwrap_or(own);
        self.signal(&record, signal)?;
        if !readable(&socket, patience)? {
            self.signal(&record, Signal::KILL.as_raw())?;
        }
        self.settled(&record).map(drop)
    }

    /// Ends a container at once, whose monitor is gone afterwards. One that does not run is left alone.
    pub(crate) fn end(&self, record: &Record) -> Result<()> {
        self.signal(record, Signal::KILL.as_raw())?;
        self.settled(record).map(drop)
    }

    /// A socket on which the monitor says how the container ends; nothing when it has ended.
    fn waiting(&self, record: &Record) -> Result<Option<OwnedFd>> {
        let Some(socket) = self.call(record)? else { return Ok(None) };
        Ok(delivered(protocol::say(socket.as_fd(), &Ask::Wait, None))?.then_some(socket))
    }

    /// Sends a signal after which the container is not started again; one that has just ended needs none.
    fn signal(&self, record: &Record, signal: i32) -> Result<()> {
        let Some(socket) = self.call(record)? else { return Ok(()) };
        if !delivered(protocol::say(socket.as_fd(), &Ask::Stop(signal), None))? {
            return Ok(());
        }
        match done(record, &socket) {
            Err(Error::WrongState { .. }) => Ok(()),
            other => other,
        }
    }

    /// The container called `name`, and a socket to its monitor.
    fn visit(&self, name: &str) -> Result<(Record, OwnedFd)> {
        let record = self.records.find(name)?;
        match self.call(&record)? {
            Some(socket) => Ok((record, socket)),
            None => Err(Error::WrongState { name: record.name, state: "not running" }),
        }
    }

    fn call(&self, record: &Record) -> Result<Option<OwnedFd>> {
        protocol::call(&directory::path(self.records.containers(), &record.id))
    }

    /// The record as it is when no monitor writes it any more. One of a container that is gone is the last
    /// that was known.
    fn settled(&self, record: &Record) -> Result<Record> {
        directory::wait_until_left(self.records.containers(), &record.id)?;
        Ok(self.records.read(&record.id)?.unwrap_or_else(|| record.clone()))
    }
}

fn wanted(streams: &Streams<'_>) -> Vec<Which> {
    let input = streams.input.map(|_| Which::Input);
    [Which::Output, Which::Errors].into_iter().chain(input).collect()
}

/// What a visitor gets of a program.
struct Begun {
    terminal: Terminal,
    /// Input, output, errors.
    streams: [Option<OwnedFd>; 3],
}

fn begin(record: &Record, socket: &OwnedFd) -> Result<Begun> {
    let mut streams = [None, None, None];
    loop {
        match protocol::hear(socket.as_fd())? {
            Some((Answer::Stream(which), fd)) => streams[which.number()] = fd,
            Some((Answer::Begun(terminal), _)) => return Ok(Begun { terminal, streams }),
            other => return Err(refused(record, other)),
        }
    }
}

fn done(record: &Record, socket: &OwnedFd) -> Result<()> {
    match protocol::hear(socket.as_fd())? {
        Some((Answer::Done, _)) => Ok(()),
        other => Err(refused(record, other)),
    }
}

/// Whether there was somebody left to take a message.
fn delivered(said: Result<()>) -> Result<bool> {
    match said {
        Ok(()) => Ok(true),
        Err(Error::Step { source, .. }) if matches!(source.errno, Errno::PIPE | Errno::CONNRESET) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn refused(record: &Record, answer: Option<(Answer, Option<OwnedFd>)>) -> Error {
    match answer {
        Some((Answer::Failed(why, code), _)) => Error::NotStarted { why, code, hint: None },
        Some(_) => Error::Invalid {
            what: format!("the monitor of {}", record.name),
            reason: "it gave an answer to another question".into(),
        },
        None => Error::WrongState { name: record.name.clone(), state: "not running any more" },
    }
}

/// Whether there is something to hear within `patience`.
fn readable(socket: &OwnedFd, patience: Option<Duration>) -> Result<bool> {
    let patience = patience.map(|patience| Timespec {
        tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(patience.subsec_nanos()),
    });
    let mut polled = [PollFd::new(socket, PollFlags::IN)];
    loop {
        match poll(&mut polled, patience.as_ref()) {
            Ok(count) => return Ok(count > 0),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno).told("wait for the container's end"),
        }
    }
}

/// Whose the program is, and the master side of its terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Master {
    /// Ours: `exec`.
    Ours,
    /// The monitor's: `attach`.
    Theirs,
}

/// A person's streams and a program's.
struct Visit<'a> {
    socket: OwnedFd,
    signals: SignalFd,
    streams: &'a Streams<'a>,
    master: Master,
}

impl Visit<'_> {
    fn attend(&self, begun: Begun) -> Result<Left> {
        let Begun { terminal, streams: [input, output, errors] } = begun;
        let raw = match (terminal, self.streams.input) {
            (Terminal::Yes, Some(fd)) => Some(RawTerminal::enter(fd)?),
            _ => None,
        };
        let master = match (terminal, self.master) {
            (Terminal::Yes, Master::Ours) => output.as_ref().map(duplicate).transpose()?,
            _ => None,
        };
        self.follow_size(terminal, master.as_ref())?;
        let into = match &master {
            Some(master) => Some(duplicate(master)?),
            None => input,
        };
        let mut flows = Vec::new();
        if let (Some(sink), Some(source)) = (into, self.streams.input) {
            flows.push(Flow::new(End::Borrowed(source), End::Owned(sink), Direction::In));
        }
        for (source, sink) in [(output, self.streams.output), (errors, self.streams.errors)] {
            if let Some(source) = source {
                flows.push(Flow::new(End::Owned(source), End::Borrowed(sink), Direction::Out));
            }
        }
        let code = self.pump(flows, terminal, master.as_ref());
        drop(raw);
        code.map(|code| Left::Ended(Exit { code }))
    }

    /// Until the program has ended and all it wrote has come through.
    fn pump(&self, mut flows: Vec<Flow<'_>>, terminal: Terminal, master: Option<&OwnedFd>) -> Result<i32> {
        let mut code = None;
        while code.is_none() || flows.iter().any(Flow::is_output) {
            let mut polled = vec![PollFd::new(&self.signals, PollFlags::IN)];
            if code.is_none() {
                polled.push(PollFd::new(&self.socket, PollFlags::IN));
            }
            let first = polled.len();
            for flow in &flows {
                polled.extend(flow.wanted());
            }
            // After the end only what is in the pipes already is waited for.
            let moment = Timespec { tv_sec: 0, tv_nsec: 0 };
            let quiet = code.is_some() && flows.iter().all(Flow::is_empty);
            match poll(&mut polled, quiet.then_some(&moment)) {
                Ok(0) if quiet => break,
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno).told("wait for the program"),
            }
            let found: Vec<PollFlags> = polled.iter().map(PollFd::revents).collect();
            if !found[0].is_empty()
                && let Some(signal) = self.take_signals(terminal, master)?
            {
                return Ok(128 + signal);
            }
            if code.is_none() && !found[1].is_empty() {
                code = self.code()?;
                if code.is_some() {
                    flows.retain(Flow::is_output);
                    continue;
                }
            }
            let mut rest = &found[first..];
            for flow in &mut flows {
                let ready = flow.take_ready(&mut rest);
                flow.advance(ready)?;
            }
            flows.retain(|flow| !flow.done());
        }
        Ok(code.unwrap_or(UNKNOWN))
    }

    /// What the monitor says; nothing while the program runs.
    fn code(&self) -> Result<Option<i32>> {
        match protocol::hear(self.socket.as_fd())? {
            Some((Answer::Exited(code), _)) => Ok(Some(code)),
            // To a signal that was passed on. One that came too late has nobody to reach.
            Some((Answer::Done | Answer::Failed(..), _)) => Ok(None),
            // The monitor was killed, and the container with it.
            _ => Ok(Some(KILLED)),
        }
    }

    /// Those of somebody who is attached go to the container, as in Docker; whoever runs a program beside it
    /// leaves by one, which is returned.
    fn take_signals(&self, terminal: Terminal, master: Option<&OwnedFd>) -> Result<Option<i32>> {
        while let Some(signal) = self.signals.next().told("read a signal")? {
            if signal.number == Signal::WINCH.as_raw() {
                self.follow_size(terminal, master)?;
            } else if self.master == Master::Ours {
                return Ok(Some(signal.number));
            } else {
                self.ask(&Ask::Signal(signal.number));
            }
        }
        Ok(None)
    }

    /// A monitor that does not listen any more is found out by the next look at the socket.
    fn ask(&self, ask: &Ask) {
        match protocol::say(self.socket.as_fd(), ask, None) {
            Ok(()) | Err(_) => {}
        }
    }

    fn follow_size(&self, terminal: Terminal, master: Option<&OwnedFd>) -> Result<()> {
        if terminal == Terminal::No {
            return Ok(());
        }
        match (self.master, master, window(self.streams)) {
            (Master::Ours, Some(master), _) => follow_size(self.streams, master.as_fd()),
            (Master::Theirs, _, Some(size)) => {
                self.ask(&Ask::Resize(size.ws_row, size.ws_col));
            }
            _ => {}
        }
        Ok(())
    }
}

fn duplicate(fd: &OwnedFd) -> Result<OwnedFd> {
    let fd: BorrowedFd<'_> = fd.as_fd();
    kernel::rustix::io::fcntl_dupfd_cloexec(fd, 3).told("duplicate a stream")
}

/// What Docker gives a container until it is killed.
const USUAL_PATIENCE: Duration = Duration::from_secs(10);
/// 128 and SIGKILL.
const KILLED: i32 = 137;
const UNKNOWN: i32 = 125;
