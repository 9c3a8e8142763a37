// SPDX-License-Identifier: Apache-2.0
//! Whether a log has a writer.
//!
//! A FIFO beside the log is held open by the writer; who follows the log polls its other end. However
//! the writer ends, also by SIGKILL, the kernel closes its end and tells (poll(2), `POLLHUP`), after all
//! that it wrote.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use kernel::rustix::event::{PollFd, PollFlags, Timespec, poll};
use kernel::rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use kernel::rustix::io::Errno;

use crate::error::{Error, Result};

/// The writer's end. While it is open, the log has a writer.
#[derive(Debug)]
pub(crate) struct Alive {
    _end: File,
}

impl Alive {
    pub(crate) fn announce(place: &Path) -> Result<Self> {
        let path = place.join(NAME);
        match mkfifoat(CWD, &path, Mode::RUSR | Mode::WUSR) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(Error::io("make the log's FIFO", &path, errno.into())),
        }
        // Opened for both, it waits for nobody (fifo(7)).
        let end = open(&path, OpenOptions::new().read(true).write(true));
        Ok(Self { _end: end.map_err(|source| Error::io("open the log's FIFO", &path, source))? })
    }
}

/// A reader's end.
#[derive(Debug)]
pub(crate) struct Sign {
    end: Option<File>,
}

impl Sign {
    /// Without a FIFO there has never been a writer.
    pub(crate) fn look(place: &Path) -> Result<Self> {
        let path = place.join(NAME);
        match open(&path, OpenOptions::new().read(true)) {
            Ok(end) => Ok(Self { end: Some(end) }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self { end: None }),
            Err(error) => Err(Error::io("open the log's FIFO", &path, error)),
        }
    }

    /// Whether there is a writer now. A FIFO that has had none since it was opened is at its end;
    /// poll(2) alone would not tell.
    pub(crate) fn is_alive(&self) -> Result<bool> {
        let Some(end) = &self.end else { return Ok(false) };
        match kernel::rustix::io::read(end, &mut [0_u8; 1][..]) {
            Err(Errno::AGAIN) => {}
            // Nobody writes into it, so whatever this is, it is no sign of life.
            _ => return Ok(false),
        }
        let mut polled = [PollFd::new(end, PollFlags::IN)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match poll(&mut polled, Some(&now)) {
            Ok(_) => Ok(!polled[0].revents().contains(PollFlags::HUP)),
            Err(Errno::INTR) => Ok(true),
            Err(errno) => Err(Error::io("ask for the log's writer", Path::new(NAME), errno.into())),
        }
    }

    /// What hangs up when the writer ends.
    pub(crate) fn polled(&self) -> Option<BorrowedFd<'_>> {
        self.end.as_ref().map(AsFd::as_fd)
    }
}

fn open(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default()).open(path)?;
    if !file.metadata()?.file_type().is_fifo() {
        return Err(std::io::Error::new(ErrorKind::InvalidData, "it is no FIFO"));
    }
    Ok(file)
}

const NAME: &str = "log.alive";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alive_until_the_end_is_closed() {
        let place = tempfile::tempdir().unwrap();
        assert!(!Sign::look(place.path()).unwrap().is_alive().unwrap());
        let alive = Alive::announce(place.path()).unwrap();
        let sign = Sign::look(place.path()).unwrap();
        assert!(sign.is_alive().unwrap());
        drop(alive);
        assert!(!sign.is_alive().unwrap());
        // Its next writer is seen, also by who came before it.
        let early = Sign::look(place.path()).unwrap();
        assert!(!early.is_alive().unwrap());
        let _again = Alive::announce(place.path()).unwrap();
        assert!(early.is_alive().unwrap());
    }

    #[test]
    fn what_is_no_fifo_is_an_error() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join(NAME), "x").unwrap();
        assert!(Sign::look(place.path()).is_err());
        assert!(Alive::announce(place.path()).is_err());
    }
}
