// SPDX-License-Identifier: Apache-2.0
//! What stays on the host while a container runs: streams, log, signals, the window size, answers about limits,
//! the commands that come to its socket, and at the end the exit status.
//!
//! One thread, one poll(2) loop, bounded buffers. Nothing the container does can make it block: it
//! writes only where poll says there is room, and never more than a pipe takes at once.

pub(crate) mod door;
mod fan;
mod flow;
pub(crate) mod log;
pub(crate) mod protocol;
mod serve;
mod terminal;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kernel::Errno;
use kernel::process::SignalFd;
use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use kernel::rustix::process::{Signal, WaitId, WaitIdOptions, waitid};
use runtime::launch::Running;
use runtime::spec::Spec;

use crate::error::{Context, Result};
use crate::records::Record;
use door::Door;
use fan::{Fan, Patience};
pub(crate) use flow::{Direction, End, Flow};
use log::{Log, Stream};
pub(crate) use terminal::{RawTerminal, follow_size, window};

/// How a container's first process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// As a shell shows it: the program's own code, or 128 and the signal's number.
    pub code: i32,
}

/// The streams of whoever waits for the container.
#[derive(Debug)]
pub struct Streams<'a> {
    /// Read from until its end; none when the container takes no input.
    pub input: Option<BorrowedFd<'a>>,
    /// Written to.
    pub output: BorrowedFd<'a>,
    /// Written to.
    pub errors: BorrowedFd<'a>,
}

/// Signals that are passed on to the container (all that a person or a supervisor sends).
pub fn take_signals() -> Result<SignalFd> {
    SignalFd::new(&kernel::process::PASSED_ON).told("take signals")
}

/// A container that is being attended.
pub(crate) struct Container<'a> {
    pub(crate) running: &'a mut Running,
    pub(crate) spec: &'a Spec,
    pub(crate) record: &'a mut Record,
}

/// Everybody whom the monitor serves besides the container.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    pub(crate) streams: Option<&'a Streams<'a>>,
    pub(crate) signals: SignalFd,
    pub(crate) door: Door,
    pub(crate) log: Log,
    /// Whether somebody asked for its end, so that it is not started again.
    pub(crate) dismissed: Dismissed,
}

/// Whether a container's end was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dismissed {
    No,
    Yes,
}

/// The streams of a container while it is attended.
struct Open<'a> {
    inputs: Vec<Flow<'a>>,
    outputs: Vec<Fan<'a>>,
    /// Output of programs beside the first one that nobody wanted to read.
    drains: Vec<Fan<'a>>,
    /// The container's standard input, while it may still get some.
    stdin: Option<OwnedFd>,
}

impl<'a> Watch<'a> {
    /// Serves the container until its first process has ended and its output is written out.
    pub(crate) fn attend(&mut self, container: &mut Container<'_>) -> Result<Exit> {
        let terminal = match (&container.running.terminal, self.streams) {
            (Some(master), Some(streams)) => {
                follow_size(streams, master.as_fd());
                streams.input.map(RawTerminal::enter).transpose()?
            }
            _ => None,
        };
        let mut open = Open::of(container.running, self.streams)?;
        let mut ended: Option<(i32, Instant)> = None;
        loop {
            let found = self.wait_for_events(container.running, &open, ended)?;
            if found.signals && self.pass_signals_on(container.running)? && ended.is_some() {
                // Only a reader who does not read is still waited for, and somebody asks us to stop.
                break;
            }
            serve_view(container.running, &found.questions)?;
            // Before any output is read: who attaches before the start sees all of it.
            self.serve_visitors(container, &mut open, &found.door)?;
            let busy = open.advance(&found, &mut self.log)?;
            if found.ended {
                ended = Some((exit_code(container.running)?, Instant::now()));
                // Nobody reads input any more; output that is still in the pipes is written out.
                open.inputs.clear();
                open.stdin = None;
            } else if let Some((_, since)) = ended {
                if since.elapsed() > PATIENCE {
                    open.outputs.iter_mut().for_each(Fan::give_up_on_slow_readers);
                }
                if !busy && open.outputs.iter().all(Fan::is_empty) {
                    break;
                }
            }
        }
        drop(terminal);
        let code = ended.map_or(UNKNOWN_EXIT, |(code, _)| code);
        self.door.close(code);
        Ok(Exit { code })
    }

    fn wait_for_events(
        &self,
        running: &Running,
        open: &Open<'_>,
        ended: Option<(i32, Instant)>,
    ) -> Result<Found> {
        let mut polled = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if ended.is_none() {
            polled.push(PollFd::new(&running.child.pidfd, PollFlags::IN));
        }
        let mut marks = vec![polled.len()];
        for flow in &open.inputs {
            polled.extend(flow.wanted());
            marks.push(polled.len());
        }
        for fan in open.fans() {
            polled.extend(fan.wanted());
            marks.push(polled.len());
        }
        let listeners = running.view.iter().flat_map(|view| view.listeners());
        polled.extend(listeners.map(|listener| PollFd::from_borrowed_fd(listener, PollFlags::IN)));
        marks.push(polled.len());
        polled.extend(self.door.wanted());
        match poll(&mut polled, timeout(running, open, ended).as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno).told("wait for the container"),
        }
        let flags: Vec<PollFlags> = polled.iter().map(PollFd::revents).collect();
        let mut parts = marks.windows(2).map(|pair| flags[pair[0]..pair[1]].to_vec());
        Ok(Found {
            signals: !flags[0].is_empty(),
            ended: ended.is_none() && !flags[1].is_empty(),
            inputs: parts.by_ref().take(open.inputs.len()).collect(),
            outputs: open.fans().map(Fan::readers).zip(parts.by_ref()).collect(),
            questions: parts.next().unwrap_or_default(),
            door: flags[marks.last().copied().unwrap_or(0)..].to_vec(),
        })
    }

    /// Passes on what has come, and says whether there was more than a new window size.
    fn pass_signals_on(&mut self, running: &Running) -> Result<bool> {
        let mut passed = false;
        while let Some(signal) = self.signals.next().told("read a signal")? {
            let resized = signal.number == Signal::WINCH.as_raw();
            if let (true, Some(master), Some(streams)) = (resized, &running.terminal, self.streams) {
                follow_size(streams, master.as_fd());
                continue;
            }
            passed |= !resized;
            send(running, signal.number)?;
        }
        Ok(passed)
    }
}

