// SPDX-License-Identifier: Apache-2.0
//! What can go wrong with limits and cgroups, and what cannot be done here and why.

use std::fmt;
use std::path::PathBuf;

use super::Controller;

/// The result of every function of this module.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a cgroup could not be made, limited, read or removed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A limit makes no sense, whatever the host can do.
    #[error("{flag}: {reason}")]
    Invalid {
        /// The flag as a person writes it, e.g. `--memory`.
        flag: &'static str,
        /// What is wrong with its value, and what would be right.
        reason: String,
    },
    /// A limit was asked for that this host cannot apply.
    #[error("{flag} cannot be applied: {missing}")]
    Unsupported {
        /// The flag as a person writes it.
        flag: &'static str,
        /// What is missing for it.
        missing: Missing,
    },
    /// There is no hierarchy in which the caller may make a cgroup.
    #[error("no cgroup can be made: {missing}")]
    Unavailable {
        /// What is missing.
        missing: Missing,
    },
    /// A cgroup of this name exists already.
    #[error("cgroup {path} exists already")]
    Exists {
        /// Its directory.
        path: PathBuf,
    },
    /// No cgroup of this name exists.
    #[error("no cgroup is named {id}")]
    NotFound {
        /// The name that was looked for.
        id: String,
    },
    /// The name cannot be one of a cgroup of ours.
    #[error("{id:?} cannot name a cgroup: {reason}")]
    Name {
        /// The name.
        id: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Processes in the cgroup did not end in time.
    #[error("cgroup {path} still has processes ({processes}) after {waited_ms} ms")]
    Busy {
        /// Its directory.
        path: PathBuf,
        /// Their numbers, or "none that can be seen from here".
        processes: String,
        /// How long it was waited for.
        waited_ms: u128,
    },
    /// A file of the kernel did not read as documented.
    #[error("{path} reads {text:?}, which is not understood")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it holds.
        text: String,
    },
    /// The kernel refused a value of a limit.
    #[error("{flag} was refused")]
    Refused {
        /// The flag as a person writes it.
        flag: &'static str,
        /// The write that failed.
        source: kernel::Error,
    },
    /// A system call failed.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
}

/// Something this host, or this user, lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Nobody has mounted the controller.
    NotMounted {
        /// The controller.
        controller: Controller,
    },
    /// No cgroup file system is mounted at all.
    NoHierarchy,
    /// The hierarchy is mounted, but read-only.
    ReadOnly {
        /// Its mount point.
        mount: PathBuf,
    },
    /// The hierarchy is mounted, but no directory between its top and the caller's own cgroup may
    /// be written by the caller.
    NotDelegated {
        /// The caller's own cgroup.
        own: PathBuf,
    },
    /// The mount does not show the caller's own cgroup, so nothing in it is the caller's to use.
    Outside {
        /// Its mount point.
        mount: PathBuf,
    },
    /// The only directory that may be written holds processes, and cgroup v2 gives no controllers
    /// to children of such a one (cgroups(7), "no internal processes").
    Occupied {
        /// The directory.
        path: PathBuf,
        /// The controller that could not be enabled.
        controller: Controller,
    },
    /// The directory that may be written was not given this controller by its owner.
    NotGranted {
        /// The directory.
        path: PathBuf,
        /// The controller.
        controller: Controller,
    },
    /// The controller is there, but this kernel's has no such file.
    File {
        /// The file's name, e.g. `memory.memsw.limit_in_bytes`.
        file: String,
    },
    /// cgroup v2 dropped what v1 had.
    GoneInV2 {
        /// What it was.
        what: &'static str,
    },
    /// Neither device programs nor the v1 devices controller can be used.
    DeviceControl {
        /// What the kernel answered.
        reason: String,
    },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotMounted { controller } => write!(f, "the {controller} controller is not mounted"),
            Self::NoHierarchy => f.write_str("no cgroup file system is mounted"),
            Self::ReadOnly { mount } => write!(f, "{} is mounted read-only", mount.display()),
            Self::NotDelegated { own } => {
                write!(f, "this user was given no cgroup above or at {} (run under `systemd-run --user --scope -p Delegate=yes`)", own.display())
            }
            Self::Outside { mount } => write!(f, "{} does not show this process's own cgroup", mount.display()),
            Self::Occupied { path, controller } => {
                write!(f, "{} holds processes, so its children cannot have the {controller} controller (move them into a child of it)", path.display())
            }
            Self::NotGranted { path, controller } => {
                write!(f, "{} was not given the {controller} controller", path.display())
            }
            Self::File { file } => write!(f, "this kernel has no {file}"),
            Self::GoneInV2 { what } => write!(f, "cgroup v2 has no {what}"),
            Self::DeviceControl { reason } => write!(f, "access to devices cannot be controlled: {reason}"),
        }
    }
}
