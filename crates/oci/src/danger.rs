// SPDX-License-Identifier: Apache-2.0
//! The only way to take a wall down, or to speak without encryption: by name, with a reason that stays
//! visible.

use serde::{Deserialize, Serialize};

/// Somebody asked for less protection than the default, in these words.
///
/// There is no `Default` and no conversion from `bool`: whoever makes one has to say what asked for
/// it, and that text is shown by `inspect` and `walls` for as long as the container exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Danger {
    reason: String,
}

impl Danger {
    /// `reason` is what asked for it, as a person would recognise it: `--privileged`.
    pub fn asked_by(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }

    /// What asked for it.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
