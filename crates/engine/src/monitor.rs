// SPDX-License-Identifier: Apache-2.0
//! What stays on the host while a container runs: streams, signals, the window size, answers about
//! limits, and at the end the exit status.
//!
//! One thread, one poll(2) loop, bounded buffers. Nothing the container does can make it block: it
//! writes only where poll says there is room, and never more than a pipe takes at once.

use std::os::fd::{AsFd, BorrowedFd};

use kernel::Errno;
use kernel::process::SignalFd;
use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use kernel::rustix::process::{Signal, WaitId, WaitIdOptions, waitid};
use kernel::rustix::termios::{
    OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};
use runtime::launch::Running;

use crate::error::{Context, Result};
use crate::flow::{Direction, End, Flow, Ready};

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

/// Serves `running` until its first process has ended and its output is written out.
pub fn attend(running: &mut Running, streams: &Streams<'_>, signals: &SignalFd) -> Result<Exit> {
    let terminal = match &running.terminal {
        Some(master) => {
            follow_size(streams, master.as_fd());
            streams.input.map(RawTerminal::enter).transpose()?
        }
        None => None,
    };
    let mut flows = flows(running, streams)?;
    let mut code = None;
    loop {
        let events = wait_for_events(running, &flows, signals, code)?;
        if events.signals && pass_signals_on(running, signals, streams)? && code.is_some() {
            // Only a reader who does not read is still waited for, and somebody asks us to stop.
            break;
        }
        serve_view(running, events.questions)?;
        for (flow, ready) in flows.iter_mut().zip(&events.flows) {
            flow.advance(*ready)?;
        }
        flows.retain(|flow| !flow.done());
        if events.ended {
            code = Some(exit_code(running)?);
            // Nobody reads input any more; output that is still in the pipes is written out.
            flows.retain(Flow::is_output);
        } else if code.is_some() && events.quiet() && flows.iter().all(Flow::is_empty) {
            break;
        }
    }
    drop(terminal);
    Ok(Exit { code: code.unwrap_or(UNKNOWN_EXIT) })
}

/// What poll found.
struct Events {
    signals: bool,
    questions: Questions,
    ended: bool,
    flows: Vec<Ready>,
}

impl Events {
    /// Whether no stream had anything to do.
    fn quiet(&self) -> bool {
        self.flows.iter().all(|ready| *ready == Ready::default())
    }
}

/// What the container's filter has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Questions {
    None,
    Waiting,
    /// No process is left that could ask.
    Over,
}

fn wait_for_events(
    running: &Running,
    flows: &[Flow<'_>],
    signals: &SignalFd,
    code: Option<i32>,
) -> Result<Events> {
    let mut polled = vec![PollFd::new(signals, PollFlags::IN)];
    if code.is_none() {
        polled.push(PollFd::new(&running.child.pidfd, PollFlags::IN));
    }
    let before_flows = polled.len();
    for flow in flows {
        polled.extend(flow.wanted());
    }
    let after_flows = polled.len();
    let listener = running.view.as_ref().and_then(|view| view.listener());
    polled.extend(listener.map(|listener| PollFd::from_borrowed_fd(listener, PollFlags::IN)));
    match poll(&mut polled, timeout(running, flows, code).as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno).told("wait for the container"),
    }
    let found: Vec<PollFlags> = polled.iter().map(PollFd::revents).collect();
    let mut rest = &found[before_flows..after_flows];
    let flows = flows.iter().map(|flow| flow.take_ready(&mut rest)).collect();
    let questions = match found.get(after_flows) {
        Some(flags) if flags.contains(PollFlags::IN) => Questions::Waiting,
        Some(flags) if !flags.is_empty() => Questions::Over,
        _ => Questions::None,
    };
    let ended = code.is_none() && !found[1].is_empty();
    Ok(Events { signals: !found[0].is_empty(), questions, ended, flows })
}

