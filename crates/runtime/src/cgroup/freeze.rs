// SPDX-License-Identifier: Apache-2.0
//! A container that stands still for a while.
//!
//! Whoever freezes may be killed before they thaw. So a process of ours waits for that: it holds the
//! file that thaws and the end of a pipe whose other end goes with whoever froze. It does the thawing
//! in every case, by the same way.
//!
//! What remains: when both processes are killed at the same moment (a power cut takes the container as well), the
//! container stays frozen until somebody writes `0` to its `cgroup.freeze`. It can still be ended, since
//! `cgroup.kill` reaches frozen processes.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use kernel::rustix::fs::{FlockOperation, Mode, OFlags, flock};
use kernel::rustix::pipe::{PipeFlags, pipe_with};
use kernel::rustix::process::{Pid, WaitOptions, setsid, waitpid};
use kernel::{Errno, rustix};

use super::{Cgroup, Error, Place, Result, failed};

/// All processes of a cgroup stand still until this is thawed or dropped.
#[derive(Debug)]
pub struct Frozen {
    /// Nothing when they stood still before: then that is somebody else's doing, and to undo.
    thawer: Option<Thawer>,
    /// Whoever else freezes this cgroup waits for it (flock).
    _turn: OwnedFd,
}

/// The process that thaws.
#[derive(Debug)]
struct Thawer {
    pid: Option<Pid>,
    /// Its end is the sign.
    alive: Option<OwnedFd>,
    path: PathBuf,
}

impl Cgroup {
    /// Stops all its processes, and comes back when they stand still. Nothing where there is no version 2
    /// tree, or a kernel before Linux 5.2: there is no `cgroup.freeze` then.
    ///
    /// # Errors
    /// A process that does not stop within ten seconds (it waits for a device, say). They all run on then.
    pub fn freeze(&self) -> Result<Option<Frozen>> {
        let Some(place) = self.unified() else { return Ok(None) };
        let path = place.path.join("cgroup.freeze");
        if !path.exists() {
            return Ok(None);
        }
        let turn = super::open_directory(&place.path)?;
        flock(&turn, FlockOperation::LockExclusive)
            .map_err(|errno| failed("take a turn at freezing the cgroup", &place.path, errno))?;
        let before = std::fs::read_to_string(&path).map_err(|error| {
            failed("look at the cgroup", &path, Errno::from_io_error(&error).unwrap_or(Errno::IO))
        })?;
        if before.trim() == "1" {
            return Ok(Some(Frozen { thawer: None, _turn: turn }));
        }
        // Dropped on an error below, it thaws.
        let frozen = Frozen { thawer: Some(Thawer::start(&path)?), _turn: turn };
        super::write(&path, "1").map_err(|errno| failed("freeze the cgroup", &path, errno))?;
        wait_until_frozen(place)?;
        Ok(Some(frozen))
    }
}

impl Frozen {
    /// Lets the processes go on.
    ///
    /// # Errors
    /// They may still stand still.
    pub fn thaw(mut self) -> Result<()> {
        self.thawer.take().map_or(Ok(()), |mut thawer| thawer.thaw())
    }
}

impl Thawer {
    fn start(path: &Path) -> Result<Self> {
        let step = |errno| failed("start the process that thaws the cgroup", path, errno);
        let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).map_err(step)?;
        let (sign, alive) = pipe_with(PipeFlags::CLOEXEC).map_err(step)?;
        let forked = kernel::fork::fork();
        match forked.map_err(|source| Error::Step {
            step: "start the process that thaws the cgroup",
            path: path.to_owned(),
            source,
        })? {
            None => {
                drop(alive);
                kernel::process::exit_now(wait_and_thaw(&sign, &file))
            }
            Some(pid) => Ok(Self { pid: Pid::from_raw(pid), alive: Some(alive), path: path.to_owned() }),
        }
    }

    fn thaw(&mut self) -> Result<()> {
        self.alive = None;
        let Some(pid) = self.pid.take() else { return Ok(()) };
        let ended = loop {
            match waitpid(Some(pid), WaitOptions::empty()) {
                Err(Errno::INTR) => {}
                other => break other,
            }
        };
        match ended {
            Ok(Some((_, status))) if status.exit_status() == Some(0) => Ok(()),
            // It was killed, or failed. A cgroup that is gone needs no thawing.
            _ => match super::write(&self.path, "0") {
                Ok(()) | Err(Errno::NOENT | Errno::NODEV) => Ok(()),
                Err(errno) => Err(failed("thaw the cgroup", &self.path, errno)),
            },
        }
    }
}

impl Drop for Thawer {
    fn drop(&mut self) {
        // Something else has failed, and that is told.
        match self.thaw() {
            Ok(()) | Err(_) => {}
        }
    }
}

/// The thawing process: out of reach of what a person types at the terminal, it reads until nobody can
/// write any more. The result is its exit status.
fn wait_and_thaw(sign: &OwnedFd, file: &OwnedFd) -> i32 {
    let apart = setsid();
    let mut byte = [0u8; 1];
    while let Err(Errno::INTR) = rustix::io::read(sign, &mut byte) {}
    let thawed = rustix::io::write(file, b"0");
    i32::from(apart.is_err() || thawed.is_err())
}

/// cgroup-v2.rst: `cgroup.events` says `frozen 1` when all stand still, and wakes who polls it.
fn wait_until_frozen(place: &Place) -> Result<()> {
    let path = place.path.join("cgroup.events");
    let step = |errno| failed("wait until the container stands still", &path, errno);
    let events = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(step)?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        let mut text = [0u8; 256];
        let length = rustix::io::pread(&events, &mut text[..], 0).map_err(step)?;
        if String::from_utf8_lossy(&text[..length]).lines().any(|line| line == "frozen 1") {
            return Ok(());
        }
        let mut polled = [PollFd::from_borrowed_fd(events.as_fd(), PollFlags::PRI)];
        let timeout = Timespec { tv_sec: 1, tv_nsec: 0 };
        match poll(&mut polled, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(step(errno)),
        }
    }
    Err(step(Errno::TIMEDOUT))
}

const PATIENCE: Duration = Duration::from_secs(10);
