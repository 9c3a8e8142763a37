// SPDX-License-Identifier: Apache-2.0
//! The controllers we use, and their names in both versions of cgroups.

use std::fmt;

/// A part of the kernel that limits or counts for a cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Controller {
    /// Memory and swap.
    Memory,
    /// The number of tasks.
    Pids,
    /// Processor time: shares and quota.
    Cpu,
    /// Processor time used. In v2 every cgroup counts it, so there is no such controller.
    CpuAccounting,
    /// Which processors and memory nodes.
    Cpuset,
    /// Block devices: weight and throttles.
    Io,
    /// Access to device nodes. In v2 that is a program's job.
    Devices,
}

impl Controller {
    /// All of them, in the order in which their cgroups are made.
    pub(super) const ALL: [Self; 7] =
        [Self::Memory, Self::Pids, Self::Cpu, Self::CpuAccounting, Self::Cpuset, Self::Io, Self::Devices];

    /// The name in v1, as mount options and `/proc/self/cgroup` have it.
    pub(super) fn legacy_name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::CpuAccounting => "cpuacct",
            Self::Cpuset => "cpuset",
            Self::Io => "blkio",
            Self::Devices => "devices",
        }
    }

    /// The name in v2's `cgroup.controllers`, for those that exist there.
    pub(super) fn unified_name(self) -> Option<&'static str> {
        match self {
            Self::Io => Some("io"),
            Self::CpuAccounting | Self::Devices => None,
            other => Some(other.legacy_name()),
        }
    }

    /// The controllers whose v2 names are in the space-separated list `text`.
    pub(super) fn unified_list(text: &str) -> Vec<Self> {
        let named = |one: &Self| one.unified_name().is_some_and(|name| text.split_whitespace().any(|word| word == name));
        Self::ALL.into_iter().filter(named).collect()
    }
}

impl fmt::Display for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.legacy_name())
    }
}
