// SPDX-License-Identifier: Apache-2.0
//! What a confined process is to be: every wall a field, every lowered wall a [`Danger`].
//!
//! A `Spec` is complete: nothing below it looks up a default, an environment variable or a file of
//! the host. [`crate::plan`] turns it into the list of mounts, [`crate::launch`] and
//! [`crate::confine`] carry it out.

use std::ffi::CString;
use std::path::PathBuf;

use kernel::caps::Caps;

use crate::cgroup::{DeviceRule, Resources};
use crate::danger::Danger;
use crate::seccomp::Program;

/// A container to be started.
#[derive(Debug)]
pub struct Spec {
    /// The container's id, which names its cgroup.
    pub id: String,
    /// What runs.
    pub process: Process,
    /// The file tree it sees as `/`.
    pub root: Root,
    /// More mounts, in any order: they are sorted by target.
    pub mounts: Vec<Mount>,
    /// Devices besides the usual six.
    pub devices: Vec<Device>,
    /// Files that the engine writes: `/etc/hosts` and the like.
    pub files: Vec<GivenFile>,
    /// Bytes of `/dev/shm`.
    pub shm_size: u64,
    /// Which namespaces it has of its own.
    pub namespaces: NamespaceChoice,
    /// `hostname` and `domainname`, written only into a namespace of its own.
    pub names: HostNames,
    /// Values for namespaced files under `/proc/sys`, by dotted name.
    pub sysctls: Vec<(String, String)>,
    /// Bounds that a cgroup keeps.
    pub resources: Resources,
    /// Which devices may be opened, whatever nodes exist.
    pub device_rules: Vec<DeviceRule>,
    /// Capabilities: what the first process starts with and the most it can ever have.
    pub capabilities: Caps,
    /// The system call filter.
    pub seccomp: Wall<Program>,
    /// Landlock.
    pub landlock: Wall<()>,
    /// `no_new_privs`.
    pub no_new_privileges: Wall<()>,
    /// Masks and read-only paths under `/proc` and `/sys`.
    pub masks: Wall<()>,
    /// The container's own `/proc/meminfo` and the rest.
    pub view: Wall<()>,
    /// An AppArmor profile to enter at exec.
    pub apparmor: Option<String>,
}

/// A wall that stands, with what it needs, or is down for a reason.
#[derive(Debug, Clone)]
pub enum Wall<T> {
    /// It stands.
    Up(T),
    /// Somebody took it down.
    Down(Danger),
}

impl<T> Wall<T> {
    /// What the wall needs, when it stands.
    pub fn up(&self) -> Option<&T> {
        match self {
            Self::Up(inner) => Some(inner),
            Self::Down(_) => None,
        }
    }
}

/// The first process.
#[derive(Debug, Clone)]
pub struct Process {
    /// Program and arguments; the program is searched in the container's `PATH`.
    pub args: Vec<CString>,
    /// `NAME=value`; `HOME` is added from the passwd file when absent.
    pub env: Vec<CString>,
    /// Made when missing, as Docker does.
    pub workdir: PathBuf,
    /// `user[:group]` as given, looked up inside the container; empty is root.
    pub user: String,
    /// More groups, names or numbers.
    pub groups: Vec<String>,
    /// A terminal, or the caller's own three descriptors.
    pub stdio: Stdio,
    /// Limits of the process itself.
    pub rlimits: Vec<Rlimit>,
    /// How early the host's memory killer takes it, -1000 to 1000 (proc_pid_oom_score_adj(5)); inherited
    /// when absent.
    pub oom_score_adj: Option<i32>,
    /// Who is process 1.
    pub init: Init,
}

/// Who is process 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Init {
    /// The image's program.
    Program,
    /// Ours, which starts the program, passes signals on and reaps.
    Ours,
}

/// Standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdio {
    /// Descriptors 0, 1, 2 of the caller.
    Inherit,
    /// Output of the caller, input from the container's `/dev/null`.
    NoInput,
    /// A terminal of the container's own, with this size at first.
    Terminal {
        /// Rows, zero when unknown.
        rows: u16,
        /// Columns, zero when unknown.
        columns: u16,
    },
}

/// One limit for setrlimit(2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rlimit {
    /// Lower case, without `RLIMIT_`.
    pub name: String,
    /// `None` is unlimited.
    pub soft: Option<u64>,
    /// `None` is unlimited.
    pub hard: Option<u64>,
    /// Whether an EPERM is told to the person (asked for) or leaves the inherited limit (default).
    pub asked: Asked,
}

