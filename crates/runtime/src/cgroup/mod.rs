// SPDX-License-Identifier: Apache-2.0
//! Cgroups: what a container may use, and one handle on all its processes.
//!
//! On a pure v2 host there is one directory per container; on a hybrid one (v1 controllers and a v2
//! tree without them) there is one per controller that is needed and one in the v2 tree, for killing
//! and for the device program. They are called `bulkhead/<id>` below each mount.
//!
//! A process is started right in its v2 cgroup (`CLONE_INTO_CGROUP`). For v1, moving a live process by
//! `cgroup.procs` waits for an RCU grace period, 4 to 14 ms; but a single thread that writes `0` to
//! `tasks` moves itself without that wait (Linux 5.5, `cgroup_procs_write_start`). So the parent opens
//! the files, whose permissions count for the opener, and the child writes.

mod devices;
mod ending;
mod freeze;
mod hierarchy;
mod resources;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernel::mount::{self, Attributes, Depth};
use kernel::rustix::fs::{CWD, Mode, OFlags};
use kernel::{Errno, rustix};

pub use devices::{DeviceRule, default_devices};
pub use freeze::Frozen;
pub use hierarchy::{Hierarchy, Placement};
use hierarchy::{Tree, Version};
pub use resources::Resources;

use crate::walls::{Bounds, Devices, Limits};

/// Why a cgroup could not be made, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A limit makes no sense, or not here.
    #[error("{flag}: {reason}")]
    Limit {
        /// As a person writes it.
        flag: &'static str,
        /// In words.
        reason: String,
    },
    /// A limit that somebody asked for and that this host or user cannot have.
    #[error("{flag} cannot be applied: {reason}")]
    NotHere {
        /// As a person writes it.
        flag: &'static str,
        /// In words.
        reason: String,
    },
    /// A step failed.
    #[error("could not {step} ({path})", path = path.display())]
    Step {
        /// In words.
        step: &'static str,
        /// What it was about.
        path: PathBuf,
        /// The call.
        #[source]
        source: kernel::Error,
    },
}

impl Error {
    /// What to do about it, when we know.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotHere { .. } => Some(
                "as an ordinary user, start it in a delegated cgroup: `systemd-run --user --scope -p Delegate=yes \
                 bulkhead run ...`; as root, mount or enable the controller; or leave the limit out"
                    .into(),
            ),
            _ => None,
        }
    }
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

/// The cgroup of one container: a directory per hierarchy in use.
#[derive(Debug)]
pub struct Cgroup {
    trees: Vec<Place>,
}

/// The container's directory in one hierarchy.
#[derive(Debug)]
struct Place {
    version: Version,
    /// What people call the hierarchy: `memory`, `unified`.
    name: String,
    path: PathBuf,
    directory: OwnedFd,
}

/// How a container is shown its cgroups.
#[derive(Debug, Default)]
pub enum Views {
    /// Not at all.
    #[default]
    None,
    /// By a mount of its own, in its cgroup namespace.
    FreshV2,
    /// By detached, read-only clones of its directories.
    Trees(Vec<View>),
}

/// One directory, to be shown as `/sys/fs/cgroup/<name>`.
#[derive(Debug)]
pub struct View {
    /// The hierarchy's name.
    pub name: String,
    /// A detached mount.
    pub tree: OwnedFd,
}

/// What a container uses now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// Bytes, page cache and shared memory included.
    pub memory: u64,
    /// Bytes of page cache that the kernel takes back before it kills.
    pub reclaimable: u64,
    /// Bytes of shared memory and tmpfs.
    pub shared: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Processor time since the start.
    pub cpu: Duration,
}

impl Cgroup {
    /// Makes the cgroup `id` with these bounds, in a hierarchy that was settled. On an error nothing of
    /// it is left. Devices are not guarded yet.
    pub fn create(hierarchy: &Hierarchy, id: &str, resources: &Resources) -> Result<Self> {
        resources.check(hierarchy)?;
        let mut cgroup = Self { trees: Vec::new() };
        for tree in hierarchy.needed(resources) {
            match cgroup.make(tree, id, resources) {
                Ok(()) => {}
                Err(error) => return Err(cgroup.give_up(error)),
            }
        }
        Ok(cgroup)
    }

