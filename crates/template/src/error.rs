// SPDX-License-Identifier: Apache-2.0
//! What can be wrong with a template, in the form of Go's text/template, which scripts know. A template
//! of the command line has no name, so none stands between the colons.

/// Why a template says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("template: :{line}: {reason}")]
    Syntax {
        /// Counted from 1.
        line: usize,
        /// In Go's words.
        reason: String,
    },
    /// It cannot be applied to this value.
    #[error("template: :{line}:{byte}: executing \"\" at <{part}>: {reason}")]
    Execution {
        /// Counted from 1.
        line: usize,
        /// In the line, from 0.
        byte: usize,
        /// The part of the template, cut when long.
        part: String,
        /// In Go's words.
        reason: String,
    },
}

impl Error {
    pub(crate) fn syntax(text: &str, at: usize, reason: impl Into<String>) -> Self {
        Self::Syntax { line: place(text, at).0, reason: reason.into() }
    }

    pub(crate) fn execution(text: &str, at: usize, part: &str, reason: impl Into<String>) -> Self {
        let (line, byte) = place(text, at);
        let part = match part.char_indices().nth(SHOWN) {
            Some((end, _)) => format!("{}...", &part[..end]),
            None => part.to_owned(),
        };
        Self::Execution { line, byte, part, reason: reason.into() }
    }
}

/// Line from 1, byte in it from 0.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = &text.as_bytes()[..at.min(text.len())];
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    (lines + 1, before.len() - start)
}

/// As Go cuts it.
const SHOWN: usize = 20;