/// A signal for the first process, which may have ended.
fn send(running: &Running, signal: i32) -> Result<()> {
    match kernel::process::send_signal(running.child.pidfd.as_fd(), signal) {
        Err(error) if error.errno != Errno::SRCH => Err(error).told("pass a signal on"),
        _ => Ok(()),
    }
}

/// What poll found.
struct Found {
    signals: bool,
    ended: bool,
    inputs: Vec<Vec<PollFlags>>,
    /// With how many readers each had.
    outputs: Vec<(usize, Vec<PollFlags>)>,
    questions: Vec<PollFlags>,
    door: Vec<PollFlags>,
}

impl<'a> Open<'a> {
    fn of(running: &mut Running, streams: Option<&Streams<'a>>) -> Result<Self> {
        let mut open = Self { inputs: Vec::new(), outputs: Vec::new(), drains: Vec::new(), stdin: None };
        if let Some(master) = &running.terminal {
            open.outputs.push(Fan::new(duplicate(master.as_fd())?, Stream::Stdout));
            open.stdin = Some(duplicate(master.as_fd())?);
        } else {
            let [input, output, errors] = &mut running.streams;
            open.stdin = input.take();
            for (pipe, stream) in [(output.take(), Stream::Stdout), (errors.take(), Stream::Stderr)] {
                open.outputs.extend(pipe.map(|pipe| Fan::new(pipe, stream)));
            }
        }
        let Some(streams) = streams else { return Ok(open) };
        for fan in &mut open.outputs {
            let sink = if fan.stream() == Stream::Stdout { streams.output } else { streams.errors };
            fan.add(End::Borrowed(sink), Patience::Endless);
        }
        // Its end is passed on as well: nobody else gives any input then.
        if let (Some(source), Some(sink)) = (streams.input, open.stdin.take()) {
            open.inputs.push(Flow::new(End::Borrowed(source), End::Owned(sink), Direction::In));
        }
        Ok(open)
    }

    fn fans(&self) -> impl Iterator<Item = &Fan<'a>> {
        self.outputs.iter().chain(&self.drains)
    }

    /// Says whether any output had something to do.
    fn advance(&mut self, found: &Found, log: &mut Log) -> Result<bool> {
        for (flow, flags) in self.inputs.iter_mut().zip(&found.inputs) {
            let ready = flow.take_ready(&mut &flags[..]);
            flow.advance(ready)?;
        }
        self.inputs.retain(|flow| !flow.done());
        let mut busy = false;
        let mut answers = found.outputs.iter();
        for (fan, (readers, flags)) in self.outputs.iter_mut().zip(&mut answers) {
            busy |= fan.advance(*readers, flags, log)?;
        }
        let mut nowhere = Log::nowhere();
        for (fan, (readers, flags)) in self.drains.iter_mut().zip(answers) {
            fan.advance(*readers, flags, &mut nowhere)?;
        }
        self.outputs.retain(|fan| !fan.is_done());
        self.drains.retain(|fan| !fan.is_done());
        Ok(busy)
    }
}

fn duplicate(fd: BorrowedFd<'_>) -> Result<OwnedFd> {
    kernel::rustix::io::fcntl_dupfd_cloexec(fd, 3).told("duplicate a stream")
}

/// After the end, what is left in the pipes is taken without waiting, because a process that outlived
/// its container's first one may hold the other end for ever; what was taken is written out however
/// long the reader takes.
fn timeout(running: &Running, open: &Open<'_>, ended: Option<(i32, Instant)>) -> Option<Timespec> {
    let wait = match ended {
        Some(_) if open.outputs.iter().all(Fan::is_empty) => Duration::ZERO,
        Some((_, since)) => PATIENCE.checked_sub(since.elapsed())?,
        None => running.view.as_ref()?.next_tick()?,
    };
    Some(Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(wait.subsec_nanos()),
    })
}

/// Answers about limits, and keeps the files that show them fresh.
fn serve_view(running: &mut Running, found: &[PollFlags]) -> Result<()> {
    let Some(view) = &mut running.view else { return Ok(()) };
    // From behind, since those that are over are taken away.
    for (which, flags) in found.iter().enumerate().rev() {
        if flags.contains(PollFlags::IN) {
            view.answer(which).told("answer the container's question about its limits")?;
        } else if !flags.is_empty() {
            // Polled further, it would say so again at once and for ever.
            view.stop_listening(which);
        }
    }
    view.tick_if_due(&running.cgroup).told("refresh the container's view of its limits")
}

fn exit_code(running: &Running) -> Result<i32> {
    let status = waitid(WaitId::PidFd(running.child.pidfd.as_fd()), WaitIdOptions::EXITED)
        .told("reap the container")?;
    let code = status
        .and_then(|status| status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal)));
    Ok(code.unwrap_or(UNKNOWN_EXIT))
}

/// When the kernel gives no status.
const UNKNOWN_EXIT: i32 = 125;
/// How long readers are waited for, after the end, whom the container would not wait for.
const PATIENCE: Duration = Duration::from_secs(2);