/// After the end, what is left in the pipes is taken without waiting, because a process that outlived
/// its container's first one may hold the other end for ever; what was taken is written out however
/// long the reader takes.
fn timeout(running: &Running, flows: &[Flow<'_>], code: Option<i32>) -> Option<Timespec> {
    if code.is_some() {
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        return flows.iter().all(Flow::is_empty).then_some(none);
    }
    let wait = running.view.as_ref()?.next_tick()?;
    Some(Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(wait.subsec_nanos()),
    })
}

/// Answers about limits, and keeps the files that show them fresh.
fn serve_view(running: &mut Running, questions: Questions) -> Result<()> {
    let Some(view) = &mut running.view else { return Ok(()) };
    match questions {
        Questions::None => {}
        Questions::Waiting => view.answer().told("answer the container's question about its limits")?,
        // Polled further, it would say so again at once and for ever.
        Questions::Over => view.stop_listening(),
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

/// Passes on what has come, and says whether there was more than a new window size.
fn pass_signals_on(running: &Running, signals: &SignalFd, streams: &Streams<'_>) -> Result<bool> {
    let mut passed = false;
    while let Some(signal) = signals.next().told("read a signal")? {
        let resized = signal.number == Signal::WINCH.as_raw();
        if let (true, Some(master)) = (resized, &running.terminal) {
            follow_size(streams, master.as_fd());
            continue;
        }
        passed |= !resized;
        match kernel::process::send_signal(running.child.pidfd.as_fd(), signal.number) {
            Err(error) if error.errno != Errno::SRCH => return Err(error).told("pass a signal on"),
            _ => {}
        }
    }
    Ok(passed)
}

fn flows<'a>(running: &mut Running, streams: &Streams<'a>) -> Result<Vec<Flow<'a>>> {
    if let Some(master) = &running.terminal {
        let duplicate = || kernel::rustix::io::fcntl_dupfd_cloexec(master, 3).told("duplicate the terminal");
        let output = Flow::new(End::Owned(duplicate()?), End::Borrowed(streams.output), Direction::Out);
        let Some(input) = streams.input else { return Ok(vec![output]) };
        return Ok(vec![Flow::new(End::Borrowed(input), End::Owned(duplicate()?), Direction::In), output]);
    }
    let [input, output, errors] = &mut running.streams;
    let mut flows = Vec::new();
    if let (Some(pipe), Some(source)) = (input.take(), streams.input) {
        flows.push(Flow::new(End::Borrowed(source), End::Owned(pipe), Direction::In));
    }
    for (pipe, sink) in [(output.take(), streams.output), (errors.take(), streams.errors)] {
        if let Some(pipe) = pipe {
            flows.push(Flow::new(End::Owned(pipe), End::Borrowed(sink), Direction::Out));
        }
    }
    Ok(flows)
}

/// The caller's terminal in raw mode, put back when dropped.
#[derive(Debug)]
struct RawTerminal<'a> {
    fd: BorrowedFd<'a>,
    before: Option<Termios>,
}

impl<'a> RawTerminal<'a> {
    fn enter(fd: BorrowedFd<'a>) -> Result<Self> {
        let Ok(before) = tcgetattr(fd) else {
            // Input is no terminal (a test, a pipe): there is nothing to change.
            return Ok(Self { fd, before: None });
        };
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(fd, OptionalActions::Now, &raw).told("switch the terminal to raw mode")?;
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

/// The size of the terminal that the person sees, which is where the output goes if that is one.
pub(crate) fn window(streams: &Streams<'_>) -> Option<Winsize> {
    [Some(streams.output), streams.input].into_iter().flatten().find_map(|fd| tcgetwinsize(fd).ok())
}

/// Gives the container's terminal the size of the caller's. A caller without a size changes nothing.
fn follow_size(streams: &Streams<'_>, master: BorrowedFd<'_>) {
    if let Some(size) = window(streams) {
        // A terminal that has just closed has no size to keep.
        match tcsetwinsize(master, size) {
            Ok(()) | Err(_) => {}
        }
    }
}

/// When the kernel gives no status.
const UNKNOWN_EXIT: i32 = 125;
