// SPDX-License-Identifier: Apache-2.0
//! `drill`: the same attempts in throw-away containers, with one wall lifted at a time.

mod image;
mod lift;

use std::io::Read;
use std::os::fd::AsFd;

use ::drill::{Report, Run, Runs, Subject};
use runtime::clock::Clock;

use crate::error::{Context, Error, Result};
use crate::monitor::Streams;
use crate::request::{Afterwards, IsolationRequest, LimitsRequest, RootAccess, RunRequest};
use crate::{Engine, Standing, lowered};

/// What to drill, in the terms of `run`.
#[derive(Debug, Clone, Default)]
pub struct DrillRequest {
    /// The image whose containers the attempts are made from; without one, an image that is this
    /// program and nothing else.
    pub image: Option<String>,
    /// Whether the container's root can be written.
    pub root: RootAccess,
    /// As whom.
    pub user: Option<String>,
    /// What it may use.
    pub limits: LimitsRequest,
    /// What separates it from the host.
    pub isolation: IsolationRequest,
}

/// How far a drill has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrillStep {
    /// What is tried now: `without seccomp`.
    pub name: String,
    /// Containers started, this one included.
    pub done: usize,
    /// Containers in all.
    pub total: usize,
}

impl Engine {
    /// Tries to break out of containers and finds the wall that stopped each attempt.
    ///
    /// An error when the container with every wall cannot be run. One with a wall lifted that cannot
    /// is left out of the comparison, and the report says so.
    pub fn drill(&mut self, request: &DrillRequest, progress: &mut dyn FnMut(DrillStep)) -> Result<Report> {
        let base = self.base(request)?;
        let mut lifts = lift::available(&self.standing, &base, &self.drilled_user(&base)?);
        let total = 2 + 2 * lifts.len();
        let mut attempts = Attempts { engine: self, progress, done: 0, total, failed: Vec::new() };
        let mut runs = Runs {
            all: attempts.make("every wall up".to_owned(), &base)?,
            absent: ::drill::absent_from_host(),
            ..Runs::default()
        };
        // A wall that cannot be lifted alone is not lifted with others either.
        lifts.retain(|lift| {
            let run =
                attempts.try_with(format!("without {}", lift.wall.name()), &lift::without(&base, [lift]));
            let lifted = run.is_some();
            runs.lifted.extend(run.map(|run| (lift.wall, run)));
            lifted
        });
        let with_flags = setting(request) != setting(&plain(request));
        attempts.total = attempts.done + lifts.len() + 1 + usize::from(with_flags);
        for lift in &lifts {
            let others = lifts.iter().filter(|other| other.wall != lift.wall);
            let run = attempts.try_with(format!("only {}", lift.wall.name()), &lift::without(&base, others));
            runs.alone.extend(run.map(|run| (lift.wall, run)));
        }
        runs.none = attempts
            .try_with("every wall lifted".to_owned(), &lift::without(&base, &lifts))
            .unwrap_or_default();
        if with_flags {
            let default = attempts.engine.base(&plain(request))?;
            runs.default = attempts.try_with("without your flags".to_owned(), &default);
        }
        let failed = attempts.failed;
        Ok(::drill::attribute(self.subject(request, failed), &runs))
    }

    fn base(&self, asked: &DrillRequest) -> Result<RunRequest> {
        let mut request = RunRequest { afterwards: Afterwards::Remove, ..RunRequest::default() };
        match &asked.image {
            Some(image) => image::lend_program(&mut request, image)?,
            None => request.image = self.embedded_image()?,
        }
        request.files.root = asked.root;
        request.process.user = asked.user.clone();
        request.limits = asked.limits.clone();
        request.isolation = asked.isolation.clone();
        Ok(request)
    }

    /// The user whom the attempts are made as, as given or as the image has it.
    fn drilled_user(&self, base: &RunRequest) -> Result<String> {
        match &base.process.user {
            Some(user) => Ok(user.clone()),
            None => Ok(self.existing(&base.image)?.config.config.user),
        }
    }

