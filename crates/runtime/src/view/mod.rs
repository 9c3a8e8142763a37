// SPDX-License-Identifier: Apache-2.0
//! The container's own view of its limits, so that programs size themselves by them and learn nothing
//! of the host's.
//!
//! Files that the kernel would fill with the host's figures (`/proc/meminfo`, `/proc/stat`, ...) are
//! replaced by files on the staging area, rewritten once a second by the monitor; two system calls that
//! no file can stand in for (sysinfo(2), sched_getaffinity(2)) are answered by it. When the monitor is
//! slow, the figures are a little old; nothing hangs on a file server (lxcfs' weakness).
//!
//! A rewrite is one pwrite(2) of a text of the same length, so a reader never sees half a line.

mod files;
mod host;
mod questions;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kernel::seccomp::Notifier;

use crate::cgroup::{Cgroup, Resources};
use crate::plan::StagedFile;
use host::Host;

/// Why the view could not be made or kept up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file of the host could not be read, or did not say what it should.
    #[error("could not read the host's {path}: {reason}")]
    Host {
        /// Which.
        path: &'static str,
        /// Why.
        reason: String,
    },
    /// A question could not be answered, or a file not be rewritten.
    #[error("could not {step}")]
    Step {
        /// In words.
        step: &'static str,
        /// The call.
        #[source]
        source: kernel::Error,
    },
}

/// What a container sees of its limits.
#[derive(Debug)]
pub struct View {
    limits: Limits,
    started: Instant,
    ticked: Instant,
    /// The texts of the start; dropped once they are staged.
    first: Vec<StagedFile>,
    /// Files that are rewritten, with how.
    kept: Vec<(OwnedFd, files::Live)>,
    usage: Usage,
    questions: Option<Notifier>,
}

/// What the container may use, in the end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes.
    memory: u64,
    /// Bytes of swap.
    swap: u64,
    /// Processors, rounded up.
    processors: usize,
    /// Processors of the host that its kernel counts, for the size of a mask.
    possible: usize,
}

/// What it uses now.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    memory: u64,
    processes: u64,
    cpu: Duration,
}

impl View {
    /// Reads the host and draws the first view.
    pub fn new(resources: &Resources, cgroup: &Cgroup) -> Result<Self, Error> {
        let host = Host::read()?;
        let limits = Limits {
            memory: resources.memory_max.map_or(host.memory, |limit| limit.min(host.memory)),
            swap: 0,
            processors: resources.processors().map_or(host.processors, |limit| limit.clamp(1, host.processors)),
            possible: host.processors,
        };
        let usage = Usage::default();
        let first = files::all(&host, &limits, &usage)?;
        let now = Instant::now();
        drop(cgroup.stats());
        Ok(Self { limits, started: now, ticked: now, first, kept: Vec::new(), usage, questions: None })
    }

    /// The files to stage, with their first texts.
    pub fn files(&self) -> Vec<StagedFile> {
        self.first.clone()
    }

    /// Takes the staged files, open for writing, in the order of [`View::files`].
    pub fn keep(&mut self, staged: Vec<OwnedFd>) {
        for (fd, file) in staged.into_iter().zip(std::mem::take(&mut self.first)) {
            if let Some(live) = files::live(&file.target) {
                self.kept.push((fd, live));
            }
        }
    }

    /// Takes the descriptor on which the container's filter asks.
    pub fn answer_on(&mut self, listener: OwnedFd) {
        self.questions = Some(Notifier::new(listener));
    }

    /// To be polled for reading.
    pub fn listener(&self) -> Option<BorrowedFd<'_>> {
        self.questions.as_ref().map(AsFd::as_fd)
    }

    /// The filter's side is gone: no process of the container is left.
    pub fn stop_listening(&mut self) {
        self.questions = None;
    }

    /// Answers one question; only to be called when one waits.
    pub fn answer(&mut self) -> Result<(), Error> {
        let Some(notifier) = &self.questions else { return Ok(()) };
        questions::answer(notifier, &self.limits, &self.usage, self.started.elapsed())
            .map_err(|source| Error::Step { step: "answer a question about limits", source })
    }

    /// When [`View::tick`] is due again; never when nothing is rewritten.
    pub fn next_tick(&self) -> Option<Duration> {
        (!self.kept.is_empty()).then(|| TICK.saturating_sub(self.ticked.elapsed()))
    }

    /// Rewrites what has changed, when a second has passed.
    pub fn tick_if_due(&mut self, cgroup: &Cgroup) -> Result<(), Error> {
        if self.kept.is_empty() || self.ticked.elapsed() < TICK {
            return Ok(());
        }
        self.ticked = Instant::now();
        let stats = cgroup.stats();
        self.usage = Usage { memory: stats.memory, processes: stats.processes, cpu: stats.cpu };
        for (fd, live) in &self.kept {
            let text = live.text(&self.limits, &self.usage, self.started.elapsed());
            kernel::rustix::io::pwrite(fd, text.as_bytes(), 0)
                .map_err(|errno| Error::Step { step: "rewrite the view of the limits", source: kernel::Error::new("pwrite", errno) })?;
        }
        Ok(())
    }
}

/// How often the files are rewritten.
const TICK: Duration = Duration::from_secs(1);
