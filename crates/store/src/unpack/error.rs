// SPDX-License-Identifier: Apache-2.0
//! Why a layer was refused.

use kernel::Errno;
use kernel::error::Describe;

use crate::tar;

/// Why a layer was refused, or could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule that concerns no single entry, or that has not got its name yet.
    #[error("{what}")]
    Rule {
        /// In words.
        what: String,
    },
    /// A system call, before it got the entry's name.
    #[error("could not {step}: {errno}", errno = Describe(*errno))]
    Step {
        /// In words.
        step: &'static str,
        /// What the kernel said.
        errno: Errno,
    },
    /// An entry is refused.
    #[error("the entry {place} is refused: {why}")]
    Entry {
        /// The entry's name, or the one that it comes after, fit for a terminal.
        place: String,
        /// In words.
        why: String,
    },
    /// The disk is full.
    #[error("the disk is full")]
    Full,
}

impl Error {
    pub(crate) fn rule(what: impl Into<String>) -> Self {
        Self::Rule { what: what.into() }
    }

    pub(super) fn call(step: &'static str, errno: Errno) -> Self {
        match errno {
            Errno::NOSPC | Errno::DQUOT => Self::Full,
            errno => Self::Step { step, errno },
        }
    }

    pub(super) fn io(step: &'static str, error: &std::io::Error) -> Self {
        Self::call(step, Errno::from_io_error(error).unwrap_or(Errno::IO))
    }

    /// Names the entry that it was about.
    pub(super) fn of(self, path: &[u8]) -> Self {
        match self {
            Self::Rule { .. } | Self::Step { .. } => {
                Self::Entry { place: tar::quoted(path), why: self.to_string() }
            }
            other => other,
        }
    }
}

impl From<tar::Error> for Error {
    fn from(error: tar::Error) -> Self {
        match error {
            tar::Error::Entry { place, what } => Self::Entry { place, why: what },
            tar::Error::Malformed { what } => Self::Rule { what },
            tar::Error::Io(error) => Self::Rule { what: error.to_string() },
        }
    }
}