/// Whether a person asked for a thing, or it is our default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A person did: what cannot be applied is an error.
    ByPerson,
    /// A default: what the host's own limit forbids stays as it is.
    ByDefault,
}

/// The root file system: layers joined by overlayfs.
#[derive(Debug, Clone)]
pub struct Root {
    /// Directories of unpacked layers, the topmost first.
    pub layers: Vec<PathBuf>,
    /// The container's own directory; `upper` and `work` are made in it.
    pub writable: PathBuf,
    /// Whether the container may write.
    pub access: Access,
    /// `nosuid` and `nodev` on the root.
    pub flags: Wall<()>,
    /// Whether what it wrote has to survive a power cut.
    pub durability: Durability,
    /// Where overlayfs keeps its marks.
    pub marks: Marks,
}

/// Reading and writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Access {
    ReadWrite,
    ReadOnly,
}

/// What becomes of written files when the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// They are written back as usual.
    Kept,
    /// Nobody wants them after the run (`--rm`): overlayfs need not sync (`volatile`).
    Volatile,
}

/// Which extended attributes overlayfs uses in the writable and the image layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// `trusted.overlay.*`: the mounter is root.
    Trusted,
    /// `user.overlay.*`: the mounter is root in a user namespace only.
    User,
}

/// A mount besides the ones that every container has.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Absolute, inside.
    pub target: PathBuf,
    /// What is mounted.
    pub source: Source,
    /// Reading and writing.
    pub access: Access,
    /// `MOUNT_ATTR_NOEXEC` when refused.
    pub exec: Exec,
    /// Propagation, `MS_*`; zero is private.
    pub propagation: u64,
}

/// Whether programs can be started from a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Exec {
    Allowed,
    Refused,
}

/// What is mounted.
#[derive(Debug, Clone)]
pub enum Source {
    /// A path of the host, opened once by the launching process.
    Bind {
        /// Absolute, on the host, without a link in it: one that takes the place of a part of it since
        /// somebody looked is an error.
        path: PathBuf,
        /// Whether mounts below it come along.
        depth: kernel::mount::Depth,
    },
    /// A directory beneath one of ours, reached without following a link.
    Within {
        /// Ours: absolute, on the host.
        directory: PathBuf,
        /// Relative to it; empty for itself.
        path: PathBuf,
    },
    /// A fresh tmpfs.
    Tmpfs {
        /// Bytes.
        size: Option<u64>,
        /// Permission bits; when absent, those of the directory it covers, else 0o1777.
        mode: Option<u32>,
        /// User and group inside; root when absent.
        owner: (Option<u32>, Option<u32>),
    },
}

/// A device node of the host, bound into `/dev`.
#[derive(Debug, Clone)]
pub struct Device {
    /// On the host.
    pub source: PathBuf,
    /// Inside.
    pub target: PathBuf,
}

/// A small file that the engine provides, writable inside, gone with the container.
#[derive(Debug, Clone)]
pub struct GivenFile {
    /// Absolute, inside.
    pub target: PathBuf,
    /// What it says at first.
    pub content: Vec<u8>,
}

/// Which namespaces the container has of its own.
#[derive(Debug, Clone)]
pub struct NamespaceChoice {
    /// The range of host ids that the container's 0 and up are, or the host's own user namespace.
    pub user: Wall<IdRange>,
    /// Processes.
    pub pid: Wall<()>,
    /// System V IPC and POSIX message queues.
    pub ipc: Wall<()>,
    /// Host name.
    pub uts: Wall<()>,
    /// Cgroups.
    pub cgroup: Wall<()>,
    /// Network: of its own with nothing but loopback, or the host's.
    pub network: Wall<()>,
    /// Clocks since boot.
    pub time: Wall<()>,
}

/// `count` ids from `first` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The id, outside, of the container's 0.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// Whether files on disk carry the container's ids (and are mapped at mount) or already the
    /// outer ones.
    pub files: FileOwners,
}

/// Whose ids the files of layers carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileOwners {
    /// The container's: mounts are id-mapped.
    Mapped,
    /// The ids of the range itself.
    Outer,
}

/// What uname(2) says.
#[derive(Debug, Clone, Default)]
pub struct HostNames {
    /// Host name.
    pub host: String,
    /// NIS domain name, hardly ever used.
    pub domain: String,
}
