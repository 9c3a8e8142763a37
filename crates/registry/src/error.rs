// SPDX-License-Identifier: Apache-2.0
//! Why a registry's client could not do what was asked.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The result of the client's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a registry's client could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name, digest or document breaks its rules.
    #[error(transparent)]
    Oci(#[from] oci::Error),
    /// The registry has no such thing, or does not show it to this person.
    #[error("{registry} has no {what}")]
    NotFound {
        /// Its host.
        registry: String,
        /// What was asked for.
        what: String,
    },
    /// The registry wants to know who asks, or does not like the answer.
    #[error("{registry} does not let us {what} without valid credentials{said}")]
    Unauthorized {
        /// Its host.
        registry: String,
        /// What was to be done.
        what: String,
        /// Its own words, with a colon before them, or nothing.
        said: String,
    },
    /// The registry knows who asks, and refuses.
    #[error("{registry} does not let this account {what}{said}")]
    Denied {
        /// Its host.
        registry: String,
        /// What was to be done.
        what: String,
        /// Its own words, with a colon before them, or nothing.
        said: String,
    },
    /// Another answer than the specification has for success.
    #[error("{registry} answers {status} when asked to {what}{said}")]
    Answer {
        /// Its host.
        registry: String,
        /// What was to be done.
        what: String,
        /// The HTTP status.
        status: u16,
        /// Its own words, with a colon before them, or nothing.
        said: String,
        /// How long it wants to be left alone.
        after: Option<Duration>,
    },
    /// An answer that breaks the specification.
    #[error("{registry} breaks the protocol: {how}")]
    Protocol {
        /// Its host.
        registry: String,
        /// In words.
        how: String,
    },
    /// Content that is not what its digest or its length says.
    #[error("{what} is damaged: {how}")]
    Damaged {
        /// What.
        what: String,
        /// What was promised and what came.
        how: String,
    },
    /// The connection.
    #[error("cannot reach {registry}: {why}")]
    Connection {
        /// Its host.
        registry: String,
        /// In words.
        why: String,
        /// Whether it may work a moment later.
        again: Again,
    },
    /// Something that is never done, whoever asks.
    #[error("refused: {what}")]
    Refused {
        /// In words.
        what: String,
        /// What to do instead.
        remedy: Option<String>,
    },
    /// An index that has nothing for the machine that was asked for.
    #[error("{name} has no image for {wanted}, only for {offered}")]
    NoSuchPlatform {
        /// The image.
        name: String,
        /// The platform that was asked for.
        wanted: String,
        /// Those that it has.
        offered: String,
    },
    /// A file of settings or credentials.
    #[error("{path}: {reason}", path = path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A program that keeps credentials.
    #[error("the credential helper {program} failed: {reason}")]
    Helper {
        /// Its name.
        program: String,
        /// What it said.
        reason: String,
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
    /// The content that was to be sent could not be read.
    #[error("could not read {what} to send it")]
    Source {
        /// What.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Another part of the same work failed, or a person stopped it.
    #[error("the transfer was stopped")]
    Cancelled,
}

/// Whether the same request may fare better a moment later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Again {
    Worthwhile,
    Useless,
}

impl Error {
    /// What to do about it, when we know.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unauthorized { registry, .. } => {
                Some(format!("`bulkhead login {registry}` keeps credentials for it"))
            }
            Self::Refused { remedy, .. } => remedy.clone(),
            Self::NoSuchPlatform { .. } => Some("--platform OS/ARCH[/VARIANT] chooses another".to_owned()),
            _ => None,
        }
    }

    /// Whether the same request may fare better a moment later.
    pub(crate) fn again(&self) -> Again {
        match self {
            Self::Connection { again, .. } => *again,
            Self::Answer { status: 408 | 425 | 429 | 500 | 502 | 503 | 504, .. } => Again::Worthwhile,
            _ => Again::Useless,
        }
    }

    /// How long the registry wants to be left alone.
    pub(crate) fn after(&self) -> Option<Duration> {
        match self {
            Self::Answer { after, .. } => *after,
            _ => None,
        }
    }

    pub(crate) fn io(step: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { step, path: path.to_owned(), source }
    }

    pub(crate) fn settings(path: &Path, reason: impl Into<String>) -> Self {
        Self::Settings { path: path.to_owned(), reason: reason.into() }
    }

    pub(crate) fn protocol(registry: &str, how: impl Into<String>) -> Self {
        Self::Protocol { registry: registry.to_owned(), how: how.into() }
    }

    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), remedy: None }
    }
}
