// SPDX-License-Identifier: Apache-2.0
//! The record of containers: small files beside what they describe.
//!
//! ```text
//! containers/<id>/record.json   one container, replaced by rename
//! containers/<id>/request.json  what it was asked for, to start it from again
//! names/<name> -> <id>          a name belongs to whoever made the link (its text: link.rs)
//! slots/<number> -> <id>        and so does a range of ids
//! ```
//!
//! The order is: directory (with its lock), name, slot, record; on the way out the record goes first,
//! which is the moment from which the container is gone, then slot, name and directory. A name or slot
//! whose directory is gone is free. Registering and clearing take turns (a lock on `containers/`), so
//! nobody clears what is just being made, or takes a name back that has a new holder. Why no database: `docs/decisions/0001-records-are-files.md`.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use kernel::rustix::fs::{FlockOperation, flock};
use runtime::walls::Bounds;
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};
use crate::link;
use crate::request::{MountRequest, RunRequest};

/// The records under one state root.
#[derive(Debug)]
pub(crate) struct Records {
    containers: PathBuf,
    names: PathBuf,
    slots: PathBuf,
}

/// One container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// 64 hex digits.
    pub id: String,
    /// Unique.
    pub name: String,
    /// Which range of host ids it has.
    pub slot: u32,
    /// Where in its life it is.
    pub state: State,
    /// Seconds since 1970.
    pub created: i64,
    /// The first process, outside, while it runs.
    pub pid: Option<i32>,
    /// When that process started, in the kernel's count: a number alone may be another's by now.
    #[serde(default)]
    pub born: Option<u64>,
    /// How it ended.
    pub exit_code: Option<i32>,
    /// When it was started last, in seconds since 1970.
    #[serde(default)]
    pub started: Option<i64>,
    /// When it ended last, in seconds since 1970.
    #[serde(default)]
    pub ended: Option<i64>,
    /// Why it could not be started the last time.
    #[serde(default)]
    pub complaint: Option<String>,
    /// How often its restart policy has started it again.
    #[serde(default)]
    pub restarts: u32,
    /// The image's id.
    pub image: String,
    /// The image as it was asked for.
    pub image_name: String,
    /// The command line, for listings.
    pub command: String,
    /// Whether it goes when it ends.
    pub removed_afterwards: bool,
    /// Where its cgroup is, when it has one.
    #[serde(default)]
    pub cgroups: Vec<PathBuf>,
    /// The rest.
    pub details: Details,
}

/// What `inspect` and `walls` show beyond the columns.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Walls that were lowered: which, and what asked for it.
    pub lowered: Vec<(String, String)>,
    /// Walls that this host cannot put up: which, and why.
    pub absent: Vec<(String, String)>,
    /// Of the second in which it was created, so that those of one second have an order.
    pub nanoseconds: u32,
    /// What is mounted besides what every container has.
    pub mounts: Vec<MountRequest>,
    /// The bounds that its cgroup was given.
    pub bounds: Bounds,
    /// Working directory.
    pub workdir: String,
    /// User as asked for.
    pub user: String,
    /// The signal that asks it to end, when it is not the image's.
    pub stop_signal: Option<i32>,
    /// Seconds from that signal until it is killed; negative means for ever.
    pub stop_timeout: Option<i64>,
    /// What the image says of how to run it, with what was asked for in its place: the configuration of
    /// an image that is made of the container. Nothing in a record of an earlier version.
    pub config: Option<oci::config::Process>,
}

/// Where in its life a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its name and directory are taken, for a command that is about to run it.
    Reserved,
    /// It waits to be started.
    Created,
    /// A monitor is starting it.
    Starting,
    /// Its process runs.
    Running,
    /// Its processes are frozen.
    Paused,
    /// Its process has ended, and its monitor is about to start it again.
    Restarting,
    /// Its process has ended.
    Exited,
}

impl State {
    /// Whether a process of it is there.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// Docker's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reserved | Self::Created | Self::Starting => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
        }
    }
}

