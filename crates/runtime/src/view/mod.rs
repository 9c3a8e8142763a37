// SPDX-License-Identifier: Apache-2.0
//! The container's own view of its limits, so that programs size themselves by them and learn nothing
//! of the host's.
//!
//! Files that the kernel would fill with the host's figures (`/proc/meminfo`, `/proc/stat`, ...) are
//! replaced by files on the staging area, rewritten once a second by the monitor; two system calls that
//! no file can stand in for (sysinfo(2), sched_getaffinity(2)) are answered by it. When the monitor is
//! slow or stopped, the figures of the files are a little old; nothing hangs on a file server (lxcfs'
//! weakness). A caller of one of the two calls then waits as for any slow call: signals reach it, and when
//! the monitor dies the kernel itself answers ENOSYS.
//!
//! A rewrite is one pwrite(2) of a text of the same length, so a reader never sees a line end in the
//! wrong place; at worst it finds digits of two moments.

mod files;
mod host;
mod live;
mod meter;
mod processors;
mod questions;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use kernel::seccomp::Notifier;

use crate::cgroup::{Cgroup, Resources, Stats};
use crate::plan::StagedFile;
use host::Host;
use live::Live;
use meter::Meter;
use processors::Processors;

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

/// The system calls that the view of a container with these bounds has to answer, by name.
///
/// sched_getaffinity(2) is among them only when a quota leaves fewer processors than the kernel would tell: runtimes
/// call it early and often, and an answer takes thirty times as long as the call.
pub fn answered_calls(resources: &Resources) -> Result<&'static [&'static str], Error> {
    let all = &["sysinfo", "sched_getaffinity"];
    Ok(if Processors::of(resources)?.differ_from_affinity() { all } else { &all[..1] })
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
    kept: Vec<(OwnedFd, Live)>,
    usage: Stats,
    /// The filters that ask: one of the first process, one of each program beside it.
    questions: Vec<Notifier>,
    meter: Meter,
}

/// What the container may use, in the end.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// Bytes.
    memory: u64,
    /// Bytes of swap.
    swap: u64,
    processors: Processors,
}

impl View {
    /// Reads the host and draws the first view.
    pub fn new(resources: &Resources) -> Result<Self, Error> {
        let host = Host::read()?;
        let limits = Limits {
            memory: resources.memory_max.map_or(host.memory, |limit| limit.min(host.memory)),
            swap: swap(resources, host.swap),
            processors: Processors::of(resources)?,
        };
        let usage = Stats::default();
        let first = files::all(&host, &limits, &usage)?;
        let now = Instant::now();
        let meter = Meter::new(now);
        Ok(Self {
            limits,
            started: now,
            ticked: now,
            first,
            kept: Vec::new(),
            usage,
            questions: Vec::new(),
            meter,
        })
    }

    /// The files to stage, with their first texts.
    pub fn files(&self) -> Vec<StagedFile> {
        self.first.clone()
    }

    /// Takes the staged files, open for writing, in the order of [`View::files`].
    pub fn keep(&mut self, staged: Vec<OwnedFd>) {
        for (fd, file) in staged.into_iter().zip(std::mem::take(&mut self.first)) {
            if let Some(live) = live::live(&file.target) {
                self.kept.push((fd, live));
            }
        }
    }

    /// Takes the descriptor on which the container's filter asks.
    pub fn answer_on(&mut self, listener: OwnedFd) {
        self.questions.push(Notifier::new(listener));
    }

    /// To be polled for reading, unless so much was answered of late that the rest has to wait.
    pub fn listeners(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let free = self.meter.pause(Instant::now()).is_none();
        self.questions.iter().filter(move |_| free).map(AsFd::as_fd)
    }

    /// The filter's side of this one of [`View::listeners`] is gone: no process that it guards is left.
    pub fn stop_listening(&mut self, which: usize) {
        if which < self.questions.len() {
            self.questions.remove(which);
        }
    }

    /// Answers one question on this one of [`View::listeners`]; only to be called when one waits.
    pub fn answer(&mut self, which: usize) -> Result<(), Error> {
        let Some(notifier) = self.questions.get(which) else { return Ok(()) };
        self.meter.count(Instant::now());
        questions::answer(notifier, &self.limits, &self.usage, self.started.elapsed())
            .map_err(|source| Error::Step { step: "answer a question about limits", source })
    }

    /// When [`View::tick_if_due`] or [`View::listeners`] has to be asked again; never when nothing is rewritten
    /// and nothing waits.
    pub fn next_tick(&self) -> Option<Duration> {
        let tick = (!self.kept.is_empty()).then(|| TICK.saturating_sub(self.ticked.elapsed()));
        let pause = self.questions.first().and_then(|_| self.meter.pause(Instant::now()));
        tick.into_iter().chain(pause).min()
    }

    /// Rewrites what has changed, when a second has passed.
    pub fn tick_if_due(&mut self, cgroup: &Cgroup) -> Result<(), Error> {
        if self.kept.is_empty() || self.ticked.elapsed() < TICK {
            return Ok(());
        }
        self.ticked = Instant::now();
        self.usage = cgroup.stats();
        for (fd, live) in &self.kept {
            let text = live.text(&self.limits, &self.usage, self.started.elapsed());
            kernel::rustix::io::pwrite(fd, text.as_bytes(), 0).map_err(|errno| Error::Step {
                step: "rewrite the view of the limits",
                source: kernel::Error::new("pwrite", errno),
            })?;
        }
        Ok(())
    }
}

/// Bytes of swap that the container may use. What nobody asked for is not counted on: it may be gone when it is needed.
fn swap(resources: &Resources, host: u64) -> u64 {
    match (resources.memory_swap, resources.memory_max) {
        (Some(total), Some(memory)) => match u64::try_from(total) {
            Ok(total) => total.saturating_sub(memory).min(host),
            // -1: as much as there is.
            Err(_) => host,
        },
        _ => 0,
    }
}

/// How often the files are rewritten.
const TICK: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_what_affinity_is_answered_for() {
        assert_eq!(answered_calls(&Resources::default()).unwrap(), ["sysinfo"]);
        let usable = std::thread::available_parallelism().unwrap().get() as u64;
        let quota = |cpus: u64| Resources { nano_cpus: Some(cpus * 1_000_000_000), ..Resources::default() };
        assert_eq!(answered_calls(&quota(usable + 8)).unwrap(), ["sysinfo"]);
        if usable > 1 {
            assert_eq!(answered_calls(&quota(1)).unwrap(), ["sysinfo", "sched_getaffinity"]);
        }
    }

    #[test]
    fn swap_is_what_was_asked_for_and_there_is() {
        let given =
            |memory_swap| Resources { memory_max: Some(64 << 20), memory_swap, ..Resources::default() };
        let shown = |memory_swap| swap(&given(memory_swap), 1 << 30) >> 20;
        assert_eq!([None, Some(96 << 20), Some(8 << 30), Some(-1)].map(shown), [0, 32, 1024, 1024]);
    }
}
