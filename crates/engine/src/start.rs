// SPDX-License-Identifier: Apache-2.0
//! Containers that outlive the command that starts them.
//!
//! ```text
//!  bulkhead start web ──▶ [bulkhead attend ROOT ID], which stays: the container's monitor
//!        │ waits                │ takes over the directory's lock, launches
//!        └──◀── "runs", or what kept it from running ──┘ over the socket that is its standard input
//! ```

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};

use runtime::clock::Clock;
use serde::{Deserialize, Serialize};

use crate::admit::{self, Provenance};
use crate::berth::Berth;
use crate::directory::Home;
use crate::error::{Context, Error, Result, in_full};
use crate::records::{Record, State};
use crate::request::RunRequest;
use crate::run::Starter;
use crate::volumes::Settled;
use crate::{Engine, Settings};

/// What a monitor has to say to whoever started it.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    /// Commands can come to it; nothing runs until the answer.
    Open,
    /// The program runs.
    Runs,
    /// Nothing is left of the attempt; why, Docker's exit code for it, and what helps.
    Failed { why: String, code: u8, hint: Option<String> },
}

impl Engine {
    /// Makes a container that waits to be started.
    pub fn create(&mut self, request: &RunRequest) -> Result<Record> {
        self.settle()?;
        let hold = self.store.hold()?;
        let image = self.existing(&request.image)?;
        let admitted = admit::admit(image, Provenance::LoadedHere)?;
        let Settled { request, dangers } = self.settle_mounts(request, admitted.image())?;
        let request = &request;
        let mut berth = self.reserve(request, &admitted, &dangers)?;
        drop(hold);
        let kept = self.records.write_request(&berth.record.id, request).and_then(|()| {
            berth.record.state = State::Created;
            self.records.write(&berth.record)
        });
        match kept {
            Ok(()) => Ok(berth.record),
            Err(error) => self.give_back(berth).and(Err(error)),
        }
    }

    /// Starts the container called `name`, and comes back when its program runs. One that runs already is
    /// left alone.
    ///
    /// # Errors
    /// What kept it from running. The container is then as it was.
    pub fn start(&self, name: &str) -> Result<Record> {
        self.start_with(name, || Ok(())).map(|(record, ())| record)
    }

    /// The same, with something to be done when commands can come to its monitor and nothing runs yet. One that
    /// runs already is that far.
    pub(crate) fn start_with<T>(
        &self,
        name: &str,
        meanwhile: impl FnOnce() -> Result<T>,
    ) -> Result<(Record, T)> {
        let record = self.records.find(name)?;
        if crate::directory::is_attended(self.records.containers(), &record.id)? {
            return Ok((record, meanwhile()?));
        }
        let (ours, theirs) = kernel::socket::pair().told("talk to the container's monitor")?;
        let mut child = self.monitor(&record.id, theirs)?;
        let mut word = hear(ours.as_fd())?;
        let mut done = None;
        if matches!(word, Some(Word::Open)) {
            done = Some(meanwhile()?);
            say(ours.as_fd(), &Word::Open);
            word = hear(ours.as_fd())?;
        }
        match (word, done) {
            (Some(Word::Runs), Some(done)) => {
                let record = self.records.read(&record.id)?.unwrap_or(record);
                Ok((record, done))
            }
            (Some(Word::Failed { why, code, hint }), _) => {
                child.wait().told("wait for the container's monitor")?;
                Err(Error::NotStarted { why, code, hint })
            }
            _ => {
                let ended = child.wait().told("wait for the container's monitor")?;
                let why = format!("the monitor of {} ended before it ran: {ended}", record.name);
                Err(Error::NotStarted { why, code: 125, hint: None })
            }
        }
    }

    /// Our own program once more, with nothing of this process but the socket.
    fn monitor(&self, id: &str, socket: OwnedFd) -> Result<std::process::Child> {
        kernel::process::close_on_exec_from(3).told("keep files from the container's monitor")?;
        let mut command = Command::new("/proc/self/exe");
        let root = std::path::absolute(&self.root).told("find the state directory")?;
        command.arg(ENTRY).arg(root).arg(id).env_clear().current_dir("/");
        command.stdin(Stdio::from(socket)).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().told("start the container's monitor")
    }

