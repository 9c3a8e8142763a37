// SPDX-License-Identifier: Apache-2.0
//! A cgroup directory held by a descriptor, and the few things one does with its files.
//!
//! The path beside the descriptor is for messages only; nothing is looked up through it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use kernel::Errno;
use kernel::error::Context;
use kernel::rustix::fs::{self, Access, AtFlags, CWD, FileType, Mode, OFlags};

use super::error::{Error, Result};

/// An open cgroup directory.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
    path: PathBuf,
}

/// What became of a wish to have a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    Now,
    Before,
}

impl Directory {
    /// Opens a mount point.
    pub(super) fn open(path: &Path) -> kernel::Result<Self> {
        let fd = fs::openat(CWD, path, DIRECTORY, Mode::empty()).call(|| format!("open({})", path.display()))?;
        Ok(Self { fd, path: path.to_owned() })
    }

    /// Opens a directory below, which may be several steps down; an empty name is this one.
    pub(super) fn child(&self, name: impl AsRef<Path>) -> kernel::Result<Self> {
        let name = name.as_ref();
        let path = if name.as_os_str().is_empty() { self.path.clone() } else { self.path.join(name) };
        let name = if name.as_os_str().is_empty() { Path::new(".") } else { name };
        let fd = fs::openat(&self.fd, name, DIRECTORY, Mode::empty()).call(|| format!("open({})", path.display()))?;
        Ok(Self { fd, path })
    }

    /// Makes a directory below, of mode 0755.
    pub(super) fn make(&self, name: &str) -> kernel::Result<Made> {
        match fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => Ok(Made::Now),
            Err(Errno::EXIST) => Ok(Made::Before),
            Err(errno) => Err(kernel::Error::new(format!("mkdir({})", self.path.join(name).display()), errno)),
        }
    }

    /// Removes an empty cgroup below.
    pub(super) fn remove(&self, name: &str) -> kernel::Result<()> {
        fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR).call(|| format!("rmdir({})", self.path.join(name).display()))
    }

    /// The names of the cgroups below.
    pub(super) fn children(&self) -> kernel::Result<Vec<String>> {
        let told = || format!("readdir({})", self.path.display());
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.fd).call(told)? {
            let entry = entry.call(told)?;
            let name = entry.file_name().to_string_lossy();
            if entry.file_type() == FileType::Directory && name != "." && name != ".." {
                names.push(name.into_owned());
            }
        }
        Ok(names)
    }

    /// Opens one of the files.
    pub(super) fn file(&self, name: &str, access: OFlags) -> kernel::Result<OwnedFd> {
        fs::openat(&self.fd, name, access | OFlags::CLOEXEC | OFlags::NOFOLLOW, Mode::empty())
            .call(|| format!("open({})", self.path.join(name).display()))
    }

    /// The text of one of the files.
    pub(super) fn read(&self, name: &str) -> kernel::Result<String> {
        let file = std::fs::File::from(self.file(name, OFlags::RDONLY)?);
        std::io::read_to_string(file).call(|| format!("read({})", self.path.join(name).display()))
    }

    /// A number, or `None` for the word "max".
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>> {
        parse_number(&self.path.join(name), &self.read(name)?)
    }

    /// Writes `value` to one of the files in one write(2), which is how cgroup files take a value.
    pub(super) fn write(&self, name: &str, value: &str) -> kernel::Result<()> {
        let file = self.file(name, OFlags::WRONLY)?;
        write_whole(file.as_fd(), value).call(|| format!("write({}, {value})", self.path.join(name).display()))
    }

    /// Whether there is a file of this name. Only ENOENT means no.
    pub(super) fn has(&self, name: &str) -> kernel::Result<bool> {
        match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            // ENODEV is what a file of a removed cgroup answers.
            Err(Errno::NOENT | Errno::NODEV) => Ok(false),
            Err(errno) => Err(kernel::Error::new(format!("stat({})", self.path.join(name).display()), errno)),
        }
    }

    /// Whether the caller's effective user may write `name` here; the errno says why not.
    pub(super) fn may_write(&self, name: &str) -> Result<(), Errno> {
        fs::accessat(&self.fd, name, Access::WRITE_OK, AtFlags::EACCESS)
    }

    /// The processes here, as far as our pid namespace knows them (0 stands for one it does not).
    pub(super) fn processes(&self) -> Result<Vec<u32>> {
        let text = self.read("cgroup.procs")?;
        let parse = |line: &str| {
            line.parse().map_err(|_| Error::Unreadable { path: self.path.join("cgroup.procs"), text: line.to_owned() })
        };
        text.lines().map(parse).collect()
    }

    /// Where it is, for messages.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// One write(2) of the whole value.
pub(super) fn write_whole(file: BorrowedFd<'_>, value: &str) -> Result<(), Errno> {
    match kernel::rustix::io::write(file, value.as_bytes())? {
        length if length == value.len() => Ok(()),
        _ => Err(Errno::IO),
    }
}

/// A decimal number, or `None` for "max" and for what v1 shows in place of it.
pub(super) fn parse_number(path: &Path, text: &str) -> Result<Option<u64>> {
    match text.trim() {
        "max" | "-1" => Ok(None),
        digits => match digits.parse::<u64>() {
            Ok(number) => Ok((number < V1_UNLIMITED).then_some(number)),
            Err(_) => Err(Error::Unreadable { path: path.to_owned(), text: digits.to_owned() }),
        },
    }
}

/// v1 shows "no limit" as the largest multiple of the page size; pages have at most 64 KiB.
const V1_UNLIMITED: u64 = i64::MAX as u64 - 0xffff;

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