impl Records {
    /// The records in `root`, whose directories are made when they are not there.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let records = Self::at(root);
        for directory in [&records.containers, &records.names, &records.slots] {
            crate::make_directory(directory, 0o700)?;
        }
        Ok(records)
    }

    /// The records in `root`, for looking only: nothing is made.
    pub(crate) fn at(root: &Path) -> Self {
        Self { containers: root.join("containers"), names: root.join("names"), slots: root.join("slots") }
    }

    /// Where the containers' directories are.
    pub(crate) fn containers(&self) -> &Path {
        &self.containers
    }

    /// Waits until no other command is registering or clearing containers, and keeps them waiting
    /// until the result is dropped.
    pub(crate) fn turn(&self) -> Result<Turn> {
        let step = "wait for my turn at the containers' records";
        let directory = fs::File::open(&self.containers).told(step)?;
        flock(&directory, FlockOperation::LockExclusive).told(step)?;
        Ok(Turn { _directory: directory })
    }

    /// Takes the name of `record` and a range of ids for it (its `slot` is filled in), and writes it
    /// down. The container's directory has just been made, in the same turn. On an error nothing is
    /// taken.
    pub(crate) fn insert(&self, record: &mut Record, _turn: &Turn) -> Result<()> {
        self.take_name(&record.name, &record.id)?;
        let taken = self.take_slot(&record.id).and_then(|slot| {
            record.slot = slot;
            self.write(record)
        });
        taken.inspect_err(|_| match self.forget(record) {
            // What cannot be given back now is free as soon as the caller removes the directory.
            Ok(()) | Err(_) => {}
        })
    }

    /// The container's process runs.
    pub(crate) fn started(&self, record: &mut Record, pid: i32) -> Result<()> {
        (record.state, record.pid, record.born) = (State::Running, Some(pid), born(pid));
        (record.started, record.ended, record.complaint) = (Some(now()), None, None);
        self.write(record)
    }

    /// A start came to nothing: the container is where it was before.
    pub(crate) fn not_started(&self, record: &mut Record) -> Result<()> {
        let before = if record.started.is_none() { State::Created } else { State::Exited };
        (record.state, record.pid, record.born) = (before, None, None);
        self.write(record)
    }

    /// The container's process has ended, and somebody wants to know: this survives a power cut.
    pub(crate) fn ended(&self, record: &mut Record, code: i32) -> Result<()> {
        (record.state, record.pid, record.born) = (State::Exited, None, None);
        (record.exit_code, record.ended) = (Some(code), Some(now()));
        self.write(record)?;
        let file = fs::File::open(self.path(&record.id)).told("open the container's record")?;
        file.sync_all().told("write the container's record to disk")
    }

    /// Removes the record, then gives name and slot back. The directory is the caller's to remove.
    pub(crate) fn forget(&self, record: &Record) -> Result<()> {
        match fs::remove_file(self.path(&record.id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).told("remove the container's record");
            }
            _ => {}
        }
        for link in [self.slots.join(record.slot.to_string()), self.names.join(&record.name)] {
            if belongs_to(&link, &record.id) {
                remove_link(&link)?;
            }
        }
        Ok(())
    }

    /// All containers, newest first.
    pub(crate) fn all(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for id in self.ids()? {
            records.extend(self.read(&id)?);
        }
        let age = |record: &Record| (record.created, record.details.nanoseconds);
        records.sort_by(|one, other| age(other).cmp(&age(one)).then_with(|| one.id.cmp(&other.id)));
        Ok(records)
    }

    /// Ids of all directories, of finished and unfinished containers.
    pub(crate) fn ids(&self) -> Result<Vec<String>> {
        let step = "list the containers";
        let mut ids = Vec::new();
        let list = match fs::read_dir(&self.containers) {
            // Nothing was ever run here.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ids),
            other => other.told(step)?,
        };
        for entry in list {
            ids.extend(entry.told(step)?.file_name().into_string());
        }
        Ok(ids)
    }

    /// The container `id`; nothing when it has no record (yet, or any more).
    pub(crate) fn read(&self, id: &str) -> Result<Option<Record>> {
        let path = self.path(id);
        match fs::read(&path) {
            // What a power cut leaves of a file that was never synced.
            Ok(text) if text.is_empty() => Ok(None),
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| Error::Invalid {
                what: format!("the container's record {}", path.display()),
                reason: format!("{error}; move that file away, and the container is removed"),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).told("read a container's record"),
        }
    }

    /// The container called `name`, or whose id begins with it when only one does.
    pub(crate) fn find(&self, name: &str) -> Result<Record> {
        let missing = || Error::NoSuchContainer { name: name.to_owned() };
        if is_name(name)
            && let Ok(id) = holder(&self.names.join(name))
            && let Some(record) = self.read(&id)?
        {
            return Ok(record);
        }
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(missing());
        }
        let mut found = self.ids()?.into_iter().filter(|id| id.starts_with(name));
        match (found.next(), found.next()) {
            (Some(id), None) => self.read(&id)?.ok_or_else(missing),
            (None, _) => Err(missing()),
            (Some(_), Some(_)) => Err(Error::Invalid {
                what: format!("`{name}`"),
                reason: "more than one container's id begins so".into(),
            }),
        }
    }

    /// Names of containers that use the image `id`.
    pub(crate) fn users_of(&self, image: &str) -> Result<Vec<String>> {
        Ok(self.all()?.into_iter().filter(|record| record.image == image).map(|record| record.name).collect())
    }

    /// Links to directories that are gone: a command was killed between the two.
    pub(crate) fn drop_dead_links(&self) -> Result<()> {
        for directory in [&self.names, &self.slots] {
            for entry in fs::read_dir(directory).told("list names")? {
                let link = entry.told("list names")?.path();
                if self.is_dead(&link) {
                    let _turn = self.turn()?;
                    // Its name may have been taken again before our turn.
                    if self.is_dead(&link) {
                        remove_link(&link)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn is_dead(&self, link: &Path) -> bool {
        holder(link).is_ok_and(|id| !self.containers.join(id).exists())
    }

    fn take_name(&self, name: &str, id: &str) -> Result<()> {
        let link = self.names.join(name);
        for _ in 0..TRIES {
            match symlink(link::text(id), &link) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).told("take the container's name"),
            }
            match holder(&link) {
                Ok(holder) if self.containers.join(&holder).exists() => {
                    let id = holder.chars().take(12).collect();
                    return Err(Error::NameInUse { name: name.to_owned(), id });
                }
                Ok(_) => remove_link(&link)?,
                // Given back between the two calls.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error).told("look at who has the name"),
            }
        }
        Err(Error::Invalid {
            what: format!("the name `{name}`"),
            reason: "others keep taking and leaving it".into(),
        })
    }

    /// The lowest range that nobody has.
    fn take_slot(&self, id: &str) -> Result<u32> {
        for slot in 0..SLOTS {
            match symlink(link::text(id), self.slots.join(slot.to_string())) {
                Ok(()) => return Ok(slot),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).told("take a range of ids"),
            }
        }
        Err(Error::Invalid {
            what: "one container more".into(),
            reason: format!("all {SLOTS} ranges of ids are taken; remove containers that have ended"),
        })
    }

    /// Keeps what the container was asked for, to start it from again.
    pub(crate) fn write_request(&self, id: &str, request: &RunRequest) -> Result<()> {
        let step = "write down what the container was asked for";
        let text = serde_json::to_vec(request).map_err(|error| Error::Invalid {
            what: "what the container was asked for".into(),
            reason: error.to_string(),
        })?;
        fs::write(self.containers.join(id).join(REQUEST), text).told(step)
    }

    /// What the container was asked for.
    pub(crate) fn read_request(&self, id: &str) -> Result<RunRequest> {
        let path = self.containers.join(id).join(REQUEST);
        let text = fs::read(&path).told("read what the container was asked for")?;
        serde_json::from_slice(&text)
            .map_err(|error| Error::Invalid { what: path.display().to_string(), reason: error.to_string() })
    }

    /// Writes `record` down as it is.
    pub(crate) fn write(&self, record: &Record) -> Result<()> {
        let path = self.path(&record.id);
        let fresh = path.with_extension("new");
        let text = serde_json::to_vec(record).map_err(|error| Error::Invalid {
            what: "the container's record".into(),
            reason: error.to_string(),
        })?;
        let written = fs::File::create(&fresh).and_then(|mut file| file.write_all(&text));
        written.and_then(|()| fs::rename(&fresh, &path)).told("write the container's record")
    }

    fn path(&self, id: &str) -> PathBuf {
        self.containers.join(id).join("record.json")
    }
}

/// The id that a link names.
fn holder(link: &Path) -> std::io::Result<String> {
    Ok(link::id(&fs::read_link(link)?.to_string_lossy()))
}

fn belongs_to(link: &Path, id: &str) -> bool {
    holder(link).is_ok_and(|holder| holder == id)
}

fn remove_link(link: &Path) -> Result<()> {
    match fs::remove_file(link) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other.told("give a name back"),
    }
}