    /// One container, which knows what the host looks like at that moment; what it prints is its findings.
    fn one_run(&mut self, request: &RunRequest) -> Result<Run> {
        let mut request = request.clone();
        request.process.env.push((FACTS.to_owned(), Some(facts()?)));
        let (mut read, write) = std::io::pipe().told("make a pipe")?;
        let null = std::fs::File::open("/dev/null").told("open /dev/null")?;
        // The findings of one run fit a pipe only if it is large.
        kernel::rustix::pipe::fcntl_setpipe_size(&write, PIPE).told("make room for the findings")?;
        let streams = Streams { input: Some(null.as_fd()), output: write.as_fd(), errors: write.as_fd() };
        let exit = self.run(&request, &streams, &mut Clock::off())?;
        drop(write);
        let mut text = Vec::new();
        read.read_to_end(&mut text).told("read the findings")?;
        ::drill::read(&text).map_err(|reason| Error::Invalid {
            what: "what the drill inside said".into(),
            reason: format!(
                "{reason} (exit code {}): {}",
                exit.code,
                oci::shown(&String::from_utf8_lossy(&text))
            ),
        })
    }

    fn subject(&self, request: &DrillRequest, mut notes: Vec<String>) -> Subject {
        let engine = match &self.standing {
            Standing::Root => "Bulkhead",
            Standing::Rootless { .. } => "Bulkhead without root",
        };
        if let Standing::Rootless { notice, .. } = &self.standing {
            notes.push(ROOTLESS.to_owned());
            notes.extend(notice.clone());
        }
        Subject {
            engine: engine.to_owned(),
            kernel: kernel::rustix::system::uname().release().to_string_lossy().into_owned(),
            setting: setting(request),
            notes,
        }
    }
}

/// The same without flags.
fn plain(request: &DrillRequest) -> DrillRequest {
    DrillRequest { image: request.image.clone(), ..DrillRequest::default() }
}

fn facts() -> Result<String> {
    serde_json::to_string(&::drill::HostFacts::read()).map_err(|error| Error::Invalid {
        what: "what is known of the host".into(),
        reason: error.to_string(),
    })
}

/// The containers of a drill, one after the other.
struct Attempts<'a> {
    engine: &'a mut Engine,
    progress: &'a mut dyn FnMut(DrillStep),
    done: usize,
    total: usize,
    /// What could not be tried, and why.
    failed: Vec<String>,
}

impl Attempts<'_> {
    fn make(&mut self, name: String, request: &RunRequest) -> Result<Run> {
        self.done += 1;
        (self.progress)(DrillStep { name, done: self.done, total: self.total });
        self.engine.one_run(request)
    }

    fn try_with(&mut self, name: String, request: &RunRequest) -> Option<Run> {
        match self.make(name.clone(), request) {
            Ok(run) => Some(run),
            Err(error) => {
                self.failed
                    .push(format!("A container {name} could not be run and is not compared: {error}."));
                None
            }
        }
    }
}

/// The image and what differs from the default, in the words that asked for it.
fn setting(asked: &DrillRequest) -> String {
    let mut words = vec![match &asked.image {
        Some(image) => format!("a container of {image}"),
        None => "a container of its own image".to_owned(),
    }];
    if asked.root == RootAccess::ReadOnly {
        words.push("--read-only".to_owned());
    }
    words.extend(asked.user.iter().map(|user| format!("--user {user}")));
    words.extend(asked.isolation.cap_drop.iter().map(|name| format!("--cap-drop {name}")));
    let request = RunRequest {
        limits: asked.limits.clone(),
        isolation: asked.isolation.clone(),
        ..RunRequest::default()
    };
    for (_, reason) in lowered::walls(&request) {
        if !words.contains(&reason) {
            words.push(reason);
        }
    }
    words.join(" ")
}

const ROOTLESS: &str = "An ordinary user's engine has no way to the host's user namespace, so that wall was never \
    lifted; it can set neither vm.memfd_noexec nor, without a delegated cgroup, bounds on memory and processes.";
/// How the engine tells the attempts inside what the host looks like.
pub const FACTS: &str = "BULKHEAD_DRILL_FACTS";
const PIPE: usize = 1 << 20;
