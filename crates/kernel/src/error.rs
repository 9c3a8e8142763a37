// SPDX-License-Identifier: Apache-2.0
//! One system call that failed, told like a line of strace: operation, object, errno.

use std::fmt;

pub use rustix::io::Errno;

/// The result of every function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A system call that failed.
#[derive(Debug, thiserror::Error)]
#[error("{call}: {errno}", errno = Describe(*errno))]
pub struct Error {
    /// The call with its telling arguments, e.g. `openat2(etc/passwd)`.
    pub call: String,
    /// What the kernel answered.
    pub errno: Errno,
}

impl Error {
    /// An error for `call`, which the kernel answered with `errno`.
    pub fn new(call: impl Into<String>, errno: Errno) -> Self {
        Self { call: call.into(), errno }
    }
}

/// Adds the name of the call to a bare errno.
pub trait Context<T> {
    /// `call` is evaluated only when there is an error to tell.
    fn call<S: Into<String>>(self, call: impl FnOnce() -> S) -> Result<T>;
}

impl<T> Context<T> for std::result::Result<T, Errno> {
    fn call<S: Into<String>>(self, call: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|errno| Error::new(call(), errno))
    }
}

impl<T> Context<T> for std::io::Result<T> {
    fn call<S: Into<String>>(self, call: impl FnOnce() -> S) -> Result<T> {
        // An io::Error without an errno (for example `WriteZero`) never came from the kernel; EIO
        // is the nearest honest answer.
        self.map_err(|error| Error::new(call(), Errno::from_io_error(&error).unwrap_or(Errno::IO)))
    }
}

/// Prints an errno in the words of strerror(3), without the number that `std` appends.
#[derive(Debug)]
pub struct Describe(pub Errno);

impl fmt::Display for Describe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = std::io::Error::from_raw_os_error(self.0.raw_os_error()).to_string();
        f.write_str(text.split(" (os error").next().unwrap_or(&text))
    }
}
