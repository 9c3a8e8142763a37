// SPDX-License-Identifier: Apache-2.0
//! Volumes: directories that outlive containers.
//!
//! ```text
//! volumes/            0700
//!   <name>/           0700
//!     _data/          what containers see, with the ids that they see
//!     lock            held while it is filled from an image
//!     filling         there while it is, and after a fill that was cut off
//!     volume.json     replaced by rename; a volume without it is not there
//!   .gone-<id>/       being removed
//! ```
//!
//! Making, removing and taking into use happen in the turn of [`Records::turn`]: nobody removes a volume
//! that a container is just being given. A container's record names its volumes before they are made, so
//! that those of a killed command are found again.
//!
//! Files carry the containers' ids, mapped at the mount: root of any container owns what root owns here,
//! and the state root is closed to everybody else. Mounts of volumes honour neither set-user-id bits nor
//! device nodes.

mod fill;
mod settle;
mod verbs;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use kernel::rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::error::{Context, Error, Result};
use crate::records::{Record, Records, Turn};
use crate::request::{MountRequest, MountSource, VolumeName};

pub(crate) use settle::Settled;
pub use verbs::{Pruned, VolumeRequest, Whose};

/// One volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name, which is its directory's.
    pub name: String,
    /// Seconds since 1970.
    pub created: i64,
    /// Labels, of which Docker gives an anonymous one [`ANONYMOUS`].
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Where its files are, on the host.
    #[serde(skip)]
    pub data: PathBuf,
}

/// The volumes under one state root.
#[derive(Debug)]
pub(crate) struct Volumes {
    root: PathBuf,
}

impl Volumes {
    /// The volumes in `root`, whose directory is made with the first of them.
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.join("volumes") }
    }

    /// Where the files of the volume `name` are.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.root.join(name).join(DATA)
    }

    /// All of them, by name.
    pub(crate) fn all(&self) -> Result<Vec<Volume>> {
        let list = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.told("list the volumes")?,
        };
        let mut volumes = Vec::new();
        for entry in list {
            if let Ok(name) = entry.told("list the volumes")?.file_name().into_string() {
                volumes.extend(self.find(&name)?);
            }
        }
        volumes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(volumes)
    }

    /// The volume called `name`.
    pub(crate) fn find(&self, name: &str) -> Result<Option<Volume>> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        let path = self.root.join(name).join(RECORD);
        let text = match fs::read(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            other => other.told("read a volume's record")?,
        };
        let volume: Volume = serde_json::from_slice(&text).map_err(|error| Error::Invalid {
            what: format!("the volume's record {}", path.display()),
            reason: format!("{error}; its files are in {}", self.data(name).display()),
        })?;
        Ok(Some(Volume { name: name.to_owned(), data: self.data(name), ..volume }))
    }

    /// Makes the volume `name` unless it is there already.
    pub(crate) fn make(&self, name: &str, labels: BTreeMap<String, String>, _turn: &Turn) -> Result<Volume> {
        check_name(name)?;
        if let Some(volume) = self.find(name)? {
            return Ok(volume);
        }
        crate::make_directory(&self.root, 0o700)?;
        // What a killed command left has no files that anybody wants.
        self.remove_tree(name)?;
        let home = self.root.join(name);
        crate::make_directory(&home, 0o700)?;
        let data = home.join(DATA);
        crate::make_directory(&data, 0o755)?;
        // Whatever the caller's umask is.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&data, mode).told("make the volume")?;
        let volume = Volume { name: name.to_owned(), created: crate::records::now(), labels, data };
        let text = serde_json::to_vec(&volume).map_err(|error| Error::Invalid {
            what: "the volume's record".into(),
            reason: error.to_string(),
        })?;
        let fresh = home.join("volume.new");
        let written =
            File::create(&fresh).and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()));
        written.and_then(|()| fs::rename(&fresh, home.join(RECORD))).told("write the volume's record")?;
        Ok(volume)
    }

    /// Makes what of `mounts` is not there yet.
    pub(crate) fn make_all(&self, mounts: &[MountRequest], turn: &Turn) -> Result<()> {
        for mount in mounts {
            let MountSource::Volume { name, labels, .. } = &mount.source else { continue };
            let mut labels: BTreeMap<String, String> = labels.iter().cloned().collect();
            if let VolumeName::Anonymous(_) = name {
                labels.insert(ANONYMOUS.to_owned(), String::new());
            }
            self.make(named(name), labels, turn)?;
        }
        Ok(())
    }

    /// Removes those volumes of a container that goes which were made for it alone and which no other
    /// container has by now. Its record goes after them, so that a command that is killed in between is made
    /// good by the next one.
    pub(crate) fn remove_anonymous(&self, of: &Record, records: &Records) -> Result<()> {
        let anonymous: Vec<&str> = of.details.mounts.iter().filter_map(anonymous).collect();
        if anonymous.is_empty() {
            return Ok(());
        }
        let gone = {
            let turn = records.turn()?;
            let users = records.all()?;
            let unused =
                anonymous.into_iter().filter(|name| users_of(&users, name).iter().all(|user| *user == of.id));
            unused.map(|name| self.take_away(name, &turn)).collect::<Result<Vec<_>>>()?
        };
        gone.iter().flatten().try_for_each(|name| self.remove_tree(name))
    }

    /// Takes the volume away, so that it is not there any more, and says what is still to be removed.
    fn take_away(&self, name: &str, _turn: &Turn) -> Result<Option<String>> {
        let gone = format!("{GONE}{}", crate::name::new_id()?);
        match fs::rename(self.root.join(name), self.root.join(&gone)) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            other => other.told("remove the volume").map(|()| Some(gone)),
        }
    }

    /// What killed commands left of volumes that they removed.
    fn remove_leftovers(&self, _turn: &Turn) -> Result<()> {
        let list = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other.told("list the volumes")?,
        };
        for entry in list {
            let name = entry.told("list the volumes")?.file_name();
            if name.to_string_lossy().starts_with(GONE) {
                self.remove_tree(&name.to_string_lossy())?;
            }
        }
        Ok(())
    }

    fn remove_tree(&self, name: &str) -> Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = kernel::rustix::fs::open(&self.root, flags, Mode::empty()).told("open the volumes")?;
        store::unpack::remove_tree(root.as_fd(), name.as_ref()).told("remove the volume's files")
    }
}

