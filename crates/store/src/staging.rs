// SPDX-License-Identifier: Apache-2.0
//! Directories in the making: locked while somebody works in them, removed by whoever finds one that
//! nobody holds.
//!
//! ```text
//! staging/<random>/       the work
//! staging/<random>.lock   held (flock) by the worker; it goes last, so that it tells of a killed one
//! staging/<random>/alive  held (flock, shared) by the processes that unpack layers, too: they die with
//!                         the worker, but may take a moment
//! ```

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use kernel::rustix::fs::{FlockOperation, Mode, OFlags, flock};

use crate::error::{Error, Result};
use crate::unpack::remove_tree;

/// A directory of one's own below `staging/`, gone when dropped.
#[derive(Debug)]
pub(crate) struct Staging {
    parent: PathBuf,
    name: String,
    /// Held until the end.
    _lock: File,
    alive: File,
    end: End,
}

/// What is to become of the lock file at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// It stays, for the next command to find.
    Unfinished,
}

impl Staging {
    /// Makes one.
    pub(crate) fn make(root: &Path) -> Result<Self> {
        let parent = root.join("staging");
        let mut bytes = [0u8; 8];
        kernel::rustix::rand::getrandom(&mut bytes, kernel::rustix::rand::GetRandomFlags::empty())
            .map_err(|errno| Error::io("draw random bytes", &parent, errno.into()))?;
        let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = parent.join(&name);
        // Nobody else may look between the making of the lock file and its locking.
        let alone = doorway(&parent)?;
        let lock = take(&parent, &name)?.ok_or_else(|| {
            Error::io("take a staging lock", &path, std::io::ErrorKind::AlreadyExists.into())
        })?;
        drop(alone);
        kernel::rustix::fs::mkdir(&path, Mode::from_raw_mode(0o700))
            .map_err(|errno| Error::io("make a staging directory", &path, errno.into()))?;
        let alive = path.join(ALIVE);
        let failed = |error| Error::io("make a staging lock", &alive, error);
        File::create_new(&alive).map_err(failed)?;
        // Read-only: it goes to processes that are not to be trusted.
        let held = File::open(&alive).map_err(failed)?;
        flock(&held, FlockOperation::LockShared).map_err(|errno| failed(errno.into()))?;
        Ok(Self { parent, name, _lock: lock, alive: held, end: End::Whole })
    }

    /// What a process that writes here has to keep open.
    pub(crate) fn alive(&self) -> BorrowedFd<'_> {
        self.alive.as_fd()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }

    /// From here on a failure leaves content behind that no image names; the next command is to look
    /// for it, as after a kill.
    pub(crate) fn begin_publishing(&mut self) {
        self.end = End::Unfinished;
    }

    /// Everything is where it belongs. What was done stays done even if the directory cannot be removed
    /// now.
    pub(crate) fn finish(mut self) {
        self.end = End::Whole;
    }

    fn remove(&self) -> Result<()> {
        remove(&self.parent, &self.name)?;
        match self.end {
            End::Whole => remove(&self.parent, &lock_name(&self.name)),
            End::Unfinished => Ok(()),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // There is nobody to tell; what cannot be removed now is swept by the next command, since the
        // lock is free from here on.
        self.remove().unwrap_or_default();
    }
}

/// A lock of a command that was killed.
#[derive(Debug)]
pub(crate) struct Abandoned {
    parent: PathBuf,
    name: String,
    _lock: File,
}

impl Abandoned {
    /// Takes the last trace of it away.
    pub(crate) fn forget(self) -> Result<()> {
        remove(&self.parent, &lock_name(&self.name))
    }
}

/// Removes the directories that killed commands left, and says whose they were.
pub(crate) fn sweep(root: &Path) -> Result<Vec<Abandoned>> {
    let parent = root.join("staging");
    let names = names(&parent)?;
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let alone = doorway(&parent)?;
    let mut abandoned = Vec::new();
    for name in names {
        if let Some(lock) = take_left(&parent, &name)? {
            abandoned.push(Abandoned { parent: parent.clone(), name, _lock: lock });
        }
    }
    drop(alone);
    for work in &abandoned {
        wait_for_helpers(&work.parent.join(&work.name))?;
        remove(&work.parent, &work.name)?;
    }
    Ok(abandoned)
}

/// Waits until nobody writes to an abandoned directory any more.
fn wait_for_helpers(directory: &Path) -> Result<()> {
    let path = directory.join(ALIVE);
    let failed = |error| Error::io("wait for a process that unpacks", &path, error);
    match File::open(&path) {
        Ok(alive) => flock(&alive, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

/// The names of all works, dead or alive.
fn names(parent: &Path) -> Result<std::collections::BTreeSet<String>> {
    let failed = |error| Error::io("list the staging directory", parent, error);
    let mut names = std::collections::BTreeSet::new();
    for entry in std::fs::read_dir(parent).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        names.insert(name.strip_suffix(LOCK).map_or_else(|| name.clone(), str::to_owned));
    }
    Ok(names)
}

/// A short lock on the staging directory itself.
fn doorway(parent: &Path) -> Result<File> {
    let failed = |error| Error::io("lock the staging directory", parent, error);
    let door = File::open(parent).map_err(failed)?;
    flock(&door, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
    Ok(door)
}

/// The lock of a work whose name was read; nothing when somebody has it, or came to an end since then:
/// making it again would leave it there.
fn take_left(parent: &Path, name: &str) -> Result<Option<File>> {
    let path = parent.join(lock_name(name));
    match File::options().write(true).open(&path) {
        Ok(file) => lock(file, &path),
        // The directory goes before its lock, so this one never had any.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && parent.join(name).exists() => {
            take(parent, name)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open a staging lock", &path, error)),
    }
}

/// The lock of a work, made if need be, or nothing when somebody has it.
fn take(parent: &Path, name: &str) -> Result<Option<File>> {
    let path = parent.join(lock_name(name));
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    lock(file.map_err(|error| Error::io("make a staging lock", &path, error))?, &path)
}

fn lock(file: File, path: &Path) -> Result<Option<File>> {
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(kernel::Errno::WOULDBLOCK) => Ok(None),
        Err(errno) => Err(Error::io("take a staging lock", path, errno.into())),
    }
}

fn lock_name(name: &str) -> String {
    format!("{name}{LOCK}")
}

fn remove(parent: &Path, name: &str) -> Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = kernel::rustix::fs::open(parent, flags, Mode::empty())
        .map_err(|errno| Error::io("open the staging directory", parent, errno.into()))?;
    remove_tree(directory.as_fd(), name.as_ref())
        .map_err(|error| Error::io("remove a staging directory", parent, error.errno.into()))
}

const LOCK: &str = ".lock";
const ALIVE: &str = "alive";
