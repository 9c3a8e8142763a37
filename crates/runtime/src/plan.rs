// SPDX-License-Identifier: Apache-2.0
//! From a [`Spec`] to the list of mounts, without doing anything.
//!
//! The list is complete and in order; [`crate::mounts`] carries it out inside the new mount
//! namespace. It can be printed, and the tests compare it as text.

use std::path::{Path, PathBuf};

use kernel::mount::{NODEV, NOEXEC, NOSUID, RDONLY};

use crate::policy::{HIDDEN_PATHS, READ_ONLY_PATHS};
use crate::spec::{Access, Asked, Exec, Mount, Source, Spec, Stdio, Wall};

/// One change to the container's tree of mounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// A new file system at `target`, which is made when missing.
    New {
        /// Absolute, inside.
        target: PathBuf,
        /// As in `/proc/filesystems`.
        kind: &'static str,
        /// `key=value` or a flag.
        options: Vec<(String, Option<String>)>,
        /// `MOUNT_ATTR_*`.
        attributes: u64,
    },
    /// The cgroup views, as the host's hierarchy has them.
    Cgroups,
    /// A device node of the host.
    Device {
        /// On the host.
        source: PathBuf,
        /// Absolute, inside.
        target: PathBuf,
        /// Whether it is one of a person's.
        asked: Asked,
    },
    /// A symbolic link in the fresh `/dev`.
    Link {
        /// Absolute, inside.
        at: PathBuf,
        /// What it says.
        to: &'static str,
    },
    /// A file that the engine staged, by its number in the staging area.
    Given {
        /// Which.
        index: usize,
        /// Absolute, inside.
        target: PathBuf,
        /// `MOUNT_ATTR_*`.
        attributes: u64,
        /// What happens when the target is not there.
        missing: MissingTarget,
    },
    /// A path of the host, opened by number before the container's tree was entered.
    Bind {
        /// Which of the opened sources.
        index: usize,
        /// Absolute, inside.
        target: PathBuf,
        /// `MOUNT_ATTR_*`.
        attributes: u64,
    },
    /// Covered by an empty file or directory.
    Hide(PathBuf),
    /// Made read-only where it stands.
    ReadOnly(PathBuf),
    /// A value for `/proc/sys`.
    Sysctl {
        /// Dotted.
        name: String,
        /// Written as it is.
        value: String,
    },
    /// The directory that the program starts in, made when missing.
    Workdir(PathBuf),
    /// The whole root made read-only.
    ReadOnlyRoot,
}

/// What to do about a mount target that the image lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingTarget {
    /// Make an empty file there.
    Make,
    /// Leave the operation out: this kernel has no such file.
    Skip,
}

/// A file to be staged before the container's tree is entered.
#[derive(Debug, Clone)]
pub struct StagedFile {
    /// Absolute, inside.
    pub target: PathBuf,
    /// What it says at first.
    pub content: Vec<u8>,
}

/// The operations for `spec`, in order. `staged` are the targets of the staged files: the first
/// `given` of them are the engine's own (writable inside), the others the container's view.
pub fn mounts(spec: &Spec, staged: &[PathBuf], given: usize) -> Vec<Operation> {
    let mut plan = Vec::with_capacity(160);
    plan.extend(proc_and_sys(spec));
    plan.extend(devices(spec));
    plan.extend(sysctls(spec));
    plan.extend(staged.iter().enumerate().take(given).map(|(index, target)| Operation::Given {
        index,
        target: target.clone(),
        attributes: NOSUID | NODEV | NOEXEC,
        missing: MissingTarget::Make,
    }));
    plan.extend(user_mounts(&spec.mounts));
    if let Wall::Up(()) = spec.masks {
        // What the view covers with a file of its own needs no empty one below that.
        let covered = |path: &str| staged.iter().skip(given).any(|target| target == Path::new(path));
        let hidden = HIDDEN_PATHS.iter().filter(|(path, _)| !covered(path));
        plan.extend(hidden.map(|(path, _)| Operation::Hide(PathBuf::from(path))));
        plan.extend(READ_ONLY_PATHS.iter().map(|(path, _)| Operation::ReadOnly(PathBuf::from(path))));
    }
    // After the read-only paths: boot_id and core_pattern lie below /proc/sys.
    plan.extend(staged.iter().enumerate().skip(given).map(|(index, target)| Operation::Given {
        index,
        target: target.clone(),
        attributes: NOSUID | NODEV | NOEXEC | RDONLY,
        missing: MissingTarget::Skip,
    }));
    // While the root can be written.
    plan.push(Operation::Workdir(spec.process.workdir.clone()));
    if spec.root.access == Access::ReadOnly {
        plan.push(Operation::ReadOnlyRoot);
    }
    plan
}

fn proc_and_sys(spec: &Spec) -> Vec<Operation> {
    let locked = NOSUID | NODEV | NOEXEC;
    let mut list = Vec::new();
    match (&spec.namespaces.pid, &spec.namespaces.user) {
        // Only the owner of a pid namespace may mount a proc of it: the host's own is shown then.
        (Wall::Down(_), Wall::Up(_)) => list.push(Operation::Bind {
            index: spec.mounts.len() + HOST_PROC,
            target: "/proc".into(),
            attributes: locked,
        }),
        _ => list.push(new("/proc", "proc", &[], locked)),
    }
    match spec.namespaces.network {
        // A fresh sysfs shows the network devices of the namespace that owns it, so it can only be
        // mounted by the owner of that namespace.
        Wall::Up(()) => list.push(new("/sys", "sysfs", &[], locked | sysfs_access(spec))),
        Wall::Down(_) => list.push(Operation::Bind {
            index: spec.mounts.len() + HOST_SYS,
            target: "/sys".into(),
            attributes: locked | sysfs_access(spec),
        }),
    }
    list.push(Operation::Cgroups);
    list
}