/// Ids of the containers that have the volume `name`.
pub(crate) fn users_of(records: &[Record], name: &str) -> Vec<String> {
    let uses = |record: &&Record| record.details.mounts.iter().any(|mount| volume(mount) == Some(name));
    records.iter().filter(uses).map(|record| record.id.clone()).collect()
}

/// The name of the volume that `mount` is of.
pub fn volume(mount: &MountRequest) -> Option<&str> {
    match &mount.source {
        MountSource::Volume { name, .. } => Some(named(name)),
        _ => None,
    }
}

fn anonymous(mount: &MountRequest) -> Option<&str> {
    match &mount.source {
        MountSource::Volume { name: VolumeName::Anonymous(name), .. } => name.as_deref(),
        _ => None,
    }
}

fn named(name: &VolumeName) -> &str {
    match name {
        VolumeName::Named(name) => name,
        // Settled before anything asks.
        VolumeName::Anonymous(name) => name.as_deref().unwrap_or_default(),
    }
}

/// A name that can be a directory's, in Docker's words.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let refused = |reason: &str| {
        Err(Error::Invalid { what: format!("the volume name {name:?}"), reason: reason.to_owned() })
    };
    let good = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    match name.len() {
        0 | 1 => refused("volume name is too short, names should be at least two alphanumeric characters"),
        2..=LONGEST if good => Ok(()),
        2..=LONGEST => refused(
            "it includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are \
             allowed; if you intended to pass a host directory, use absolute path",
        ),
        _ => refused("it is longer than 255 characters"),
    }
}

/// Docker's label of a volume that was made for one container.
pub const ANONYMOUS: &str = "com.docker.volume.anonymous";
const DATA: &str = "_data";
const RECORD: &str = "volume.json";
const GONE: &str = ".gone-";
/// What a file system takes.
const LONGEST: usize = 255;
