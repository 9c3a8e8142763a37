// SPDX-License-Identifier: Apache-2.0
//! Directories beneath the target, found without following a link.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kernel::root::{Links, open_in};
use kernel::rustix::fs::{Mode, OFlags};
use kernel::{Errno, Root, rustix};

use super::{Error, remove};

/// The target and the directory used last: archives list files by directory.
pub(super) struct Places<'a> {
    root: &'a Root,
    last: Option<(Vec<u8>, OwnedFd)>,
}

impl<'a> Places<'a> {
    pub(super) fn new(root: &'a Root) -> Self {
        Self { root, last: None }
    }

    /// The directory of these parts; missing ones are made with mode 0755.
    pub(super) fn open(&mut self, parts: &[&[u8]]) -> Result<&OwnedFd, Error> {
        let name = parts.join(&b'/');
        let known = self.last.as_ref().is_some_and(|(last, _)| *last == name);
        if !known {
            let fd = match self.open_existing(parts) {
                Err(Error::Step { errno: Errno::NOENT, .. }) => self.make(parts)?,
                other => other?,
            };
            self.last = Some((name, fd));
        }
        match &self.last {
            Some((_, fd)) => Ok(fd),
            None => Err(Error::rule("its directory is gone")),
        }
    }

    /// The directory of these parts, which must be there.
    pub(super) fn open_existing(&self, parts: &[&[u8]]) -> Result<OwnedFd, Error> {
        self.open_with(parts, OFlags::PATH | OFlags::DIRECTORY)
    }

    /// The same, opened for reading, so that attributes can be set on it; made when it is missing.
    pub(super) fn open_readable(&mut self, parts: &[&[u8]]) -> Result<OwnedFd, Error> {
        self.open(parts)?;
        self.open_existing_readable(parts)
    }

    /// The same, opened for reading.
    pub(super) fn open_existing_readable(&self, parts: &[&[u8]]) -> Result<OwnedFd, Error> {
        self.open_with(parts, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    fn open_with(&self, parts: &[&[u8]], flags: OFlags) -> Result<OwnedFd, Error> {
        let name = if parts.is_empty() { b".".to_vec() } else { parts.join(&b'/') };
        let path = Path::new(OsStr::from_bytes(&name));
        open_in(self.root.as_fd(), path, flags, Mode::empty(), Links::Refuse).map_err(|error| {
            match error.errno {
                Errno::LOOP | Errno::NOTDIR => Error::rule("a directory on its way is a link or a file"),
                errno => Error::call("open its directory", errno),
            }
        })
    }

    fn make(&self, parts: &[&[u8]]) -> Result<OwnedFd, Error> {
        for length in 1..=parts.len() {
            let parent = self.open_existing(&parts[..length - 1])?;
            match rustix::fs::mkdirat(
                &parent,
                OsStr::from_bytes(parts[length - 1]),
                Mode::from_raw_mode(0o755),
            ) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(Error::call("make its directory", errno)),
            }
        }
        self.open_existing(parts)
    }

    /// Removes what has this name, a whole directory if it is one.
    pub(super) fn clear(&mut self, parts: &[&[u8]], file: &[u8]) -> Result<(), Error> {
        let place = self.open_existing(parts)?;
        remove::remove_tree(place.as_fd(), OsStr::from_bytes(file))
            .map_err(|error| Error::call("replace what was there", error.errno))?;
        // A descriptor of a removed directory would take files that nobody sees.
        self.last = None;
        Ok(())
    }
}
