// SPDX-License-Identifier: Apache-2.0
//! A container's directory, whose lock tells whether its monitor lives, and the clearing of what a
//! killed command left.
//!
//! ```text
//! containers/          0700, locked in turn by whoever registers or clears (records.rs)
//!   <id>/              0700
//!     lock             held by the monitor for as long as it lives
//!     record.json      drawn in records.rs
//!     upper/ work/     overlayfs, owned by the container's root
//! ```
//!
//! The lock is held twice. The record lock of fcntl(2) belongs to the monitor alone and goes with it,
//! whatever it started. The lock of flock(2) is shared with the child half of a launch until its
//! program starts: with the monitor gone that half ends by itself, and who clears waits for it.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use kernel::Errno;
use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use kernel::rustix::fs::{FlockOperation, Mode, OFlags, fcntl_lock, flock};
use kernel::rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use runtime::cgroup::{Cgroup, Hierarchy};
use runtime::launch::Running;

use crate::error::{Context, Error, Result};
use crate::records::{self, Record, Records, State};
use crate::volumes::Volumes;

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
    /// Makes the directory of a new container, in the caller's turn.
    pub(crate) fn make(containers: &Path, id: &str) -> Result<Self> {
        let path = path(containers, id);
        kernel::rustix::fs::mkdir(&path, Mode::from_raw_mode(0o700))
            .told("make the container's directory")?;
        let made = || -> Result<File> {
            let lock = File::create(path.join(LOCK)).told("make the container's lock")?;
            // Waits, because whoever looks whether a container lives takes the lock for a moment.
            fcntl_lock(&lock, FlockOperation::LockExclusive).told("lock the container")?;
            flock(&lock, FlockOperation::LockExclusive).told("lock the container")?;
            Ok(lock)
        };
        match made() {
            Ok(lock) => Ok(Self { path, lock }),
            Err(error) => remove_tree(&path).and(Err(error)),
        }
    }

    /// Takes over the directory of a container whose monitor is gone; nothing when it lives, or when
    /// nothing is left of it.
    pub(crate) fn take_over(records: &Records, id: &str) -> Result<Option<Self>> {
        let _turn = records.turn()?;
        let path = path(records.containers(), id);
        // Never made here: whoever is removing the directory at this moment would find it full again.
        let lock = match File::options().write(true).open(path.join(LOCK)) {
            Ok(lock) => lock,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return remove_empty(&path).map(|()| None);
            }
            other => other.told("open the container's lock")?,
        };
        Ok(take(&lock)?.then_some(Self { path, lock }))
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until nothing of a launch is left that was cut off by the end of its monitor. False when
    /// it takes too long; then it is for a later command.
    fn launch_is_over(&self) -> Result<bool> {
        for _ in 0..PATIENCE {
            match flock(&self.lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(true),
                Err(Errno::WOULDBLOCK) => pause(),
                Err(errno) => return Err(errno).told("look at the container's lock"),
            }
        }
        Ok(false)
    }

    /// Removes the directory and everything the container wrote. The lock goes last, so that a directory
    /// without it is empty.
    pub(crate) fn remove(self) -> Result<()> {
        let list = match std::fs::read_dir(&self.path) {
            // Whoever else was about to remove it has done so.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other.told("list the container's directory")?,
        };
        for entry in list {
            let name = entry.told("list the container's directory")?.file_name();
            if name != LOCK {
                remove_tree(&self.path.join(name))?;
            }
        }
        remove_tree(&self.path)?;
        drop(self.lock);
        Ok(())
    }
}

/// Whether the monitor of the container `id` lives.
pub(crate) fn is_attended(containers: &Path, id: &str) -> Result<bool> {
    match File::options().write(true).open(path(containers, id).join(LOCK)) {
        Ok(lock) => Ok(!take(&lock)?),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).told("open the container's lock"),
    }
}

/// Waits until the monitor of the container `id` is gone, and its last word with it.
pub(crate) fn wait_until_left(containers: &Path, id: &str) -> Result<()> {
    match File::options().write(true).open(path(containers, id).join(LOCK)) {
        Ok(lock) => fcntl_lock(&lock, FlockOperation::LockExclusive).told("wait for the container's monitor"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).told("open the container's lock"),
    }
}

/// Takes the monitor's lock, unless its holder lives.
fn take(lock: &File) -> Result<bool> {
    match fcntl_lock(lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::AGAIN | Errno::ACCESS) => Ok(false),
        Err(errno) => Err(errno).told("look at the container's lock"),
    }
}

