// SPDX-License-Identifier: Apache-2.0
//! What commands and a container's monitor say to each other, over a socket in the container's directory that
//! keeps messages apart. Whoever may open the directory may speak; nobody else comes that far.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use kernel::Errno;
use kernel::rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use serde::{Deserialize, Serialize};

use super::log::Stream;
use crate::error::{Context, Error, Result};
use crate::request::ExecRequest;

/// From a command.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ask {
    /// To be told how it ends.
    Wait,
    /// The streams of the first process, from now on.
    Attach(Vec<Which>),
    /// A signal for the first process.
    Signal(i32),
    /// The same, and no restart when it ends.
    Stop(i32),
    /// Another program beside the first.
    Exec(Box<ExecRequest>, Vec<Which>),
    /// A new size for the container's terminal: rows, columns. It has no answer.
    Resize(u16, u16),
}

/// A standard stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Which {
    /// Into the container.
    Input,
    /// Out of it.
    Output,
    /// Out of it.
    Errors,
}

impl Which {
    /// As a descriptor.
    pub(crate) fn number(self) -> usize {
        match self {
            Self::Input => 0,
            Self::Output => 1,
            Self::Errors => 2,
        }
    }

    pub(crate) fn of(stream: Stream) -> Self {
        match stream {
            Stream::Stdout => Self::Output,
            Stream::Stderr => Self::Errors,
        }
    }
}

/// From the monitor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It is done.
    Done,
    /// The other end of a stream comes along.
    Stream(Which),
    /// All streams are there, and what is read from them is a terminal's.
    Begun(Terminal),
    /// How the program ended.
    Exited(i32),
    /// It did not work, with Docker's exit code for it.
    Failed(String, u8),
}

/// What a program's streams are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Terminal {
    /// One terminal.
    Yes,
    /// Pipes.
    No,
}

/// Sends one message.
pub(crate) fn say<T: Serialize>(
    socket: BorrowedFd<'_>,
    message: &T,
    fd: Option<BorrowedFd<'_>>,
) -> Result<()> {
    let text = serde_json::to_vec(message).map_err(|error| invalid(&error))?;
    kernel::socket::send(socket, &text, fd).told("speak to the other side of the container's socket")
}

/// The next message; nothing at the end.
pub(crate) fn hear<T: for<'a> Deserialize<'a>>(
    socket: BorrowedFd<'_>,
) -> Result<Option<(T, Option<OwnedFd>)>> {
    let mut buffer = vec![0; LONGEST];
    let step = "hear from the other side of the container's socket";
    let (length, fd) = kernel::socket::receive(socket, &mut buffer).told(step)?;
    if length == 0 {
        return Ok(None);
    }
    let message = serde_json::from_slice(&buffer[..length]).map_err(|error| invalid(&error))?;
    Ok(Some((message, fd)))
}

fn invalid(error: &serde_json::Error) -> Error {
    Error::Invalid { what: "a message on the container's socket".into(), reason: error.to_string() }
}

/// A socket in `directory` that commands come to.
pub(crate) fn listen(directory: &Path) -> Result<OwnedFd> {
    let step = "open the container's socket";
    let (name, _directory) = name(directory, step)?;
    match std::fs::remove_file(directory.join(SOCKET)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).told(step),
        _ => {}
    }
    let socket = socket(step, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    kernel::rustix::net::bind(&socket, &name).told(step)?;
    kernel::rustix::net::listen(&socket, BACKLOG).told(step)?;
    Ok(socket)
}

/// The monitor of the container in `directory`; nothing when none listens.
pub(crate) fn call(directory: &Path) -> Result<Option<OwnedFd>> {
    let step = "reach the container's monitor";
    let (name, _directory) = match self::name(directory, step) {
        Err(Error::Step { source, .. }) if source.errno == Errno::NOENT => return Ok(None),
        other => other?,
    };
    let socket = socket(step, SocketFlags::CLOEXEC)?;
    match kernel::rustix::net::connect(&socket, &name) {
        Ok(()) => Ok(Some(socket)),
        Err(Errno::NOENT | Errno::CONNREFUSED) => Ok(None),
        Err(errno) => Err(errno).told(step),
    }
}

fn socket(step: &str, flags: SocketFlags) -> Result<OwnedFd> {
    kernel::rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).told(step)
}

/// By descriptor, since a state root's path may be longer than a socket's name (unix(7)).
fn name(directory: &Path, step: &str) -> Result<(SocketAddrUnix, OwnedFd)> {
    use kernel::rustix::fs::{Mode, OFlags, open};
    use std::os::fd::AsRawFd;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = open(directory, flags, Mode::empty()).told(step)?;
    let name = format!("/proc/self/fd/{}/{SOCKET}", directory.as_fd().as_raw_fd());
    Ok((SocketAddrUnix::new(name.as_str()).told(step)?, directory))
}

const SOCKET: &str = "monitor";
/// Commands that may wait at once.
const BACKLOG: i32 = 128;
/// A message is at most this long.
const LONGEST: usize = 256 << 10;