    /// Guards devices by `rules`, where that is possible ([`Hierarchy::lacks_devices`]). It takes the
    /// kernel's verifier longer than all the rest of the cgroup, so there is a time for it of its own:
    /// before the program starts, while the new process is busy with its mounts.
    pub fn guard_devices(&self, hierarchy: &Hierarchy, rules: &[DeviceRule]) -> Result<()> {
        if hierarchy.lacks_devices().is_some() {
            return Ok(());
        }
        if let Some(place) = self.unified() {
            return devices::attach(&place.directory, rules).map_err(|source| Error::Step {
                step: "attach the device program",
                path: place.path.clone(),
                source,
            });
        }
        let place = self.legacy_devices().ok_or(Error::NotHere {
            flag: "the default guard of devices",
            reason: "its cgroup has neither a v2 tree nor version 1's controller devices".into(),
        })?;
        for (file, line) in devices::lines(rules) {
            let file = place.path.join(file);
            write(&file, &line).map_err(|errno| failed("guard devices", &file, errno))?;
        }
        Ok(())
    }

    fn make(&mut self, tree: &Tree, id: &str, resources: &Resources) -> Result<()> {
        let path = tree.parent().join(id);
        rustix::fs::mkdir(&path, Mode::from_raw_mode(0o755))
            .map_err(|errno| failed("make a cgroup", &path, errno))?;
        let directory = open_directory(&path)?;
        self.trees.push(Place {
            version: tree.version,
            name: tree.name.clone(),
            path: path.clone(),
            directory,
        });
        for (file, value, flag) in resources.settings(tree)? {
            write(&path.join(&file), &value).map_err(|errno| match errno {
                Errno::INVAL | Errno::RANGE => {
                    Error::Limit { flag, reason: format!("the kernel refuses `{value}` for {file}") }
                }
                Errno::NOENT => Error::Limit { flag, reason: format!("this kernel has no {file}") },
                Errno::BUSY => {
                    Error::Limit { flag, reason: format!("{file} cannot be set to `{value}` now") }
                }
                errno => failed("set a limit", &path.join(&file), errno),
            })?;
        }
        Ok(())
    }

    fn unified(&self) -> Option<&Place> {
        self.trees.iter().find(|place| place.version == Version::Two)
    }

    /// The directory in version 1's hierarchy of devices.
    fn legacy_devices(&self) -> Option<&Place> {
        self.trees.iter().find(|place| place.path.join(devices::LIST).exists())
    }

    /// Removes what was made so far; `error` is the one to tell.
    fn give_up(self, error: Error) -> Error {
        match self.remove() {
            // What stays is empty, and the next command sweeps it.
            Ok(()) | Err(_) => error,
        }
    }

    /// The cgroup that was made in these places (see [`Hierarchy::places`]), as far as it is there.
    pub fn reopen(places: &[PathBuf]) -> Result<Option<Self>> {
        let mut trees = Vec::new();
        for path in places {
            match open_directory(path) {
                Ok(directory) => {
                    let version =
                        version(&directory).map_err(|errno| failed("look at a cgroup", path, errno))?;
                    let name = String::new();
                    trees.push(Place { version, name, path: path.clone(), directory });
                }
                Err(Error::Step { source, .. }) if matches!(source.errno, Errno::NOENT | Errno::ACCESS) => {}
                Err(error) => return Err(error),
            }
        }
        Ok((!trees.is_empty()).then_some(Self { trees }))
    }