/// Removes what is left when a command was killed between the lock and its directory.
fn remove_empty(path: &Path) -> Result<()> {
    match kernel::rustix::fs::rmdir(path) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno).told("remove an empty directory of a container"),
    }
}

fn remove_tree(path: &Path) -> Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent =
        kernel::rustix::fs::open(parent, flags, Mode::empty()).told("open the containers' directory")?;
    store::unpack::remove_tree(parent.as_fd(), name).told("remove the container's directory")
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
pub(crate) fn sweep(records: &Records, volumes: &Volumes, hierarchy: &Hierarchy) -> Result<()> {
    for id in records.ids()? {
        if records.read(&id)?.is_some_and(|record| is_kept(&record)) {
            continue;
        }
        let Some(home) = Home::take_over(records, &id)? else { continue };
        // Read again: between the two its monitor may have finished its work.
        let record = records.read(&id)?;
        end_remains(hierarchy, &id, record.as_ref())?;
        if !home.launch_is_over()? {
            continue;
        }
        match record {
            Some(record) if is_kept(&record) => {}
            Some(record) if record.state != State::Reserved && !record.removed_afterwards => {
                note_end(records, record)?;
            }
            Some(record) => {
                volumes.remove_anonymous(&record, records)?;
                records.forget(&record)?;
                home.remove()?;
            }
            None => home.remove()?,
        }
    }
    records.drop_dead_links()
}

fn is_kept(record: &Record) -> bool {
    match record.state {
        State::Created => true,
        State::Exited => !record.removed_afterwards,
        _ => false,
    }
}

/// A full disk must not keep anybody from removing containers: what cannot be written down now is
/// found again by the next command.
fn note_end(records: &Records, mut record: Record) -> Result<()> {
    let noted = match record.state {
        State::Starting => records.not_started(&mut record),
        _ => records.ended(&mut record, KILLED),
    };
    match noted {
        Err(Error::Step { source, .. })
            if matches!(source.errno, Errno::NOSPC | Errno::DQUOT | Errno::ROFS) =>
        {
            Ok(())
        }
        other => other,
    }
}

fn end_remains(hierarchy: &Hierarchy, id: &str, record: Option<&Record>) -> Result<()> {
    let places = record.map_or_else(|| hierarchy.places(id), |record| record.cgroups.clone());
    if let Some(cgroup) = Cgroup::reopen(&places).map_err(runtime::Error::from)? {
        cgroup.kill().map_err(runtime::Error::from)?;
        cgroup.remove().map_err(runtime::Error::from)?;
    }
    match record {
        Some(Record { pid: Some(pid), born: Some(born), .. }) => end_process(*pid, *born),
        _ => Ok(()),
    }
}

/// Ends the first process of a container, and with it all that are in its pid namespace, where no
/// cgroup holds them together. It dies with its monitor anyway: this is to wait for it.
fn end_process(pid: i32, born: u64) -> Result<()> {
    let step = "end the container's first process";
    let Some(number) = Pid::from_raw(pid) else { return Ok(()) };
    let process = match pidfd_open(number, PidfdFlags::empty()) {
        Ok(process) => process,
        Err(Errno::SRCH) => return Ok(()),
        Err(errno) => return Err(errno).told(step),
    };
    // Looked at while the descriptor holds the number: it cannot pass to another process now.
    if records::born(pid) != Some(born) {
        return Ok(());
    }
    match pidfd_send_signal(&process, Signal::KILL) {
        // As another user inside, it is out of our reach, but not out of the kernel's.
        Ok(()) | Err(Errno::SRCH | Errno::PERM) => {}
        Err(errno) => return Err(errno).told(step),
    }
    let mut polled = [PollFd::new(&process, PollFlags::IN)];
    poll(&mut polled, Some(&Timespec { tv_sec: 2, tv_nsec: 0 })).told(step)?;
    Ok(())
}

fn pause() {
    let moment = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    match poll(&mut [], Some(&moment)) {
        // An interrupted pause is a shorter one.
        Ok(_) | Err(_) => {}
    }
}

const LOCK: &str = "lock";
/// Milliseconds to wait for the child half of a launch that has lost its monitor.
const PATIENCE: u32 = 2000;
/// 128 and SIGKILL: how a container ends whose monitor is killed.
const KILLED: i32 = 137;
