// SPDX-License-Identifier: Apache-2.0
//! What the two halves of a launch say to each other, over a socket that keeps messages apart.
//!
//! The parent speaks three times: "your ids are mapped", then the root file system's descriptor, then
//! "devices are guarded". The child sends its terminal, its filter's listener, its time stamps; then either an error, or
//! nothing: the socket closes at exec, and that is the good news.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result, Step};

/// From the child.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The master side of its terminal comes along.
    Terminal,
    /// The descriptor on which its filter asks comes along.
    Listener,
    /// A process that enters a running container has this number; a descriptor of it comes along.
    Entering(i32),
    /// Nanoseconds of CLOCK_MONOTONIC at the end of each step.
    Times(Vec<(String, u64)>),
    /// It did not work; the child is gone after this.
    Failed(Failure),
}

/// An [`Error`] in a form that can be sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Failure {
    NotFound { program: String },
    NotExecutable { program: String, reason: String },
    NoSuchUser { group: bool, name: String },
    Workdir { path: String, reason: String },
    Refused { what: String, reason: String },
    Step { step: String, cause: String },
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::ProgramNotFound { program } => Self::NotFound { program },
            Error::NotExecutable { program, reason } => Self::NotExecutable { program, reason },
            Error::NoSuchUser { what, name } => Self::NoSuchUser { group: what == "group", name },
            Error::Workdir { path, reason } => Self::Workdir { path: path.display().to_string(), reason },
            Error::Refused { what, reason } => Self::Refused { what, reason },
            Error::Step { step, source } => Self::Step { step, cause: source.to_string() },
            other => Self::Step { step: "start the container".into(), cause: other.to_string() },
        }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::NotFound { program } => Self::ProgramNotFound { program },
            Failure::NotExecutable { program, reason } => Self::NotExecutable { program, reason },
            Failure::NoSuchUser { group, name } => {
                Self::NoSuchUser { what: if group { "group" } else { "user" }, name }
            }
            Failure::Workdir { path, reason } => Self::Workdir { path: path.into(), reason },
            Failure::Refused { what, reason } => Self::Refused { what, reason },
            Failure::Step { step, cause } => Self::Child { step, cause },
        }
    }
}

/// Sends one report.
pub(crate) fn report(socket: BorrowedFd<'_>, report: &Report, fd: Option<BorrowedFd<'_>>) -> Result<()> {
    let text = serde_json::to_vec(report).map_err(|error| Error::Refused {
        what: "a report of the child".into(),
        reason: error.to_string(),
    })?;
    kernel::socket::send(socket, &text, fd).step(|| "report to the launching process")
}

/// The next report, or nothing when the child has closed its end.
pub(crate) fn hear(socket: BorrowedFd<'_>) -> Result<Option<(Report, Option<OwnedFd>)>> {
    let mut buffer = vec![0; LONGEST];
    let (length, fd) = kernel::socket::receive(socket, &mut buffer).step(|| "hear from the new process")?;
    if length == 0 {
        return Ok(None);
    }
    Ok(Some((parse(&buffer[..length])?, fd)))
}

/// Whether these bytes are a report, for the fuzzer.
pub fn is_report(bytes: &[u8]) -> bool {
    parse(bytes).is_ok()
}

fn parse(bytes: &[u8]) -> Result<Report> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::Died { how: format!("its report made no sense: {error}") })
}

/// Tells the child that it may go on, handing it `fd`.
pub(crate) fn go_on(socket: BorrowedFd<'_>, fd: Option<BorrowedFd<'_>>) -> Result<()> {
    kernel::socket::send(socket, b"go", fd).step(|| "tell the new process to go on")
}

/// Waits for [`go_on`]. The parent's death is an error.
pub(crate) fn wait(socket: BorrowedFd<'_>) -> Result<Option<OwnedFd>> {
    let mut buffer = [0; 8];
    match kernel::socket::receive(socket.as_fd(), &mut buffer).step(|| "wait for the launching process")? {
        (0, _) => Err(Error::Died { how: "the launching process is gone".into() }),
        (_, fd) => Ok(fd),
    }
}

/// A report is at most this long; time stamps are the longest.
const LONGEST: usize = 32 << 10;