fn sysfs_access(spec: &Spec) -> u64 {
    match spec.masks {
        Wall::Up(()) => RDONLY,
        Wall::Down(_) => 0,
    }
}

fn devices(spec: &Spec) -> Vec<Operation> {
    let mut list = vec![new("/dev", "tmpfs", &[("mode", "755"), ("size", "65536k")], NOSUID | NOEXEC)];
    for name in DEVICE_NODES {
        let path = Path::new("/dev").join(name);
        list.push(Operation::Device { source: path.clone(), target: path, asked: Asked::ByDefault });
    }
    let links = [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
        ("/dev/ptmx", "pts/ptmx"),
    ];
    list.extend(links.map(|(at, to)| Operation::Link { at: at.into(), to }));
    let mut pts = vec![("newinstance", ""), ("ptmxmode", "0666"), ("mode", "0620")];
    if maps_id(spec, TTY_GROUP) {
        pts.push(("gid", "5"));
    }
    list.push(new("/dev/pts", "devpts", &pts, NOSUID | NOEXEC));
    let shm_size = spec.shm_size.to_string();
    list.push(new("/dev/shm", "tmpfs", &[("mode", "1777"), ("size", &shm_size)], NOSUID | NODEV | NOEXEC));
    if let Wall::Up(()) = spec.namespaces.ipc {
        list.push(new("/dev/mqueue", "mqueue", &[], NOSUID | NODEV | NOEXEC));
    }
    list.extend(spec.devices.iter().map(|device| Operation::Device {
        source: device.source.clone(),
        target: device.target.clone(),
        asked: Asked::ByPerson,
    }));
    list
}

fn maps_id(spec: &Spec, id: u32) -> bool {
    spec.namespaces.user.up().is_none_or(|range| id < range.count)
}

fn sysctls(spec: &Spec) -> Vec<Operation> {
    let mut list = Vec::new();
    if let Wall::Up(()) = spec.namespaces.network {
        // Lets every user inside send ICMP echo without CAP_NET_RAW (icmp(7)).
        list.push(Operation::Sysctl {
            name: "net.ipv4.ping_group_range".into(),
            value: format!("0 {}", last_group(spec)),
        });
    }
    list.extend(
        spec.sysctls
            .iter()
            .map(|(name, value)| Operation::Sysctl { name: name.clone(), value: value.clone() }),
    );
    list
}

fn last_group(spec: &Spec) -> u32 {
    spec.namespaces.user.up().map_or(65_534, |range| range.count.saturating_sub(2))
}

/// Parents before children, whatever order they were given in; of equal targets the later wins, as
/// it covers the earlier.
fn user_mounts(mounts: &[Mount]) -> Vec<Operation> {
    let mut order: Vec<(usize, &Mount)> = mounts.iter().enumerate().collect();
    order.sort_by_key(|(index, mount)| (mount.target.components().count(), *index));
    order.into_iter().map(|(index, mount)| user_mount(index, mount)).collect()
}

fn user_mount(index: usize, mount: &Mount) -> Operation {
    let mut attributes = NOSUID | NODEV;
    if mount.access == Access::ReadOnly {
        attributes |= RDONLY;
    }
    if mount.exec == Exec::Refused {
        attributes |= NOEXEC;
    }
    match &mount.source {
        Source::Bind { .. } | Source::Within { .. } => {
            Operation::Bind { index, target: mount.target.clone(), attributes }
        }
        Source::Tmpfs { size, mode, owner: (user, group) } => {
            let mut options = Vec::new();
            let mut set = |key: &str, value: Option<String>| {
                options.extend(value.map(|value| (key.to_owned(), Some(value))));
            };
            set("mode", mode.map(|mode| format!("{mode:o}")));
            set("size", size.map(|bytes| bytes.to_string()));
            set("uid", user.map(|id| id.to_string()));
            set("gid", group.map(|id| id.to_string()));
            Operation::New { target: mount.target.clone(), kind: "tmpfs", options, attributes }
        }
    }
}

fn new(target: &str, kind: &'static str, options: &[(&str, &str)], attributes: u64) -> Operation {
    let options = options
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (!value.is_empty()).then(|| (*value).to_owned())))
        .collect();
    Operation::New { target: target.into(), kind, options, attributes }
}

/// Whether the container's standard input comes from its own `/dev/null`.
pub fn needs_null_input(stdio: Stdio) -> bool {
    stdio == Stdio::NoInput
}

/// Behind the sources of a person's mounts come the host's own proc and sysfs, in this order.
pub(crate) const HOST_PROC: usize = 0;
/// See [`HOST_PROC`].
pub(crate) const HOST_SYS: usize = 1;
/// The group `tty` of every distribution.
const TTY_GROUP: u32 = 5;
/// The nodes that every container has.
pub const DEVICE_NODES: [&str; 6] = ["full", "null", "random", "tty", "urandom", "zero"];
