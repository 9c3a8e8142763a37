// SPDX-License-Identifier: Apache-2.0
//! Why the store could not do what was asked.

use std::path::{Path, PathBuf};

use crate::unpack;

/// The result of the store's calls.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name, digest or document breaks its rules.
    #[error(transparent)]
    Oci(#[from] oci::Error),
    /// The archive is refused.
    #[error("the archive is refused: {what}")]
    Refused {
        /// In words.
        what: String,
    },
    /// What was asked for makes no sense, or the store itself is not as it should be.
    #[error("{what}")]
    Invalid {
        /// In words.
        what: String,
    },
    /// A layer of it is refused.
    #[error("layer {layer} is refused")]
    Layer {
        /// Which.
        layer: String,
        /// Why.
        #[source]
        source: unpack::Error,
    },
    /// The content is not what its digest says.
    #[error("{what} is damaged: its content is {found}, and {wanted} was promised")]
    Digest {
        /// What.
        what: String,
        /// The digest that was promised.
        wanted: String,
        /// The digest of what is there.
        found: String,
    },
    /// Content did not arrive to its end; what came is kept.
    #[error("the transfer of {what} ended {missing} bytes before its end ({size} bytes)")]
    Transfer {
        /// Its digest.
        what: String,
        /// Bytes that are missing.
        missing: u64,
        /// Bytes in all.
        size: u64,
        /// What stopped it.
        #[source]
        source: std::io::Error,
    },
    /// The disk is full.
    #[error("the disk of {path} is full", path = path.display())]
    Full {
        /// The store.
        path: PathBuf,
    },
    /// A name that could mean several images.
    #[error("`{name}` is the beginning of more than one image's id")]
    Ambiguous {
        /// As it was asked for.
        name: String,
    },
    /// No such image.
    #[error("there is no image `{name}` here")]
    NoSuchImage {
        /// As it was asked for.
        name: String,
    },
    /// The image cannot be removed as it stands.
    #[error("the image {name} is in use: {why}")]
    InUse {
        /// Which.
        name: String,
        /// By what.
        why: String,
    },
    /// A file operation failed.
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
    /// The index of images.
    #[error("could not {step}")]
    Database {
        /// In words.
        step: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
}

impl Error {
    pub(crate) fn io(step: &'static str, path: &Path, source: std::io::Error) -> Self {
        if matches!(source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded) {
            return Self::Full { path: path.to_owned() };
        }
        Self::Io { step, path: path.to_owned(), source }
    }

    pub(crate) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused { what: what.into() }
    }
}

/// Names the step that a database error belongs to.
pub(crate) trait Told<T> {
    fn told(self, step: &'static str) -> Result<T>;
}

impl<T> Told<T> for std::result::Result<T, rusqlite::Error> {
    fn told(self, step: &'static str) -> Result<T> {
        self.map_err(|source| Error::Database { step, source })
    }
}
