// SPDX-License-Identifier: Apache-2.0
//! The parent half of `exec`: another program beside a container's first one.
//!
//! A process that is to be in a container's pid namespace must be born there, by a parent whose children are
//! for that namespace; who has once said so cannot always take it back. So a helper process says it, and its
//! child becomes ours (`CLONE_PARENT`).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kernel::caps::Caps;
use kernel::fork::{Child, Side};
use kernel::rustix::process::{
    DumpableBehavior, Signal, WaitId, WaitIdOptions, set_dumpable_behavior, waitid,
};
use kernel::rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use crate::cgroup::Cgroup;
use crate::clock::Clock;
use crate::confine::{self, Jail};
use crate::error::{Error, Result, Step};
use crate::launch::{self, Started, Streams};
use crate::rlimit;
use crate::spec::{Process, Spec, Stdio, Wall};
use crate::wire::{self, Report};

/// A program that is about to start in a running container.
pub struct Starting {
    child: Started,
    socket: OwnedFd,
    streams: Streams,
    terminal: Option<OwnedFd>,
    listener: Option<OwnedFd>,
}

/// A program that runs beside the first one.
#[derive(Debug)]
pub struct Beside {
    /// Its process.
    pub child: Child,
    /// Our ends of its standard streams: input, output, errors.
    pub streams: [Option<OwnedFd>; 3],
    /// The master side of its terminal.
    pub terminal: Option<OwnedFd>,
    /// On which its filter asks about limits.
    pub listener: Option<OwnedFd>,
}

/// How far a start has come.
#[derive(Debug)]
pub enum Progress {
    /// It takes longer; the rest is to be heard when [`Starting::socket`] can be read.
    Waits(Starting),
    /// The program runs.
    Runs(Beside),
}

/// Starts `process` in the container that `spec` describes and whose first process is `first`, with at most
/// `capabilities`. The walls are those of the first one.
pub fn start(
    spec: &Spec,
    first: BorrowedFd<'_>,
    cgroup: &Cgroup,
    process: &Process,
    capabilities: Caps,
) -> Result<Starting> {
    let (ours, theirs) = kernel::socket::pair().step(|| "make the launch socket")?;
    let (told, tells) = kernel::socket::pair().step(|| "make a socket for the helper")?;
    let cgroups = cgroup.join()?;
    let (streams, mut inner) = launch::pipes(process.stdio, launch::outer_root(spec))?;
    if process.stdio == Stdio::NoInput {
        inner[0] = Some(ended_pipe()?);
    }
    let helper = match kernel::fork::clone(Default::default(), None).step(|| "start a helper process")? {
        Side::Parent(helper) => helper,
        Side::Child => {
            drop((ours, told));
            let jail = Jail {
                spec,
                process,
                capabilities,
                plan: &[],
                cgroups,
                memfd_noexec: None,
                sources: None,
                socket: theirs,
                streams: inner,
                clock: Clock::off(),
                tree: None,
                entered: None,
                user: None,
                kept: Caps::EMPTY,
            };
            help(jail, first, cgroup, &tells)
        }
    };
    drop((theirs, tells, inner, cgroups));
    let child = born(&told);
    waitid(WaitId::PidFd(helper.pidfd.as_fd()), WaitIdOptions::EXITED).step(|| "reap the helper process")?;
    let child = Started::new(child?);
    launch::offer_to_memory_killer(process, child.get())?;
    rlimit::raise(launch::pid(child.get()), &process.rlimits)?;
    wire::go_on(ours.as_fd(), None)?;
    Ok(Starting { child, socket: ours, streams, terminal: None, listener: None })
}

/// The helper's whole life.
fn help(jail: Jail<'_>, first: BorrowedFd<'_>, cgroup: &Cgroup, tells: &OwnedFd) -> ! {
    // Before the container could find its child.
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable).step(|| "hide this process's memory");
    let pid_namespace = hidden.and_then(|()| match jail.spec.namespaces.pid {
        Wall::Up(()) => move_into_thread_name_spaces(first, ThreadNameSpaceType::PROCESS_ID)
            .step(|| "enter the container's pid namespace"),
        Wall::Down(_) => Ok(()),
    });
    let side = pid_namespace.and_then(|()| {
        kernel::fork::clone_sibling(cgroup.clone_into()).step(|| "start a process in the container")
    });
    let report = match side {
        Ok(Side::Child) => confine::enter_running(jail, first),
        Ok(Side::Parent(child)) => {
            wire::report(tells.as_fd(), &Report::Entering(child.pid), Some(child.pidfd.as_fd()))
        }
        Err(error) => wire::report(tells.as_fd(), &Report::Failed(error.into()), None),
    };
    // Whoever waits sees the socket close.
    kernel::process::exit_now(i32::from(report.is_err()))
}

/// For a program that takes no input: the container's /dev/null may by now be anything.
fn ended_pipe() -> Result<OwnedFd> {
    let flags = kernel::rustix::pipe::PipeFlags::CLOEXEC;
    let (read, _) = kernel::rustix::pipe::pipe_with(flags).step(|| "make a pipe for the standard streams")?;
    Ok(read)
}

fn born(told: &OwnedFd) -> Result<Child> {
    match wire::hear(told.as_fd())? {
        Some((Report::Entering(pid), Some(pidfd))) => Ok(Child { pid, pidfd }),
        Some((Report::Failed(failure), _)) => Err(failure.into()),
        _ => Err(Error::Died { how: "the helper process gave no reason".into() }),
    }
}

impl Starting {
    /// Readable when there is something to hear.
    pub fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Nobody waits for it any more: it is ended. Its process is left to be reaped.
    pub fn give_up(self) -> Option<OwnedFd> {
        let child = self.child.keep();
        match kernel::process::send_signal(child.pidfd.as_fd(), Signal::KILL.as_raw()) {
            // It has ended by itself.
            Ok(()) | Err(_) => Some(child.pidfd),
        }
    }

    /// Hears one message, waiting for it if need be.
    ///
    /// # Errors
    /// What kept the program from starting; nothing is left of it then.
    pub fn hear(mut self) -> Result<Progress> {
        match wire::hear(self.socket.as_fd())? {
            Some((Report::Terminal, fd)) => self.terminal = fd,
            Some((Report::Listener, fd)) => self.listener = fd,
            Some((Report::Failed(failure), _)) => return Err(failure.into()),
            Some(_) => return Err(Error::Died { how: "it said what only others say".into() }),
            None => {
                let Self { child, streams, terminal, listener, .. } = self;
                return Ok(Progress::Runs(Beside { child: child.keep(), streams, terminal, listener }));
            }
        }
        Ok(Progress::Waits(self))
    }
}

impl std::fmt::Debug for Starting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Starting").field("child", self.child.get()).finish_non_exhaustive()
    }
}
