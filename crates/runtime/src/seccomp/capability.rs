// SPDX-License-Identifier: Apache-2.0
//! Capabilities by name and number (linux/capability.h).

use std::fmt;

use super::error::Error;

/// One capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capability(u8);

impl Capability {
    /// The capability called `name`, with or without `CAP_`.
    pub fn named(name: &str) -> Result<Self, Error> {
        let bare = name.strip_prefix("CAP_").unwrap_or(name);
        match NAMES.iter().position(|known| *known == bare) {
            Some(bit) => Ok(Self(bit as u8)),
            None => Err(Error::UnknownCapability { name: name.to_owned() }),
        }
    }

    /// For tables that are written as Rust.
    pub(super) const fn bit(bit: u8) -> Self {
        assert!((bit as usize) < NAMES.len());
        Self(bit)
    }

    /// The name, without `CAP_`.
    pub const fn name(self) -> &'static str {
        NAMES[self.0 as usize]
    }

    /// Its bit in a set, as in `CapBnd` of `/proc/PID/status`.
    pub const fn mask(self) -> u64 {
        1 << self.0
    }

    #[cfg(test)]
    pub(super) const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

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
    fn numbers_are_the_kernels() {
        for (name, number) in
            [("CAP_CHOWN", 0), ("NET_RAW", 13), ("SYS_ADMIN", 21), ("CHECKPOINT_RESTORE", 40)]
        {
            assert_eq!(Capability::named(name).unwrap().number(), number);
        }
        assert!(Capability::named("SYS_EVERYTHING").is_err());
    }
}