    /// A monitor's whole life.
    fn attend(&mut self, id: &str, starter: OwnedFd) -> Result<()> {
        self.settle()?;
        let told = |error: &Error| {
            let failed = Word::Failed { why: in_full(error), code: error.exit_code(), hint: error.hint() };
            say(starter.as_fd(), &failed);
        };
        let Some(mut berth) = self.take_berth(id).inspect_err(told)? else {
            say(starter.as_fd(), &Word::Runs);
            return Ok(());
        };
        let before = berth.record.clone();
        let outcome = self.attend_once(&mut berth, &Caller(&starter));
        match outcome {
            Ok(()) if before.removed_afterwards => self.give_back(berth),
            Ok(()) => Ok(()),
            Err(error) => {
                // First, so that whoever is told finds it as it was.
                berth.record = Record { complaint: Some(in_full(&error)), ..before };
                let noted = self.records.not_started(&mut berth.record);
                told(&error);
                noted
            }
        }
    }

    fn attend_once(&self, berth: &mut Berth, starter: &Caller<'_>) -> Result<()> {
        let request: RunRequest = self.records.read_request(&berth.record.id)?;
        let hold = self.store.hold()?;
        let image = self.existing(&berth.record.image)?;
        let admitted = admit::admit(image, Provenance::LoadedHere)?;
        drop(hold);
        let mut clock = Clock::off();
        let exit = self.live(berth, admitted, &request, None, &mut clock, starter)?;
        self.records.ended(&mut berth.record, exit.code)
    }

    /// The container's directory, record and lock; nothing when another monitor has it.
    fn take_berth(&self, id: &str) -> Result<Option<Berth>> {
        let Some(home) = Home::take_over(&self.records, id)? else { return Ok(None) };
        let record = self.records.read(id)?;
        let mut record = record.ok_or_else(|| Error::NoSuchContainer { name: id.to_owned() })?;
        record.state = State::Starting;
        self.records.write(&record)?;
        Ok(Some(Berth { record, home }))
    }
}

/// The command that started a monitor.
struct Caller<'a>(&'a OwnedFd);

impl Starter for Caller<'_> {
    fn door_is_open(&self) -> Result<()> {
        say(self.0.as_fd(), &Word::Open);
        // Whoever started it may have been killed; then it is not to run.
        match hear(self.0.as_fd())? {
            Some(Word::Open) => Ok(()),
            _ => Err(Error::NotStarted {
                why: "the command that started it is gone".into(),
                code: 125,
                hint: None,
            }),
        }
    }

    fn program_runs(&self) -> Result<()> {
        say(self.0.as_fd(), &Word::Runs);
        Ok(())
    }
}

/// Attends the container `id` under the state root `root` until its end; standard input is a socket to whoever
/// started this process. The result is the exit status.
pub fn attend(root: &Path, id: &str) -> i32 {
    match attend_alone(root, id) {
        Ok(()) => 0,
        // It was told to whoever started us, while they listened.
        Err(_) => 1,
    }
}

fn attend_alone(root: &Path, id: &str) -> Result<()> {
    let starter = std::io::stdin().as_fd().try_clone_to_owned().told("take the starter's socket")?;
    let null = std::fs::File::open("/dev/null").told("open /dev/null")?;
    kernel::rustix::stdio::dup2_stdin(&null).told("part with the starter's socket")?;
    drop(null);
    kernel::rustix::process::setsid().told("start a session")?;
    let mut engine = Engine::open_to_attend(&Settings { root: root.to_owned() }).inspect_err(|error| {
        let failed = Word::Failed { why: in_full(error), code: error.exit_code(), hint: error.hint() };
        say(starter.as_fd(), &failed);
    })?;
    engine.attend(id, starter)
}

fn say(socket: BorrowedFd<'_>, word: &Word) {
    let Ok(text) = serde_json::to_vec(word) else { return };
    match kernel::socket::send(socket, &text, None) {
        // Whoever started it may have been killed; the container runs all the same.
        Ok(()) | Err(_) => {}
    }
}

fn hear(socket: BorrowedFd<'_>) -> Result<Option<Word>> {
    let mut buffer = vec![0; LONGEST];
    let (length, _) =
        kernel::socket::receive(socket, &mut buffer).told("hear from the container's monitor")?;
    if length == 0 {
        return Ok(None);
    }
    serde_json::from_slice(&buffer[..length]).map(Some).map_err(|error| Error::Invalid {
        what: "what the container's monitor says".into(),
        reason: error.to_string(),
    })
}

/// The word by which this program is called as a monitor.
pub const ENTRY: &str = "attend";
const LONGEST: usize = 64 << 10;
