// SPDX-License-Identifier: Apache-2.0
//! Images, in the words of the front doors.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use oci::config::Process;
use store::Changes;

use crate::Engine;
use crate::error::{Error, Result};
use crate::told::Progress;

/// An archive to load.
#[derive(Debug)]
pub enum Archive {
    /// A docker-archive or an OCI layout as a tar stream.
    File(File),
    /// An OCI layout.
    Directory(PathBuf),
}

/// An image that an archive brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// Its name.
    Reference(String),
    /// It has none.
    Id(String),
}

/// One line of a listing: an image under one of its names.
#[derive(Debug, Clone)]
pub struct ImageSummary {
    /// Absent when the image has no name.
    pub repository: Option<String>,
    /// Absent when the image has no name.
    pub tag: Option<String>,
    /// The digest of its manifest, when it came with one.
    pub digest: Option<String>,
    /// The digest of its configuration.
    pub id: String,
    /// When it was made, or came here.
    pub created: Option<SystemTime>,
    /// Bytes of its files.
    pub size: u64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// One step of how an image came to be.
#[derive(Debug, Clone)]
pub struct HistoryEntry {
    /// The image's id, for its last step.
    pub id: Option<String>,
    /// When, if it says.
    pub created: Option<SystemTime>,
    /// The instruction.
    pub created_by: String,
    /// Bytes of its layer.
    pub size: u64,
    /// A remark.
    pub comment: String,
}

/// Whether to remove an image that has several names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Force {
    No,
    Yes,
}

/// What a removal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    /// A name is gone.
    Untagged(String),
    /// An image or layer is gone.
    Deleted(String),
}

impl Engine {
    /// Takes in the images of an archive.
    pub fn load(
        &self,
        archive: Archive,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Vec<Loaded>> {
        let mut told = |now: store::Progress<'_>| {
            progress(now.into());
        };
        let loaded = match archive {
            Archive::File(file) => self.store.load(file, &mut told)?,
            Archive::Directory(path) => self.store.load_directory(&path, &mut told)?,
        };
        let loaded = loaded.into_iter().map(|image| match image {
            store::Loaded::Named(name) => Loaded::Reference(name),
            store::Loaded::Unnamed(id) => Loaded::Id(id),
        });
        Ok(loaded.collect())
    }

    /// Makes an image of a root file system's tar; `changes` are Dockerfile instructions. The result
    /// is the image's id.
    pub fn import(
        &self,
        archive: File,
        reference: Option<&str>,
        changes: &[String],
        message: &str,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<String> {
        let mut asked = Changes::to(Process::default(), message.to_owned());
        for instruction in changes {
            asked.apply(instruction)?;
        }
        let mut told = |now: store::Progress<'_>| {
            progress(now.into());
        };
        Ok(self.store.import(archive, reference, &asked, &mut told)?.to_string())
    }

    /// All images, or those whose repository or name is `only`.
    pub fn images(&self, only: Option<&str>) -> Result<Vec<ImageSummary>> {
        let mut lines = Vec::new();
        for store::Summary { image, names } in self.store.list()? {
            let line = |repository: Option<String>, tag: Option<String>| ImageSummary {
                repository,
                tag,
                digest: image.manifest.as_ref().map(ToString::to_string),
                id: image.id.to_string(),
                created: image.created.map_or_else(|| when(image.added), when),
                size: image.size,
                labels: image.config.config.labels.clone(),
            };
            lines.extend(
                names.iter().map(|name| line(Some(name.familiar_name()), name.tag().map(str::to_owned))),
            );
            if names.is_empty() {
                lines.push(line(None, None));
            }
        }
        if let Some(only) = only {
            let wanted = oci::Reference::parse(only)?;
            let tagged = only.rsplit('/').next().is_some_and(|last| last.contains(':'));
            lines.retain(|line| {
                line.repository.as_deref() == Some(wanted.familiar_name().as_str())
                    && (!tagged || line.tag.as_deref() == wanted.tag())
            });
        }
        Ok(lines)
    }

    /// How the image came to be, the newest step first.
    pub fn history(&self, name: &str) -> Result<Vec<HistoryEntry>> {
        let image = self.existing(name)?;
        let steps = self.store.history(&image)?.into_iter().enumerate().map(|(at, step)| HistoryEntry {
            id: (at == 0).then(|| image.id.to_string()),
            created: step.created.and_then(when),
            created_by: step.created_by,
            size: step.size,
            comment: step.comment,
        });
        Ok(steps.collect())
    }

    /// A container, image or volume (the first that there is), as `docker inspect` shows it.
    pub fn inspect(&self, name: &str) -> Result<serde_json::Value> {
        match self.inspect_container(name) {
            Err(Error::NoSuchContainer { .. }) => match self.inspect_image(name) {
                Err(error @ Error::NoSuchImage { .. }) => self.inspect_volume(name).map_err(|_| error),
                other => other,
            },
            other => other,
        }
    }

    /// An image, as `docker inspect` shows it.
    pub fn inspect_image(&self, name: &str) -> Result<serde_json::Value> {
        Ok(self.store.inspect(&self.existing(name)?)?)
    }

    /// All that is recorded of a container.
    pub fn inspect_container(&self, name: &str) -> Result<serde_json::Value> {
        let record = self.records.find(name)?;
        serde_json::to_value(&record).map_err(|error| Error::Invalid {
            what: "the container's record".into(),
            reason: error.to_string(),
        })
    }

    /// Gives the image `source` the name `target` as well.
    pub fn tag(&self, source: &str, target: &str) -> Result<()> {
        self.existing(source)?;
        Ok(self.store.tag(source, target)?)
    }

    /// Removes a name or an image.
    pub fn remove_image(&self, name: &str, force: Force) -> Result<Vec<Removal>> {
        self.existing(name)?;
        let mut failure = None;
        let removed = self.store.remove(name, force == Force::Yes, &mut |image| {
            self.records.users_of(&image.id.to_string()).unwrap_or_else(|error| {
                failure = Some(error);
                vec!["(unknown)".to_owned()]
            })
        });
        if let Some(error) = failure {
            return Err(error);
        }
        Ok(removed?.into_iter().map(removal).collect())
    }

    pub(crate) fn existing(&self, name: &str) -> Result<store::Image> {
        self.store.image(name)?.ok_or_else(|| Error::NoSuchImage { name: name.to_owned() })
    }
}

pub(crate) fn removal(removed: store::Removed) -> Removal {
    match removed {
        store::Removed::Untagged(name) => Removal::Untagged(name),
        store::Removed::Deleted(digest) => Removal::Deleted(digest),
    }
}

/// Go's zero time, the first second of the year 1, stands for none.
pub(crate) fn when(seconds: i64) -> Option<SystemTime> {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    match seconds {
        _ if seconds <= GO_ZERO => None,
        ..0 => SystemTime::UNIX_EPOCH.checked_sub(distance),
        0.. => SystemTime::UNIX_EPOCH.checked_add(distance),
    }
}

const GO_ZERO: i64 = -62_135_596_800;
