// SPDX-License-Identifier: Apache-2.0
//! Why a log could not be written or read.

use std::path::{Path, PathBuf};

/// The result of this crate's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a log could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No driver has that name. The words are Docker's.
    #[error("logger: no log driver named '{name}' is registered")]
    UnknownDriver {
        /// As it was asked for.
        name: String,
    },
    /// The driver has no such option. The words are Docker's.
    #[error("unknown log opt '{option}' for {driver} log driver")]
    UnknownOption {
        /// As it was asked for.
        option: String,
        /// The driver.
        driver: &'static str,
        /// Those that it has.
        known: &'static [&'static str],
    },
    /// An option's value makes no sense.
    #[error("log opt {option}: {reason}")]
    Option {
        /// Which.
        option: String,
        /// In words, Docker's where it has some.
        reason: String,
    },
    /// The driver sends the output away. The words are Docker's.
    #[error("configured logging driver does not support reading")]
    NotReadable {
        /// Which driver.
        driver: &'static str,
    },
    /// A server of logs.
    #[error("cannot send logs to {server}: {why}")]
    Server {
        /// Its address.
        server: String,
        /// In words.
        why: String,
        /// Whether the same may work a moment later.
        again: Again,
    },
    /// A file operation.
    #[error("could not {step} ({path})", path = path.display())]
    Io {
        /// In words.
        step: &'static str,
        /// What it was about.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A certificate or key.
    #[error("{path}: {reason}", path = path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Whether the same may work a moment later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// At once: the server is slow, and what was begun goes on.
    AtOnce,
    /// After a pause.
    Later,
    /// Never: this line is lost.
    Never,
}

impl Error {
    /// What to do about it, when we know.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownDriver { .. } => {
                Some("json-file, local, syslog, journald and none are known".to_owned())
            }
            Self::UnknownOption { known: [], driver, .. } => Some(format!("{driver} has no options")),
            Self::UnknownOption { known, .. } => Some(format!("it knows {}", known.join(", "))),
            Self::NotReadable { driver: "none" } => Some("nothing of the output was kept".to_owned()),
            Self::NotReadable { driver } => Some(format!("{driver} has it: look there")),
            _ => None,
        }
    }

    /// Whether the same may work a moment later.
    pub(crate) fn again(&self) -> Again {
        match self {
            Self::Server { again, .. } => *again,
            _ => Again::Never,
        }
    }

    pub(crate) fn io(step: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { step, path: path.to_owned(), source }
    }

    pub(crate) fn option(option: &str, reason: impl Into<String>) -> Self {
        Self::Option { option: option.to_owned(), reason: reason.into() }
    }

    pub(crate) fn server(server: &str, why: impl Into<String>, again: Again) -> Self {
        Self::Server { server: server.to_owned(), why: why.into(), again }
    }
}
