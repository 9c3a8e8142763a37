// SPDX-License-Identifier: Apache-2.0
//! Why a container did not start.

use std::path::PathBuf;

/// The result of every function of this crate that does something.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a container did not start. A variant exists because a caller acts differently: 126 and 127
/// are exit codes, the rest is 125.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such program in the image (exit code 127).
    #[error("`{program}` was not found in the container's PATH")]
    ProgramNotFound {
        /// As it was asked for.
        program: String,
    },
    /// The program is there and cannot be run (exit code 126).
    #[error("`{program}` cannot be executed: {reason}")]
    NotExecutable {
        /// As it was asked for.
        program: String,
        /// In words.
        reason: String,
    },
    /// The user or group does not exist in the image.
    #[error("{what} `{name}` does not exist in the image")]
    NoSuchUser {
        /// `user` or `group`.
        what: &'static str,
        /// As it was asked for.
        name: String,
    },
    /// The working directory cannot be entered (exit code 126, as with Docker).
    #[error("the working directory `{path}` cannot be used: {reason}")]
    Workdir {
        /// As it was asked for.
        path: PathBuf,
        /// In words.
        reason: String,
    },
    /// A bind source or device of the host is not there.
    #[error("{what} `{path}` does not exist on the host")]
    SourceMissing {
        /// `mount source` or `device`.
        what: &'static str,
        /// On the host.
        path: PathBuf,
    },
    /// A value that was asked for cannot be applied.
    #[error("{what}: {reason}")]
    Refused {
        /// The flag or setting, as a person knows it.
        what: String,
        /// Why not.
        reason: String,
    },
    /// A step failed; nothing is left half confined.
    #[error("could not {step}")]
    Step {
        /// In words, completing "could not ...".
        step: String,
        /// The call that failed.
        #[source]
        source: kernel::Error,
    },
    /// The same, told by the child half across the socket.
    #[error("could not {step}: {cause}")]
    Child {
        /// In words, completing "could not ...".
        step: String,
        /// What failed.
        cause: String,
    },
    /// The child half ended without a word.
    #[error("the process ended before it could start its program ({how})")]
    Died {
        /// Its exit status, or what is known.
        how: String,
    },
    /// Cgroups.
    #[error(transparent)]
    Cgroup(#[from] crate::cgroup::Error),
    /// The container's view of its limits.
    #[error(transparent)]
    View(#[from] crate::view::Error),
}

impl Error {
    /// What to do about it, when we know.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Cgroup(error) => error.hint(),
            _ => None,
        }
    }

    /// The exit code that Docker gives for this failure.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::ProgramNotFound { .. } => 127,
            Self::NotExecutable { .. } | Self::Workdir { .. } => 126,
            _ => 125,
        }
    }
}

/// Names the step that a failed system call belongs to.
pub(crate) trait Step<T> {
    /// `step` completes the sentence "could not ...".
    fn step<S: Into<String>>(self, step: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Step<T> for kernel::Result<T> {
    fn step<S: Into<String>>(self, step: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|source| Error::Step { step: step().into(), source })
    }
}

impl<T> Step<T> for Result<T, kernel::Errno> {
    fn step<S: Into<String>>(self, step: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|errno| {
            let source = kernel::Error::new("system call", errno);
            Error::Step { step: step().into(), source }
        })
    }
}
