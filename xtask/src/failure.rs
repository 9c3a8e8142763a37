// SPDX-License-Identifier: Apache-2.0
//! What goes wrong in a developer command: one sentence and what caused it.

use std::fmt;

/// The result of every step here.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// A step that could not be done.
#[derive(Debug)]
pub(crate) struct Failure {
    sentence: String,
    cause: Option<Box<dyn std::error::Error>>,
}

impl Failure {
    /// A failure without a cause beneath it.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), cause: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence)?;
        if let Some(cause) = &self.cause {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// Says what was being done when something failed.
pub(crate) trait While<T> {
    /// `doing` reads after "cannot": "read the package list".
    fn cannot<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: std::error::Error + 'static> While<T> for std::result::Result<T, E> {
    fn cannot<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|error| Failure {
            sentence: format!("cannot {}", doing().into()),
            cause: Some(Box::new(error)),
        })
    }
}

impl<T> While<T> for Option<T> {
    fn cannot<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T> {
        self.ok_or_else(|| Failure::new(format!("cannot {}", doing().into())))
    }
}
