// SPDX-License-Identifier: Apache-2.0
//! Directories in the making: locked while somebody works in them, removed by whoever finds one that
//! nobody holds.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use kernel::rustix::fs::{FlockOperation, Mode, OFlags, flock};

use crate::error::{Error, Result};
use crate::unpack::remove_tree;

/// A directory of one's own below `staging/`, gone when dropped.
#[derive(Debug)]
pub(crate) struct Staging {
    parent: PathBuf,
    name: String,
    _lock: File,
}

impl Staging {
    /// Makes one, after removing what killed commands left.
    pub(crate) fn make(root: &Path) -> Result<Self> {
        let parent = root.join("staging");
        sweep(&parent)?;
        let mut bytes = [0u8; 8];
        kernel::rustix::rand::getrandom(&mut bytes, kernel::rustix::rand::GetRandomFlags::empty())
            .map_err(|errno| Error::io("draw random bytes", &parent, errno.into()))?;
        let name: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = parent.join(&name);
        // The lock comes first: a directory without one is fair game for a sweep.
        let lock = lock_file(&parent, &name)?;
        kernel::rustix::fs::mkdir(&path, Mode::from_raw_mode(0o700))
            .map_err(|errno| Error::io("make a staging directory", &path, errno.into()))?;
        Ok(Self { parent, name, _lock: lock })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.parent.join(&self.name)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What cannot be removed now is swept by the next command, since its lock is free.
        drop(remove(&self.parent, &self.name));
    }
}

fn lock_file(parent: &Path, name: &str) -> Result<File> {
    let path = parent.join(format!("{name}.lock"));
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|error| Error::io("make a staging lock", &path, error))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|errno| Error::io("take a staging lock", &path, errno.into()))?;
    Ok(file)
}

fn sweep(parent: &Path) -> Result<()> {
    let list = std::fs::read_dir(parent).map_err(|error| Error::io("list the staging directory", parent, error))?;
    for entry in list {
        let entry = entry.map_err(|error| Error::io("list the staging directory", parent, error))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let name = name.strip_suffix(".lock").unwrap_or(&name).to_owned();
        // Held by somebody who works there; or gone by now.
        let Ok(_lock) = lock_file(parent, &name) else { continue };
        remove(parent, &name)?;
    }
    Ok(())
}

fn remove(parent: &Path, name: &str) -> Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = kernel::rustix::fs::open(parent, flags, Mode::empty())
        .map_err(|errno| Error::io("open the staging directory", parent, errno.into()))?;
    for name in [name.to_owned(), format!("{name}.lock")] {
        remove_tree(directory.as_fd(), name.as_ref())
            .map_err(|error| Error::io("remove a staging directory", parent, error.errno.into()))?;
    }
    Ok(())
}
