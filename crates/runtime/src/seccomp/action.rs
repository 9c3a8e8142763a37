// SPDX-License-Identifier: Apache-2.0
//! What a filter answers.

use std::fmt;

/// What the kernel does with a call (seccomp(2)). The order is the kernel's own precedence, strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// The whole process dies of SIGSYS.
    KillProcess,
    /// The calling thread dies.
    KillThread,
    /// SIGSYS with this number in `si_errno`.
    Trap(u16),
    /// The call is not made and returns this error.
    Refuse(Errno),
    /// A supervisor answers (`SECCOMP_RET_USER_NOTIF`).
    Notify,
    /// A ptrace tracer is told this number; without one the call returns ENOSYS.
    Trace(u16),
    /// The call is made and logged.
    Log,
    /// The call is made.
    Allow,
}

impl Action {
    /// The word that a program returns for it.
    pub const fn encode(self) -> u32 {
        match self {
            Self::KillProcess => 0x8000_0000,
            Self::KillThread => 0,
            Self::Trap(data) => 0x0003_0000 | data as u32,
            Self::Refuse(errno) => 0x0005_0000 | errno.0 as u32,
            Self::Notify => 0x7fc0_0000,
            Self::Trace(data) => 0x7ff0_0000 | data as u32,
            Self::Log => 0x7ffc_0000,
            Self::Allow => 0x7fff_0000,
        }
    }

    /// The meaning of a returned word. The kernel takes a word that it does not know as
    /// `SECCOMP_RET_KILL_PROCESS`, and so does this.
    pub const fn decode(word: u32) -> Self {
        let data = (word & 0xffff) as u16;
        match word & 0xffff_0000 {
            0 => Self::KillThread,
            0x0003_0000 => Self::Trap(data),
            0x0005_0000 => Self::Refuse(Errno(if data > Errno::MAX { Errno::MAX } else { data })),
            0x7fc0_0000 => Self::Notify,
            0x7ff0_0000 => Self::Trace(data),
            0x7ffc_0000 => Self::Log,
            0x7fff_0000 => Self::Allow,
            _ => Self::KillProcess,
        }
    }

    /// Whether the call is made without anybody being asked.
    pub const fn lets_through(self) -> bool {
        matches!(self, Self::Allow | Self::Log)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillProcess => f.write_str("kill the process"),
            Self::KillThread => f.write_str("kill the thread"),
            Self::Trap(data) => write!(f, "trap {data}"),
            Self::Refuse(errno) => write!(f, "{errno}"),
            Self::Notify => f.write_str("ask the supervisor"),
            Self::Trace(data) => write!(f, "trace {data}"),
            Self::Log => f.write_str("allow and log"),
            Self::Allow => f.write_str("allow"),
        }
    }
}

/// An error number, 0 to 4095 (the kernel's `MAX_ERRNO`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Errno(u16);

impl Errno {
    /// The largest that the kernel returns.
    pub const MAX: u16 = 4095;
    /// Operation not permitted.
    pub const PERM: Self = Self(1);
    /// Function not implemented.
    pub const NOSYS: Self = Self(38);

    /// The number itself, unless it is above [`Errno::MAX`], which the kernel would silently cut.
    pub const fn new(number: u32) -> Option<Self> {
        if number <= Self::MAX as u32 { Some(Self(number as u16)) } else { None }
    }

    /// The error called `name` (`EPERM`), if it is one that a policy uses.
    pub fn named(name: &str) -> Option<Self> {
        NAMES.iter().find(|(_, known)| *known == name).map(|(number, _)| Self(*number))
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The errors that refusals are made of; numbers are the same on every architecture here.
const NAMES: &[(u16, &str)] = &[
    (1, "EPERM"),
    (2, "ENOENT"),
    (13, "EACCES"),
    (22, "EINVAL"),
    (38, "ENOSYS"),
    (93, "EPROTONOSUPPORT"),
    (95, "EOPNOTSUPP"),
    (97, "EAFNOSUPPORT"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_what_was_encoded() {
        let refuse = |number| Action::Refuse(Errno::new(number).unwrap());
        for action in [
            Action::KillProcess,
            Action::KillThread,
            Action::Trap(7),
            refuse(1),
            refuse(4095),
            Action::Notify,
            Action::Trace(0xffff),
            Action::Log,
            Action::Allow,
        ] {
            assert_eq!(Action::decode(action.encode()), action);
        }
        assert_eq!(Action::decode(0x1234_0000), Action::KillProcess);
    }

    /// The kernel keeps the smallest word, as a signed number, of all filters of a thread.
    #[test]
    fn the_order_is_the_kernels() {
        let all = [
            Action::KillProcess,
            Action::KillThread,
            Action::Trap(0),
            Action::Refuse(Errno::PERM),
            Action::Notify,
            Action::Trace(0),
            Action::Log,
            Action::Allow,
        ];
        for pair in all.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!((pair[0].encode() as i32) < (pair[1].encode() as i32));
        }
    }

    #[test]
    fn an_error_number_that_would_be_cut_is_no_error_number() {
        assert!(Errno::new(4096).is_none());
        assert!(Errno::named("EWHATEVER").is_none());
    }
}
