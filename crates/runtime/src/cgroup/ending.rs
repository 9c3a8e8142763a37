// SPDX-License-Identifier: Apache-2.0
//! The end of a cgroup: every process in it is killed, and the directories go.

use std::path::Path;

use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use kernel::rustix::fs::{Mode, OFlags};
use kernel::rustix::process::{Pid, Signal, kill_process};
use kernel::{Errno, rustix};

use super::{Cgroup, Place, Result, failed, write};

impl Cgroup {
    /// Kills every process in it.
    pub fn kill(&self) -> Result<()> {
        if let Some(place) = self.unified() {
            let path = place.path.join("cgroup.kill");
            match write(&path, "1") {
                Ok(()) => return self.wait_until_empty(place),
                // Before Linux 5.14.
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(failed("kill the cgroup", &path, errno)),
            }
        }
        self.forbid_forks()?;
        for place in &self.trees {
            for _ in 0..TRIES {
                let processes = processes(place)?;
                if processes.is_empty() {
                    break;
                }
                for pid in processes {
                    match kill_process(pid, Signal::KILL) {
                        // A process that is gone is what was wanted; one that stays is met again.
                        Ok(()) | Err(_) => {}
                    }
                }
                pause();
            }
        }
        Ok(())
    }

    /// Killing one by one would lose the race against a program that forks.
    fn forbid_forks(&self) -> Result<()> {
        for place in &self.trees {
            let path = place.path.join("pids.max");
            match write(&path, "0") {
                Ok(()) | Err(Errno::NOENT | Errno::NODEV) => {}
                Err(errno) => return Err(failed("stop new processes", &path, errno)),
            }
        }
        Ok(())
    }

    fn wait_until_empty(&self, place: &Place) -> Result<()> {
        let path = place.path.join("cgroup.events");
        let events = rustix::fs::open(&path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| failed("watch the cgroup", &path, errno))?;
        for _ in 0..TRIES {
            let mut text = [0u8; 128];
            let length = rustix::io::pread(&events, &mut text[..], 0)
                .map_err(|errno| failed("watch the cgroup", &path, errno))?;
            if String::from_utf8_lossy(&text[..length]).contains("populated 0") {
                return Ok(());
            }
            let mut polled = [PollFd::new(&events, PollFlags::PRI)];
            let timeout = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
            poll(&mut polled, Some(&timeout)).map_err(|errno| failed("watch the cgroup", &path, errno))?;
        }
        Err(failed("empty the cgroup", &place.path, Errno::BUSY))
    }

    /// Removes it, with cgroups that a privileged container made in it. Its processes have ended.
    pub fn remove(self) -> Result<()> {
        let mut first = None;
        for place in &self.trees {
            // The tree may still count a process that has just been reaped.
            let removed = (0..TRIES).find_map(|_| match remove_directory(&place.path) {
                Ok(()) => Some(Ok(())),
                Err(Errno::BUSY) => {
                    pause();
                    None
                }
                Err(errno) => Some(Err(errno)),
            });
            if let Err(errno) = removed.unwrap_or(Err(Errno::BUSY)) {
                first.get_or_insert(failed("remove a cgroup", &place.path, errno));
            }
        }
        first.map_or(Ok(()), Err)
    }
}

/// A cgroup's directory goes by one rmdir(2) once no other is in it.
fn remove_directory(path: &Path) -> Result<(), Errno> {
    match rustix::fs::rmdir(path) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::BUSY) => {}
        Err(errno) => return Err(errno),
    }
    let list = std::fs::read_dir(path).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    for entry in list {
        let entry = entry.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_directory(&entry.path())?;
        }
    }
    rustix::fs::rmdir(path)
}

fn processes(place: &Place) -> Result<Vec<Pid>> {
    let path = place.path.join("cgroup.procs");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        failed("list a cgroup's processes", &path, Errno::from_io_error(&error).unwrap_or(Errno::IO))
    })?;
    Ok(text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect())
}

/// A moment for the kernel to finish what it has begun; v1 has nothing that could be waited on.
fn pause() {
    let moment = Timespec { tv_sec: 0, tv_nsec: 500_000 };
    match poll(&mut [], Some(&moment)) {
        // An interrupted pause is a shorter one.
        Ok(_) | Err(_) => {}
    }
}

/// Together a good second.
const TRIES: u32 = 2000;
