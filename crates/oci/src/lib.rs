// SPDX-License-Identifier: Apache-2.0
//! The vocabulary of images: digests, references, descriptors, manifests, configurations, names.
//!
//! Types here can only be made by their parsers, so whoever holds one holds a checked one. No I/O.
#![forbid(unsafe_code)]

pub mod config;
pub mod danger;
pub mod date;
pub mod descriptor;
pub mod digest;
pub mod json;
pub mod manifest;
pub mod name;
pub mod reference;
pub mod size;

pub use config::ImageConfig;
pub use danger::Danger;
pub use descriptor::Descriptor;
pub use digest::{Digest, Hasher};
pub use manifest::{Index, Manifest};
pub use reference::Reference;

/// Why a text is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A name, digest or reference breaks its grammar.
    #[error("`{text}` is not a valid {what}: {reason}")]
    Malformed {
        /// What it should have been.
        what: &'static str,
        /// What it was, cut short.
        text: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// A document breaks its specification.
    #[error("the {what} is not valid: {reason}")]
    Document {
        /// `manifest`, `index`, `image configuration`.
        what: &'static str,
        /// Which rule it breaks.
        reason: String,
    },
}

impl Error {
    pub(crate) fn malformed(what: &'static str, text: &str, reason: impl Into<String>) -> Self {
        Self::Malformed { what, text: shown(text), reason: reason.into() }
    }

    pub(crate) fn document(what: &'static str, reason: impl Into<String>) -> Self {
        Self::Document { what, reason: reason.into() }
    }
}

/// `text` as it may be printed: no control characters, not endless.
pub fn shown(text: &str) -> String {
    let short: String = text.chars().take(100).flat_map(char::escape_default).collect();
    if text.chars().count() > 100 { format!("{short}...") } else { short }
}
