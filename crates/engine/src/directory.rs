// SPDX-License-Identifier: Apache-2.0
//! A container's directory, whose lock tells whether its monitor lives, and the clearing of what a
//! killed command left.
//!
//! ```text
//! containers/          0700
//!   <id>/              0700
//!     lock             held (flock) by the monitor for as long as it lives
//!     upper/ work/     overlayfs, owned by the container's root
//! ```

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use kernel::Errno;
use kernel::rustix::fs::{FlockOperation, Mode, OFlags, flock};
use runtime::cgroup::{Cgroup, Hierarchy};
use runtime::launch::Running;

use crate::error::{Context, Result};
use crate::records::{Records, State};

/// A container's directory with its lock held.
#[derive(Debug)]
pub(crate) struct Home {
    path: PathBuf,
    lock: File,
}

/// Where the container `id` lives.
pub(crate) fn path(containers: &Path, id: &str) -> PathBuf {
    containers.join(id)
}

impl Home {
    /// Makes the directory of a new container.
    pub(crate) fn make(containers: &Path, id: &str) -> Result<Self> {
        let path = path(containers, id);
        kernel::rustix::fs::mkdir(&path, Mode::from_raw_mode(0o700)).told("make the container's directory")?;
        let lock = File::create(path.join(LOCK)).told("make the container's lock")?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).told("lock the container")?;
        Ok(Self { path, lock })
    }

    /// Takes over the directory of a container whose monitor is gone; nothing when it lives.
    fn take_over(containers: &Path, id: &str) -> Result<Option<Self>> {
        let path = path(containers, id);
        let lock = match File::options().write(true).create(true).truncate(false).open(path.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.told("open the container's lock")?,
        };
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { path, lock })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno).told("look at the container's lock"),
        }
    }

    /// Removes the directory and everything the container wrote.
    pub(crate) fn remove(self) -> Result<()> {
        let (Some(parent), Some(name)) = (self.path.parent(), self.path.file_name()) else { return Ok(()) };
        let parent = kernel::rustix::fs::open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .told("open the containers' directory")?;
        store::unpack::remove_tree(parent.as_fd(), name)?;
        drop(self.lock);
        Ok(())
    }
}

/// Ends every process of a container and removes its cgroup.
pub(crate) fn clear(running: Running) -> Result<()> {
    let cgroup = running.cgroup;
    cgroup.kill().map_err(runtime::Error::from)?;
    cgroup.remove().map_err(runtime::Error::from)?;
    Ok(())
}

/// Clears what killed commands left: processes, cgroups, directories, records. Containers whose
/// monitor lives are left alone.
pub(crate) fn sweep(containers: &Path, records: &Records, hierarchy: &Hierarchy) -> Result<()> {
    for record in records.unfinished()? {
        if let Some(home) = abandoned(containers, &record.id)? {
            end_remains(hierarchy, &record.id)?;
            match record.removed_afterwards || record.state == State::Created {
                true => {
                    home.map_or(Ok(()), Home::remove)?;
                    records.remove(&record.id)?;
                }
                false => records.ended(&record.id, Some(KILLED))?,
            }
        }
    }
    sweep_directories(containers, records, hierarchy)
}

/// Whether nobody tends the container `id`: then its directory, if it has one.
#[allow(clippy::option_option, reason = "tended, abandoned without a directory, abandoned with one")]
fn abandoned(containers: &Path, id: &str) -> Result<Option<Option<Home>>> {
    if !path(containers, id).exists() {
        return Ok(Some(None));
    }
    Ok(Home::take_over(containers, id)?.map(Some))
}

/// Directories without a record: the command was killed between the two.
fn sweep_directories(containers: &Path, records: &Records, hierarchy: &Hierarchy) -> Result<()> {
    for entry in std::fs::read_dir(containers).told("list the containers' directory")? {
        let name = entry.told("list the containers' directory")?.file_name();
        let Some(id) = name.to_str() else { continue };
        if records.knows(id)? {
            continue;
        }
        // A command that is just starting has made the directory and holds its lock.
        if let Some(home) = Home::take_over(containers, id)?
            && !records.knows(id)?
        {
            end_remains(hierarchy, id)?;
            home.remove()?;
        }
    }
    Ok(())
}

fn end_remains(hierarchy: &Hierarchy, id: &str) -> Result<()> {
    if let Some(cgroup) = Cgroup::open_existing(hierarchy, id).map_err(runtime::Error::from)? {
        cgroup.kill().map_err(runtime::Error::from)?;
        cgroup.remove().map_err(runtime::Error::from)?;
    }
    Ok(())
}

const LOCK: &str = "lock";
/// 128 and SIGKILL: how a container ends whose monitor is killed.
const KILLED: i32 = 137;
