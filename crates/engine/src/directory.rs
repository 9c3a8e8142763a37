// SPDX-License-Identifier: Apache-2.0
//! A container's directory, whose lock tells whether its monitor lives, and the clearing of what a
//! killed command left.
//!
//! ```text
//! containers/          0700
//!   <id>/              0700
//!     lock             held (flock) by the monitor for as long as it lives
//!     record.json      drawn in records.rs
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
    pub(crate) fn take_over(containers: &Path, id: &str) -> Result<Option<Self>> {
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
        store::unpack::remove_tree(parent.as_fd(), name).told("remove the container's directory")?;
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

/// Clears what killed commands left: processes, cgroups, directories, names. Containers whose monitor
/// lives are left alone, and so are those that have ended and are kept.
pub(crate) fn sweep(records: &Records, hierarchy: &Hierarchy) -> Result<()> {
    for id in records.ids()? {
        let record = records.read(&id)?;
        if record.as_ref().is_some_and(|record| record.state == State::Exited && !record.removed_afterwards) {
            continue;
        }
        let Some(home) = Home::take_over(records.containers(), &id)? else { continue };
        // Read again: between the two its monitor may have finished its work.
        let record = records.read(&id)?;
        end_remains(hierarchy, &id)?;
        match record {
            Some(record) if record.state == State::Exited && !record.removed_afterwards => {}
            Some(mut record) if record.state == State::Running && !record.removed_afterwards => {
                records.ended(&mut record, KILLED)?;
            }
            Some(record) => {
                records.forget(&record)?;
                home.remove()?;
            }
            None => home.remove()?,
        }
    }
    records.drop_dead_links()
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
