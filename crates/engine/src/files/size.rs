// SPDX-License-Identifier: Apache-2.0
//! How much a container wrote, as its writable layer has it.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kernel::root::{Links, open_in};
use kernel::rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, statat};
use kernel::{Errno, Root};
use runtime::rootfs::UPPER;
use store::pack::names;

use crate::records::Record;
use crate::{Engine, directory};

impl Engine {
    /// Bytes of the files that the container wrote: each once, however many names it has, holes and
    /// directories not counted.
    ///
    /// # Errors
    /// A directory that cannot be read, or directories that nest too deep.
    pub(crate) fn written(&self, record: &Record) -> std::io::Result<u64> {
        let path = directory::path(self.records.containers(), &record.id).join(UPPER);
        let upper = match Root::open(path) {
            Ok(upper) => upper,
            // Removed since it was listed, or on its way.
            Err(error) if error.errno == Errno::NOENT => return Ok(0),
            Err(error) => return Err(error.errno.into()),
        };
        let mut sum = Sum::default();
        sum.directory(upper.as_fd(), OsStr::new("."), 0)?;
        Ok(sum.bytes)
    }
}

#[derive(Default)]
struct Sum {
    bytes: u64,
    /// Files with several names.
    seen: HashSet<(u64, u64)>,
}

impl Sum {
    /// The container may be changing what is read: each directory is opened beneath the one before,
    /// and no link is followed.
    fn directory(&mut self, parent: BorrowedFd<'_>, name: &OsStr, depth: usize) -> std::io::Result<()> {
        if depth >= DEEPEST {
            return Err(std::io::Error::other(format!("a file lies below {DEEPEST} directories")));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let opened = match open_in(parent, Path::new(name), flags, Mode::empty(), Links::Refuse) {
            Ok(opened) => opened,
            // Gone, or something else by now.
            Err(error) if matches!(error.errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
            Err(error) => return Err(error.errno.into()),
        };
        for name in names(opened.as_fd())? {
            let name = OsStr::from_bytes(&name);
            let stat = match statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno.into()),
            };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => self.directory(opened.as_fd(), name, depth + 1)?,
                _ => self.file(&stat),
            }
        }
        Ok(())
    }

    fn file(&mut self, stat: &Stat) {
        if stat.st_nlink > 1 && !self.seen.insert((stat.st_dev, stat.st_ino)) {
            return;
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        // In units of 512 bytes, whatever the file system's block is (stat(2)). A short link has no block.
        let held = u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512);
        self.bytes +=
            if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink { size } else { size.min(held) };
    }
}

/// Each level holds a descriptor.
const DEEPEST: usize = 400;
