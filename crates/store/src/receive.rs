// SPDX-License-Identifier: Apache-2.0
//! Entries of an archive, one by one, into a directory with files in it: for copies in and out of
//! containers. Layers have stricter rules, see [`crate::unpack`].
//!
//! A file that is there is replaced by a new one and never written through, so a link in its place leads
//! nowhere. Each parent is one openat2(2) beneath the root, whatever becomes of its parts meanwhile.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kernel::root::{Links, open_in};
use kernel::rustix::fs::{
    self as fs, AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use kernel::{Errno, Root};

use crate::acl::{self, Acl};
use crate::tar::{Entry, Kind, quoted};
use crate::unpack::NEW_FILE;

/// Where entries go, and as what.
#[derive(Debug)]
pub struct Receiver<'a> {
    target: Target<'a>,
    owners: Owners,
    set_ids: SetIds,
    /// Those that were made here; what they are like goes on in the end, since it may forbid what lies below.
    directories: BTreeMap<Vec<u8>, Entry>,
    /// Bytes of the files so far.
    pub bytes: u64,
    /// Devices, and on the host fifos, which are left out.
    pub left_out: Vec<Vec<u8>>,
    /// Files whose access control list was left out: it names somebody who has no number here, or the file
    /// becomes somebody else's, or the file system knows none.
    pub without_acl: Vec<Vec<u8>>,
}

/// A directory.
#[derive(Debug)]
pub struct Target<'a> {
    /// What cannot be left.
    pub root: &'a Root,
    /// The directory in it.
    pub directory: PathBuf,
    /// Whether links on the way are followed inside the root. Outside of containers they never are.
    pub links: Links,
}

/// Whose the files become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// The caller's.
    Caller,
    /// One owner's.
    One(u32),
    /// The archive's, counted from the first of so many ids.
    Kept {
        /// The first.
        first: u32,
        /// How many.
        count: u32,
    },
}

/// What becomes of set-user-id and set-group-id bits, and of fifos with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SetIds {
    Kept,
    Dropped,
}

impl<'a> Receiver<'a> {
    /// Puts entries into `target`.
    pub fn new(target: Target<'a>, owners: Owners, set_ids: SetIds) -> Self {
        let (directories, left_out, without_acl) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { target, owners, set_ids, directories, bytes: 0, left_out, without_acl }
    }

    /// Makes the file of `entry`.
    ///
    /// # Errors
    /// A name that leaves the directory, a file in the place of a directory or the other way round, and
    /// what keeps the file from being made; all name it.
    pub fn take(&mut self, entry: &Entry, data: &mut dyn Read) -> io::Result<()> {
        self.make(entry, data)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", quoted(&entry.path))))
    }

    /// Gives the directories their owners, modes and times.
    pub fn finish(&mut self) -> io::Result<()> {
        for (path, entry) in std::mem::take(&mut self.directories).iter().rev() {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
            let place = Path::new(OsStr::from_bytes(path));
            let (parent, name) = (self.parent(place)?, place.file_name().unwrap_or(OsStr::new(".")));
            let directory = open_in(parent.as_fd(), Path::new(name), flags, Mode::empty(), Links::Refuse);
            self.dress(&directory.map_err(|error| error.errno)?, entry)?;
        }
        Ok(())
    }

