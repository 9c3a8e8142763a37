// SPDX-License-Identifier: Apache-2.0
//! How many bytes the files of a directory have, as Docker counts: contents only, each file once whatever
//! names it has. The tree may be a running container's: it is walked by descriptor, following no link, and
//! what goes meanwhile does not count.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kernel::Errno;
use kernel::root::{Links, open_in};
use kernel::rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
use store::pack::names;

/// Bytes of the files below `path`, which is one of ours; nothing when it is not there.
pub(crate) fn weigh(path: &Path) -> io::Result<u64> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(CWD, path, flags, Mode::empty()) {
        Ok(top) => below(&top, &mut HashSet::new(), 0),
        Err(Errno::NOENT) => Ok(0),
        Err(errno) => Err(errno.into()),
    }
}

fn below(directory: &OwnedFd, seen: &mut HashSet<(u64, u64)>, depth: usize) -> io::Result<u64> {
    if depth > DEEPEST {
        return Err(io::Error::other(format!("a file lies below {DEEPEST} directories")));
    }
    let mut bytes = 0;
    for name in names(directory.as_fd())? {
        let name = OsStr::from_bytes(&name);
        let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(errno.into()),
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile if stat.st_nlink == 1 || seen.insert((stat.st_dev, stat.st_ino)) => {
                bytes += u64::try_from(stat.st_size).unwrap_or(0);
            }
            FileType::Directory => {
                if let Some(inner) = open(directory.as_fd(), name)? {
                    bytes += below(&inner, seen, depth + 1)?;
                }
            }
            _ => {}
        }
    }
    Ok(bytes)
}

fn open(directory: BorrowedFd<'_>, name: &OsStr) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    match open_in(directory, Path::new(name), flags, Mode::empty(), Links::Refuse) {
        Ok(inner) => Ok(Some(inner)),
        // Another file by now.
        Err(error) if matches!(error.errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(error.errno.into()),
    }
}

/// Each level holds a descriptor.
const DEEPEST: usize = 400;