    /// The directory to start a process in, where there is a v2 tree.
    pub fn clone_into(&self) -> Option<BorrowedFd<'_>> {
        self.unified().map(|place| place.directory.as_fd())
    }

    /// The files that the new process writes to join the v1 hierarchies.
    pub fn join(&self) -> Result<Vec<OwnedFd>> {
        let legacy = self.trees.iter().filter(|place| place.version == Version::One);
        legacy
            .map(|place| {
                let path = place.path.join("tasks");
                rustix::fs::open(&path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())
                    .map_err(|errno| failed("open a cgroup", &path, errno))
            })
            .collect()
    }

    /// What the container will see at `/sys/fs/cgroup`.
    pub fn views(&self) -> Result<Views> {
        if self.trees.is_empty() {
            return Ok(Views::None);
        }
        if self.trees.iter().all(|place| place.version == Version::Two && place.name.is_empty()) {
            return Ok(Views::FreshV2);
        }
        let attributes = Attributes {
            set: mount::RDONLY | mount::NOSUID | mount::NODEV | mount::NOEXEC,
            propagation: mount::PRIVATE,
            ..Attributes::default()
        };
        let views = self.trees.iter().map(|place| {
            let step =
                |source| Error::Step { step: "make a view of the cgroup", path: place.path.clone(), source };
            let tree = mount::clone_tree(CWD, &place.path, Depth::Single).map_err(step)?;
            mount::set_attributes(tree.as_fd(), &attributes, Depth::Single).map_err(step)?;
            Ok(View { name: place.name.clone(), tree })
        });
        Ok(Views::Trees(views.collect::<Result<_>>()?))
    }

    /// What it uses now; a figure that cannot be read is zero.
    pub fn stats(&self) -> Stats {
        let number = |files: [&str; 2]| {
            let texts = self.trees.iter().flat_map(|place| files.iter().map(|file| place.path.join(file)));
            texts
                .filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok())
                .next()
                .unwrap_or(0)
        };
        let cpu = self.unified().and_then(|place| std::fs::read_to_string(place.path.join("cpu.stat")).ok());
        let micros =
            cpu.and_then(|text| text.lines().next()?.strip_prefix("usage_usec ")?.parse().ok()).unwrap_or(0);
        let details =
            self.trees.iter().find_map(|place| std::fs::read_to_string(place.path.join("memory.stat")).ok());
        let detail = |name| details.as_deref().and_then(|text| detail(text, name)).unwrap_or(0);
        Stats {
            memory: number(["memory.current", "memory.usage_in_bytes"]),
            reclaimable: detail("active_file") + detail("inactive_file"),
            shared: detail("shmem"),
            processes: number(["pids.current", "pids.current"]),
            cpu: Duration::from_micros(micros),
        }
    }

    /// The bounds as the kernel has them.
    pub fn limits(&self) -> Limits {
        let (memory, memory_file) = self.bound(&["memory.max", "memory.limit_in_bytes"]);
        let (pids, pids_file) = self.bound(&["pids.max"]);
        Limits {
            places: self.trees.len(),
            bounds: Bounds { memory, pids },
            files: [memory_file, pids_file],
            devices: self.devices(),
        }
    }

    /// What guards its devices.
    fn devices(&self) -> Devices {
        if let Some(place) = self.unified() {
            return devices::evidence(&place.directory)
                .unwrap_or_else(|error| Devices::Hidden(error.to_string()));
        }
        let Some(place) = self.legacy_devices() else {
            return Devices::Hidden("it has neither a cgroup v2 directory nor one of devices".into());
        };
        match std::fs::read_to_string(place.path.join(devices::LIST)) {
            Ok(list) => devices::listed(&list),
            Err(error) => Devices::Hidden(error.to_string()),
        }
    }

    /// What the first of `files` that is there says, and where it is.
    fn bound(&self, files: &[&str]) -> (Option<u64>, Option<String>) {
        let mut paths = self.trees.iter().flat_map(|place| files.iter().map(|file| place.path.join(file)));
        let found = paths.find_map(|path| Some((std::fs::read_to_string(&path).ok()?, path)));
        let Some((text, path)) = found else { return (None, None) };
        // v1 says "unlimited" as a number near 2^63.
        let bound = text.trim().parse().ok().filter(|value| *value < 1 << 60);
        (bound, Some(path.display().to_string()))
    }
}

/// In the child: moves this process into the v1 cgroups.
pub fn join_self(tasks: &[OwnedFd]) -> Result<()> {
    for file in tasks {
        rustix::io::write(file, b"0")
            .map_err(|errno| failed("join a cgroup", &PathBuf::from("tasks"), errno))?;
    }
    Ok(())
}

/// A figure of memory.stat, of the cgroup and those below it. Version 1 has figures of the cgroup alone besides, and
/// calls these `total_`.
fn detail(text: &str, name: &str) -> Option<u64> {
    let row = |wanted: &str| {
        text.lines().find_map(|line| line.strip_prefix(wanted)?.strip_prefix(' ')?.parse().ok())
    };
    row(&format!("total_{name}")).or_else(|| row(name))
}

/// statfs(2) tells the two versions apart.
fn version(directory: &OwnedFd) -> Result<Version, Errno> {
    match rustix::fs::fstatfs(directory)?.f_type {
        CGROUP2_MAGIC => Ok(Version::Two),
        _ => Ok(Version::One),
    }
}

fn open_directory(path: &Path) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| failed("open a cgroup", path, errno))
}

fn write(path: &Path, value: &str) -> Result<(), Errno> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, value.as_bytes()).map(drop)
}

fn failed(step: &'static str, path: &Path, errno: Errno) -> Error {
    Error::Step { step, path: path.to_owned(), source: kernel::Error::new("cgroup", errno) }
}

/// linux/magic.h: CGROUP2_SUPER_MAGIC.
const CGROUP2_MAGIC: i64 = 0x6367_7270;
