// SPDX-License-Identifier: Apache-2.0
//! The record of containers: small files beside what they describe.
//!
//! ```text
//! containers/<id>/record.json   one container, replaced by rename
//! names/<name> -> <id>          a name belongs to whoever made the link
//! slots/<number> -> <id>        and so does a range of ids
//! ```
//!
//! Making a link is atomic, so two commands cannot both take a name. The order is: directory (with its
//! lock), name, slot, record; and backwards on the way out, the directory last. A name or slot whose
//! directory is gone is free. Why no database: `docs/decisions/0001-records-are-files.md`.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};

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
    /// How it ended.
    pub exit_code: Option<i32>,
    /// The image's id.
    pub image: String,
    /// The image as it was asked for.
    pub image_name: String,
    /// The command line, for listings.
    pub command: String,
    /// Whether it goes when it ends.
    pub removed_afterwards: bool,
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
    /// Working directory.
    pub workdir: String,
    /// User as asked for.
    pub user: String,
}

/// Where in its life a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Its row is there, its process not yet.
    Created,
    /// Its process runs.
    Running,
    /// Its process has ended.
    Exited,
}

impl State {
    /// Docker's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Exited => "exited",
        }
    }
}

impl Records {
    /// The records in `root`, whose directories are made when they are not there.
    pub(crate) fn open(root: &Path) -> Result<Self> {
        let records =
            Self { containers: root.join("containers"), names: root.join("names"), slots: root.join("slots") };
        for directory in [&records.containers, &records.names, &records.slots] {
            crate::make_directory(directory, 0o700)?;
        }
        Ok(records)
    }

    /// Where the containers' directories are.
    pub(crate) fn containers(&self) -> &Path {
        &self.containers
    }

    /// Takes the name of `record` and a range of ids for it (its `slot` is filled in), and writes it
    /// down. The container's directory has just been made. On an error nothing is taken.
    pub(crate) fn insert(&self, record: &mut Record) -> Result<()> {
        self.take_name(&record.name, &record.id)?;
        let taken = self.take_slot(&record.id).and_then(|slot| {
            record.slot = slot;
            self.write(record)
        });
        // What cannot be given back now is free as soon as the caller removes the directory.
        taken.inspect_err(|_| drop(self.forget(record)))
    }

    /// The container's process runs.
    pub(crate) fn started(&self, record: &mut Record, pid: i32) -> Result<()> {
        (record.state, record.pid) = (State::Running, Some(pid));
        self.write(record)
    }

    /// The container's process has ended, and somebody wants to know: this survives a power cut.
    pub(crate) fn ended(&self, record: &mut Record, code: i32) -> Result<()> {
        (record.state, record.pid, record.exit_code) = (State::Exited, None, Some(code));
        self.write(record)?;
        let file = fs::File::open(self.path(&record.id)).told("open the container's record")?;
        file.sync_all().told("write the container's record to disk")
    }

    /// Gives name and slot back. The directory, with the record in it, is the caller's to remove.
    pub(crate) fn forget(&self, record: &Record) -> Result<()> {
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
        records.sort_by(|one, other| other.created.cmp(&one.created).then_with(|| one.id.cmp(&other.id)));
        Ok(records)
    }

    /// Ids of all directories, of finished and unfinished containers.
    pub(crate) fn ids(&self) -> Result<Vec<String>> {
        let step = "list the containers";
        let mut ids = Vec::new();
        for entry in fs::read_dir(&self.containers).told(step)? {
            ids.extend(entry.told(step)?.file_name().into_string());
        }
        Ok(ids)
    }

    /// The container `id`; nothing when it has no record (yet, or any more).
    pub(crate) fn read(&self, id: &str) -> Result<Option<Record>> {
        let path = self.path(id);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| Error::Invalid {
                what: format!("the container's record {}", path.display()),
                reason: error.to_string(),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).told("read a container's record"),
        }
    }

    /// The container called `name`, or whose id begins with it when only one does.
    pub(crate) fn find(&self, name: &str) -> Result<Record> {
        let missing = || Error::NoSuchContainer { name: name.to_owned() };
        if is_name(name)
            && let Ok(id) = fs::read_link(self.names.join(name))
            && let Some(record) = self.read(&id.to_string_lossy())?
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
            (Some(_), Some(_)) => {
                Err(Error::Invalid { what: format!("`{name}`"), reason: "more than one container's id begins so".into() })
            }
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
                if let Ok(id) = fs::read_link(&link)
                    && !self.containers.join(id).exists()
                {
                    remove_link(&link)?;
                }
            }
        }
        Ok(())
    }

    fn take_name(&self, name: &str, id: &str) -> Result<()> {
        let link = self.names.join(name);
        for _ in 0..TRIES {
            match symlink(id, &link) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error).told("take the container's name"),
            }
            match fs::read_link(&link) {
                Ok(holder) if self.containers.join(&holder).exists() => {
                    let id = holder.to_string_lossy().chars().take(12).collect();
                    return Err(Error::NameInUse { name: name.to_owned(), id });
                }
                Ok(_) => remove_link(&link)?,
                // Given back between the two calls.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error).told("look at who has the name"),
            }
        }
        Err(Error::Invalid { what: format!("the name `{name}`"), reason: "others keep taking and leaving it".into() })
    }

    /// The lowest range that nobody has.
    fn take_slot(&self, id: &str) -> Result<u32> {
        for slot in 0..SLOTS {
            match symlink(id, self.slots.join(slot.to_string())) {
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

    fn write(&self, record: &Record) -> Result<()> {
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

fn belongs_to(link: &Path, id: &str) -> bool {
    fs::read_link(link).is_ok_and(|holder| holder == Path::new(id))
}

fn remove_link(link: &Path) -> Result<()> {
    match fs::remove_file(link) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other.told("give a name back"),
    }
}

/// What may stand in a path as one part.
fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains('/') && !text.starts_with('.')
}

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
            exit_code: None,
            image: "i".into(),
            image_name: "i".into(),
            command: "true".into(),
            removed_afterwards: false,
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
        let mut made: Vec<Record> = (0..4).map(|n| record(dir.path(), &format!("{n:064x}"), &format!("c{n}"))).collect();
        for (n, record) in made.iter_mut().enumerate() {
            records.insert(record).unwrap();
            assert_eq!(record.slot as usize, n);
        }
        remove(dir.path(), &records, &made[1]);
        remove(dir.path(), &records, &made[0]);
        for (id, slot) in [("a", 0), ("b", 1), ("c", 4)] {
            let mut record = record(dir.path(), &id.repeat(64), id);
            records.insert(&mut record).unwrap();
            assert_eq!(record.slot, slot);
        }
    }

    #[test]
    fn a_name_has_one_holder_until_its_directory_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::open(dir.path()).unwrap();
        let mut first = record(dir.path(), &"a".repeat(64), "web");
        records.insert(&mut first).unwrap();
        let mut second = record(dir.path(), &"b".repeat(64), "web");
        assert!(matches!(records.insert(&mut second), Err(Error::NameInUse { .. })));
        assert_eq!(records.find("aaa").unwrap().name, "web");
        assert!(matches!(records.find("abc"), Err(Error::NoSuchContainer { .. })));
        assert!(matches!(records.find("../names/web"), Err(Error::NoSuchContainer { .. })));
        fs::remove_dir_all(dir.path().join("containers").join(&first.id)).unwrap();
        records.insert(&mut second).unwrap();
        assert_eq!(records.find("web").unwrap().id, second.id);
    }
}
