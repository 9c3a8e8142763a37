// SPDX-License-Identifier: Apache-2.0
//! Removing a tree without following a link and without recursion.

use std::ffi::{CString, OsStr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kernel::rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, openat, unlinkat};
use kernel::{Errno, Error};

/// Removes `name` in `parent` with everything below it; a name that is not there counts as removed.
///
/// # Errors
/// The first entry that cannot be removed, with the kernel's errno.
pub fn remove_tree(parent: BorrowedFd<'_>, name: &OsStr) -> Result<(), Error> {
    let failed = |what: &str, errno: Errno| Error::new(format!("{what}({})", name.display()), errno);
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(failed("unlinkat", errno)),
    }
    let Some(top) = still_there(open_directory(parent, name)).map_err(|errno| failed("openat", errno))?
    else {
        return Ok(());
    };
    let mut open = vec![Level { directory: top, name: CString::default() }];
    while let Some(level) = open.last() {
        let inner =
            still_there(first_directory(&level.directory)).map_err(|errno| failed("unlinkat", errno))?;
        match inner.flatten() {
            Some(inner) => {
                let directory = still_there(open_directory(level.directory.as_fd(), inner.as_c_str()))
                    .map_err(|errno| failed("openat", errno))?;
                open.extend(directory.map(|directory| Level { directory, name: inner }));
            }
            None => {
                let Some(emptied) = open.pop() else { break };
                let removed = match open.last() {
                    Some(above) => unlinkat(&above.directory, emptied.name.as_c_str(), AtFlags::REMOVEDIR),
                    None => unlinkat(parent, name, AtFlags::REMOVEDIR),
                };
                match removed {
                    Ok(()) | Err(Errno::NOENT) => {}
                    Err(errno) => return Err(failed("rmdir", errno)),
                }
            }
        }
    }
    Ok(())
}

/// Nothing where somebody else, who removes the same tree, came first.
fn still_there<T>(found: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

struct Level {
    directory: OwnedFd,
    name: CString,
}

fn open_directory(parent: impl AsFd, name: impl kernel::rustix::path::Arg) -> Result<OwnedFd, Errno> {
    openat(
        parent,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

/// Removes everything but directories, up to the first directory that is not empty.
fn first_directory(directory: &OwnedFd) -> Result<Option<CString>, Errno> {
    let mut buffer = Vec::with_capacity(16 << 10);
    loop {
        kernel::rustix::fs::seek(directory, kernel::rustix::fs::SeekFrom::Start(0))?;
        let mut removed = 0;
        let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let flags =
                if entry.file_type() == FileType::Directory { AtFlags::REMOVEDIR } else { AtFlags::empty() };
            match unlinkat(directory, name, flags) {
                Ok(()) | Err(Errno::NOENT) => removed += 1,
                Err(Errno::NOTEMPTY | Errno::ISDIR) => return Ok(Some(name.to_owned())),
                Err(errno) => return Err(errno),
            }
        }
        if removed == 0 {
            return Ok(None);
        }
    }
}
