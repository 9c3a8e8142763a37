// SPDX-License-Identifier: Apache-2.0
//! Fetches that were cut off, and who goes on with them.
//!
//! A file that was found to be whole gets mode 0400 while its lock is held, and nobody writes to it
//! again: the intake that fetched it has let go of the lock and moves it to its place later.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use kernel::rustix::fs::{FlockOperation, Mode, fchmod, flock};
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
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Growing,
    /// Another intake checked it, and has yet to move it.
    Whole,
}

/// The bytes that are here of a fetch. They are read by descriptor: the file may go to its place at any
/// time.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl io::Read for Kept<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

impl Partial {
    /// How many of its bytes are here from an earlier attempt. They count towards its digest, which is
    /// checked when the last byte is here.
    pub fn have(&self) -> u64 {
        self.have
    }

    /// Those bytes.
    pub fn kept(&self) -> impl io::Read {
        self.beginning()
    }

    pub(super) fn beginning(&self) -> Kept<'_> {
        Kept { file: &self.file, at: 0, end: self.have }
    }

    /// What it is to become.
    pub fn promised(&self) -> &Descriptor {
        &self.promised
    }

    /// Takes the lock, waiting for it; nothing when the file went to its place meanwhile.
    pub(super) fn lock(root: &Path, promised: &Descriptor) -> Result<Option<Self>> {
        let path = root.join("partial").join(layer_name(&promised.digest));
        let failed = |error| Error::io("open the rest of a fetch", &path, error);
        let file = open(&path).map_err(failed)?;
        flock(&file, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
        let found = file.metadata().map_err(failed)?;
        match std::fs::metadata(&path) {
            Ok(named) if named.ino() == found.ino() && named.dev() == found.dev() => {}
            Ok(_) => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        }
        let mut have = found.len();
        let state = if found.mode() & 0o200 == 0 { State::Whole } else { State::Growing };
        match state {
            State::Whole if have != promised.size => {
                return Err(Error::refused(format!(
                    "the blob {} has {have} bytes and {} were promised",
                    promised.digest, promised.size
                )));
            }
            State::Growing if have > promised.size => {
                file.set_len(0).map_err(failed)?;
                have = 0;
            }
            State::Whole | State::Growing => {}
        }
        Ok(Some(Self { promised: promised.clone(), path, file, have, state }))
    }

    /// Its content was checked: nobody writes to it again.
    pub(super) fn seal(&self) -> Result<()> {
        fchmod(&self.file, Mode::RUSR)
            .map_err(|errno| Error::io("keep what was fetched", &self.path, errno.into()))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Nobody shall go on with content that cannot be what this image says. What another intake found to
    /// be whole is that one's.
    pub(super) fn refuse(self) -> Result<()> {
        match self.state {
            State::Whole => Ok(()),
            State::Growing => self.remove(),
        }
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

/// For writing too, unless it is whole.
fn open(path: &Path) -> io::Result<File> {
    let file = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    match file {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => File::open(path),
        other => other,
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
