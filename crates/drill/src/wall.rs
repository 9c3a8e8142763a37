// SPDX-License-Identifier: Apache-2.0
//! The walls by name. The names are part of the JSON's form: docs/drill.md lists them.

use serde::{Serialize, Serializer};

/// Something that stops an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "`meaning` says it")]
pub enum Wall {
    User,
    Capabilities,
    Seccomp,
    Landlock,
    NoNewPrivs,
    Masks,
    View,
    Devices,
    Mounts,
    Cgroup,
    Rlimits,
    OrdinaryUser,
    ReadOnly,
    Label,
    PidNamespace,
    IpcNamespace,
    UtsNamespace,
    CgroupNamespace,
    NetworkNamespace,
    TimeNamespace,
    MountNamespace,
    Launch,
    Kernel,
}

impl Wall {
    /// All of them, in the order in which a report lists them.
    pub const ALL: [Self; 23] = [
        Self::User,
        Self::Capabilities,
        Self::Seccomp,
        Self::Landlock,
        Self::NoNewPrivs,
        Self::Masks,
        Self::View,
        Self::Devices,
        Self::Mounts,
        Self::Cgroup,
        Self::Rlimits,
        Self::OrdinaryUser,
        Self::ReadOnly,
        Self::Label,
        Self::PidNamespace,
        Self::IpcNamespace,
        Self::UtsNamespace,
        Self::CgroupNamespace,
        Self::NetworkNamespace,
        Self::TimeNamespace,
        Self::MountNamespace,
        Self::Launch,
        Self::Kernel,
    ];

    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// What it does, in a few words.
    pub fn meaning(self) -> &'static str {
        self.words().1
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::User => ("user", "root inside is nobody outside"),
            Self::Capabilities => ("capabilities", "few of root's powers"),
            Self::Seccomp => ("seccomp", "a filter of system calls"),
            Self::Landlock => ("landlock", "no change of mounts, no device nodes"),
            Self::NoNewPrivs => ("no_new_privs", "no program gains privileges"),
            Self::Masks => ("masks", "parts of /proc and /sys are hidden or read-only"),
            Self::View => ("view", "the container's own figures instead of the host's"),
            Self::Devices => ("devices", "the usual six devices and no other"),
            Self::Mounts => ("mounts", "mounts are read-only, nosuid, nodev or noexec"),
            Self::Cgroup => ("cgroup", "bounds on memory and processes"),
            Self::Rlimits => ("rlimits", "bounds on each process"),
            Self::OrdinaryUser => ("ordinary_user", "not even root inside"),
            Self::ReadOnly => ("read_only", "a root file system that cannot be written"),
            Self::Label => ("label", "a profile of AppArmor"),
            Self::PidNamespace => ("pid_namespace", "processes of its own"),
            Self::IpcNamespace => ("ipc_namespace", "shared memory of its own"),
            Self::UtsNamespace => ("uts_namespace", "a host name of its own"),
            Self::CgroupNamespace => ("cgroup_namespace", "its cgroup is the topmost it sees"),
            Self::NetworkNamespace => ("network_namespace", "a network of its own"),
            Self::TimeNamespace => ("time_namespace", "clocks that start with the container"),
            Self::MountNamespace => ("mount_namespace", "a file tree of its own, and no way to the host's"),
            Self::Launch => ("launch", "nothing of the host is handed over at the start"),
            Self::Kernel => ("kernel", "the kernel refuses it to everybody"),
        }
    }
}

impl Serialize for Wall {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
