// SPDX-License-Identifier: Apache-2.0
//! The caller's terminal: its mode and its size.

use std::os::fd::BorrowedFd;

use kernel::rustix::termios::{
    OptionalActions, Termios, Winsize, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize,
};

use super::Streams;
use crate::error::{Context, Result};

/// The caller's terminal in raw mode, put back when dropped.
#[derive(Debug)]
pub(crate) struct RawTerminal<'a> {
    fd: BorrowedFd<'a>,
    before: Option<Termios>,
}

impl<'a> RawTerminal<'a> {
    pub(crate) fn enter(fd: BorrowedFd<'a>) -> Result<Self> {
        let Ok(before) = tcgetattr(fd) else {
            // Input is no terminal (a test, a pipe): there is nothing to change.
            return Ok(Self { fd, before: None });
        };
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(fd, OptionalActions::Now, &raw).told("switch the terminal to raw mode")?;
        Ok(Self { fd, before: Some(before) })
    }
}

impl Drop for RawTerminal<'_> {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // At the end there is nobody left to tell.
            match tcsetattr(self.fd, OptionalActions::Now, before) {
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// The size of the terminal that the person sees, which is where the output goes if that is one.
pub(crate) fn window(streams: &Streams<'_>) -> Option<Winsize> {
    [Some(streams.output), streams.input].into_iter().flatten().find_map(|fd| tcgetwinsize(fd).ok())
}

/// Gives the container's terminal the size of the caller's. A caller without a size changes nothing.
pub(crate) fn follow_size(streams: &Streams<'_>, master: BorrowedFd<'_>) {
    if let Some(size) = window(streams) {
        // A terminal that has just closed has no size to keep.
        match tcsetwinsize(master, size) {
            Ok(()) | Err(_) => {}
        }
    }
}