/// When the process `pid` started, in ticks since boot: field 22 of proc_pid_stat(5), whose second
/// field may hold spaces and ends at the last parenthesis. Nothing when it is gone.
pub(crate) fn born(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.split_whitespace().nth(19)?.parse().ok()
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    kernel::rustix::time::clock_gettime(kernel::rustix::time::ClockId::Realtime).tv_sec
}

/// The right to register and to clear, for as long as it is held.
#[derive(Debug)]
pub(crate) struct Turn {
    _directory: fs::File,
}

/// What may stand in a path as one part.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains('/') && !text.starts_with('.')
}

const REQUEST: &str = "request.json";
/// How many ranges of 65,536 ids lie between [`crate::prepare::FIRST_ID`] and 2^31.
const SLOTS: u32 = 4096;
/// A name that is taken and left this often in a row is an attack or a mistake.
const TRIES: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(root: &Path, id: &str, name: &str) -> Record {
        fs::create_dir_all(root.join("containers").join(id)).unwrap();
        Record {
            id: id.into(),
            name: name.into(),
            slot: 0,
            state: State::Created,
            created: 0,
            pid: None,
            born: None,
            exit_code: None,
            started: None,
            ended: None,
            complaint: None,
            restarts: 0,
            image: "i".into(),
            image_name: "i".into(),
            command: "true".into(),
            removed_afterwards: false,
            cgroups: Vec::new(),
            details: Details::default(),
        }
    }

    fn remove(root: &Path, records: &Records, record: &Record) {
        records.forget(record).unwrap();
        fs::remove_dir_all(root.join("containers").join(&record.id)).unwrap();
    }

    #[test]
    fn slots_are_reused_from_the_lowest() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path()).unwrap();
        let mut made: Vec<Record> =
            (0..4).map(|n| record(dir.path(), &format!("{n:064x}"), &format!("c{n}"))).collect();
        for (n, record) in made.iter_mut().enumerate() {
            records.insert(record, &records.turn().unwrap()).unwrap();
            assert_eq!(record.slot as usize, n);
        }
        remove(dir.path(), &records, &made[1]);
        remove(dir.path(), &records, &made[0]);
        for (id, slot) in [("a", 0), ("b", 1), ("c", 4)] {
            let mut record = record(dir.path(), &id.repeat(64), id);
            records.insert(&mut record, &records.turn().unwrap()).unwrap();
            assert_eq!(record.slot, slot);
        }
    }

    #[test]
    fn a_name_has_one_holder_until_its_directory_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path()).unwrap();
        let mut first = record(dir.path(), &"a".repeat(64), "web");
        records.insert(&mut first, &records.turn().unwrap()).unwrap();
        let mut second = record(dir.path(), &"b".repeat(64), "web");
        assert!(matches!(
            records.insert(&mut second, &records.turn().unwrap()),
            Err(Error::NameInUse { .. })
        ));
        assert_eq!(records.find("aaa").unwrap().name, "web");
        assert!(matches!(records.find("abc"), Err(Error::NoSuchContainer { .. })));
        assert!(matches!(records.find("../names/web"), Err(Error::NoSuchContainer { .. })));
        fs::remove_dir_all(dir.path().join("containers").join(&first.id)).unwrap();
        records.insert(&mut second, &records.turn().unwrap()).unwrap();
        assert_eq!(records.find("web").unwrap().id, second.id);
    }
}
