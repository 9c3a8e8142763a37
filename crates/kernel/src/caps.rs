// SPDX-License-Identifier: Apache-2.0
//! Capability sets in one typed step (capabilities(7)).

use std::fmt;

use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::error::{Context, Errno, Result};

/// A set of capabilities, one bit each, as in `/proc/PID/status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caps(pub u64);

/// What seccomp(2) asks for where no_new_privs is not set.
pub const SYS_ADMIN: Caps = Caps(1 << 21);

impl Caps {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// Every capability this code knows a name for.
    pub const fn all() -> Self {
        Self((1 << NAMES.len()) - 1)
    }

    /// The capability called `name`, with or without `CAP_`, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
        NAMES.iter().position(|known| *known == bare).map(|bit| Self(1 << bit))
    }

    /// The names in the set, without `CAP_`, in the kernel's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        NAMES.iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| *name)
    }

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn common(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` is in this set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl fmt::Display for Caps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        if names.is_empty() { f.write_str("none") } else { f.write_str(&names.join(" ")) }
    }
}

/// Takes everything but `kept` out of the bounding set of this thread.
///
/// The kernel tells the end of its list with EINVAL, so capabilities newer than this code are
/// dropped as well.
pub fn limit_bounding(kept: Caps) -> Result<()> {
    for bit in 0..64u32 {
        if kept.0 & (1 << bit) != 0 {
            continue;
        }
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        match rustix::thread::remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(crate::Error::new(format!("prctl(PR_CAPBSET_DROP, {bit})"), errno)),
        }
    }
    Ok(())
}

/// Sets this thread's permitted and effective sets to `kept` and empties the inheritable and
/// ambient ones (CVE-2022-24769: a set left inheritable comes back with a file capability).
pub fn set_exactly(kept: Caps) -> Result<()> {
    rustix::thread::clear_ambient_capability_set().call(|| "prctl(PR_CAP_AMBIENT_CLEAR_ALL)".to_owned())?;
    let kept = CapabilitySet::from_bits_retain(kept.0);
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    rustix::thread::set_capabilities(None, sets).call(|| "capset".to_owned())
}

/// This thread's permitted set.
pub fn permitted() -> Result<Caps> {
    let sets = rustix::thread::capabilities(None).call(|| "capget".to_owned())?;
    Ok(Caps(sets.permitted.bits()))
}

/// Names by bit, linux/capability.h of Linux 6.18.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        assert_eq!(Caps::named("cap_sys_admin"), Some(Caps(1 << 21)));
        assert_eq!(Caps::named("NET_RAW").unwrap().to_string(), "NET_RAW");
        assert_eq!(Caps::named("NOPE"), None);
        assert_eq!(Caps::all().names().count(), 41);
    }

    #[test]
    fn docker_default_mask_reads_as_documented() {
        assert_eq!(Caps(0xa804_25fb).names().count(), 14);
    }
}
