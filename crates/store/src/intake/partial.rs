// SPDX-License-Identifier: Apache-2.0
//! Fetches that were cut off, and who goes on with them.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use kernel::rustix::fs::{FlockOperation, flock};
use oci::Descriptor;

use crate::error::{Error, Result};
use crate::layers::layer_name;

/// What is missing of a layer.
#[derive(Debug)]
pub enum Wanted {
    /// It is here.
    Nothing,
    /// Its bytes from [`Partial::have`] on.
    Rest(Partial),
}

/// Content that this process alone is fetching; others wait until this is dropped.
#[derive(Debug)]
pub struct Partial {
    promised: Descriptor,
    path: PathBuf,
    file: File,
    have: u64,
}

impl Partial {
    /// How many of its bytes are here from an earlier attempt. They count towards its digest, which is
    /// checked when the last byte is here.
    pub fn have(&self) -> u64 {
        self.have
    }

    /// Those bytes.
    pub fn kept(&self) -> Result<impl io::Read> {
        let file = File::open(&self.path)
            .map_err(|error| Error::io("read what is kept of a fetch", &self.path, error))?;
        Ok(io::Read::take(file, self.have))
    }

    /// What it is to become.
    pub fn promised(&self) -> &Descriptor {
        &self.promised
    }

    /// Takes the lock, waiting for it; nothing when the file went to its place meanwhile.
    pub(super) fn lock(root: &Path, promised: &Descriptor) -> Result<Option<Self>> {
        let path = root.join("partial").join(layer_name(&promised.digest));
        let failed = |error| Error::io("open the rest of a fetch", &path, error);
        let file =
            File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(failed)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
        let found = file.metadata().map_err(failed)?;
        match std::fs::metadata(&path) {
            Ok(named) if named.ino() == found.ino() && named.dev() == found.dev() => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        let mut have = found.len();
        if have > promised.size {
            file.set_len(0).map_err(failed)?;
            have = 0;
        }
        Ok(Some(Self { promised: promised.clone(), path, file, have }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Nobody shall go on with it.
    pub(super) fn remove(self) -> Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("remove a fetch that went wrong", &self.path, error))
            }
            _ => Ok(()),
        }
    }
}

/// Removes what nobody went on with for a week.
pub(super) fn forget_old(root: &Path) -> Result<()> {
    let parent = root.join("partial");
    let failed = |error| Error::io("list fetches that were cut off", &parent, error);
    for entry in std::fs::read_dir(&parent).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Ok(file) = File::open(&path) else { continue };
        let changed = file.metadata().and_then(|found| found.modified()).map_err(failed)?;
        let old = SystemTime::now().duration_since(changed).is_ok_and(|age| age > KEPT);
        if old && flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
    }
    Ok(())
}

const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