    fn make(&mut self, entry: &Entry, data: &mut dyn Read) -> io::Result<()> {
        let Some(path) = clean(&entry.path)? else { return Ok(()) };
        let place = Path::new(OsStr::from_bytes(&path));
        let parent = self.parent(place)?;
        let name = place.file_name().ok_or_else(|| refused("it has no name"))?;
        match entry.kind {
            Kind::Directory => return self.directory(&parent, name, path.clone(), entry),
            Kind::CharDevice | Kind::BlockDevice => {
                self.left_out.push(entry.path.clone());
                return Ok(());
            }
            Kind::Fifo if self.set_ids == SetIds::Dropped => {
                self.left_out.push(entry.path.clone());
                return Ok(());
            }
            _ => {}
        }
        match fs::unlinkat(&parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ISDIR) => return Err(refused("cannot overwrite a directory with a file")),
            Err(errno) => return Err(errno.into()),
        }
        match entry.kind {
            Kind::SymLink => {
                fs::symlinkat(OsStr::from_bytes(&entry.link), &parent, name)?;
                self.dress_name(&parent, name, entry)
            }
            Kind::HardLink => self.link(&parent, name, entry),
            Kind::Fifo => {
                fs::mknodat(&parent, name, FileType::Fifo, Mode::from_raw_mode(entry.mode & 0o777), 0)?;
                self.dress_name(&parent, name, entry)
            }
            _ => self.file(&parent, name, entry, data),
        }
    }

    fn file(&mut self, parent: &OwnedFd, name: &OsStr, entry: &Entry, data: &mut dyn Read) -> io::Result<()> {
        if entry.sparse.is_some() {
            return Err(refused("a file with holes is not taken here; make the archive without --sparse"));
        }
        let mut file = File::from(fs::openat(parent, name, NEW_FILE, Mode::from_raw_mode(0o600))?);
        let copied = io::copy(&mut data.take(entry.size), &mut file)?;
        if copied != entry.size {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was read"));
        }
        self.bytes += copied;
        self.dress(&OwnedFd::from(file), entry)
    }

    fn directory(&mut self, parent: &OwnedFd, name: &OsStr, path: Vec<u8>, entry: &Entry) -> io::Result<()> {
        match fs::mkdirat(parent, name, Mode::from_raw_mode(0o700)) {
            Ok(()) => {
                self.directories.insert(path, entry.clone());
                Ok(())
            }
            Err(Errno::EXIST) => {
                let stat = fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
                let stat = match FileType::from_raw_mode(stat.st_mode) {
                    // As in a container whose /lib is a link to usr/lib.
                    FileType::Symlink if self.target.links == Links::InRoot => {
                        fs::fstat(self.open(Path::new(OsStr::from_bytes(&path)))?)?
                    }
                    _ => stat,
                };
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Directory => Ok(()),
                    _ => Err(refused("cannot overwrite a file with a directory")),
                }
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// A link to a file that came before it.
    fn link(&self, parent: &OwnedFd, name: &OsStr, entry: &Entry) -> io::Result<()> {
        let target = clean(&entry.link)?.ok_or_else(|| refused("it links to a directory"))?;
        let target = Path::new(OsStr::from_bytes(&target));
        let (from, file) = (self.parent(target)?, target.file_name().unwrap_or(OsStr::new(".")));
        Ok(fs::linkat(&from, file, parent, name, AtFlags::empty())?)
    }

    fn parent(&self, path: &Path) -> io::Result<OwnedFd> {
        self.open(path.parent().unwrap_or(Path::new("")))
    }

    fn open(&self, path: &Path) -> io::Result<OwnedFd> {
        let path = self.target.directory.join(path);
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { &path };
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let opened = self.target.root.open_at(path, flags, Mode::empty(), self.target.links);
        Ok(opened.map_err(|error| error.errno)?)
    }

    /// Owner, attributes, mode, time: giving a file away clears set-id bits.
    fn dress(&mut self, file: &OwnedFd, entry: &Entry) -> io::Result<()> {
        if let Some((user, group)) = self.owner(entry)? {
            fs::fchown(file, Some(user), Some(group))?;
        }
        let mut mode = entry.mode;
        for (name, value) in entry.xattrs.iter().filter(|(name, _)| acl::is_acl(name)) {
            let list = Acl::parse(value);
            if !self.list(file, name, list.as_ref())? {
                if name == acl::ACCESS {
                    mode = mode & !0o070 | list.map_or(0, |list| list.group()) << 3;
                }
                self.without_acl.push(entry.path.clone());
            }
        }
        for (name, value) in entry.xattrs.iter().filter(|(name, _)| is_harmless(name)) {
            fs::fsetxattr(file, OsStr::from_bytes(name), value, XattrFlags::empty())?;
        }
        let mask = match self.set_ids {
            SetIds::Kept => 0o7777,
            SetIds::Dropped => 0o1777,
        };
        fs::fchmod(file, Mode::from_raw_mode(mode & mask))?;
        Ok(fs::futimens(file, &times(entry))?)
    }

    /// Gives the file an access control list, and says whether it could.
    fn list(&self, file: &OwnedFd, name: &[u8], list: Option<&Acl>) -> io::Result<bool> {
        let Owners::Kept { first, count } = self.owners else { return Ok(false) };
        let number = |id: u32| (id < count).then(|| first.checked_add(id)).flatten();
        let Some(list) = list.and_then(|list| list.numbered(number)) else { return Ok(false) };
        match fs::fsetxattr(file, OsStr::from_bytes(name), &list.value(), XattrFlags::empty()) {
            Ok(()) => Ok(true),
            // No such lists on this file system, or none like this.
            Err(Errno::OPNOTSUPP | Errno::INVAL) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn dress_name(&self, parent: &OwnedFd, name: &OsStr, entry: &Entry) -> io::Result<()> {
        if let Some((user, group)) = self.owner(entry)? {
            fs::chownat(parent, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)?;
        }
        Ok(fs::utimensat(parent, name, &times(entry), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn owner(&self, entry: &Entry) -> io::Result<Option<(Uid, Gid)>> {
        let (user, group) = match self.owners {
            Owners::Caller => return Ok(None),
            Owners::One(owner) => (owner, owner),
            Owners::Kept { first, count } => {
                let id = |id: u32| (id < count).then(|| first.checked_add(id)).flatten();
                id(entry.uid).zip(id(entry.gid)).ok_or_else(|| {
                    refused(&format!(
                        "its owner {}:{} lies outside the container's ids",
                        entry.uid, entry.gid
                    ))
                })?
            }
        };
        Ok(Some((Uid::from_raw(user), Gid::from_raw(group))))
    }
}

/// A name from an archive without what means nothing; none for the directory itself.
fn clean(path: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let parts: Vec<&[u8]> =
        path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    if parts.contains(&&b".."[..]) {
        return Err(refused("its name leads upwards"));
    }
    Ok((!parts.is_empty()).then(|| parts.join(&b'/')))
}

/// overlayfs would take its own marks for more than data.
fn is_harmless(name: &[u8]) -> bool {
    name.starts_with(b"user.") && !name.starts_with(b"user.overlay.")
}

fn times(entry: &Entry) -> Timestamps {
    let time = Timespec { tv_sec: entry.mtime.0.clamp(OLDEST, NEWEST), tv_nsec: entry.mtime.1.into() };
    Timestamps { last_access: time, last_modification: time }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.to_owned())
}

/// What ext4 can hold (1901 to 2446).
const OLDEST: i64 = -(1 << 31);
const NEWEST: i64 = (1 << 34) - 1;
