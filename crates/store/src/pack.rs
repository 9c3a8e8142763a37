// SPDX-License-Identifier: Apache-2.0
//! A tree of files as entries of an archive, in the order of their names: the way back from
//! [`crate::unpack`].
//!
//! The tree may belong to a container that runs and is hostile. So each name is opened once, beneath
//! the directory that it was listed in and following no link; what kind of file it is is told by that
//! descriptor; and only a regular file is ever opened for reading, without waiting (CVE-2018-15664,
//! CVE-2024-9676).

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kernel::root::{Links, open_in};
use kernel::rustix::fs::{Dir, FileType, Mode, OFlags, Stat, fstat, fstatfs, readlinkat};
use kernel::{Errno, rustix};

use crate::acl::{self, Acl};
use crate::tar::{Entry, Kind, quoted};

/// Takes each entry and its data.
pub type Take<'a> = &'a mut dyn FnMut(&Entry, &mut dyn Read) -> io::Result<()>;

/// How to pack.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The first of the tree's ids and how many there are: the archive gets numbers from 0 on, and
    /// 65534, as a container sees them, for others.
    pub ids: (u32, u32),
    /// What the tree is.
    pub tree: Tree,
    /// Which extended attributes go along.
    pub attributes: Attributes,
}

/// What a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tree {
    /// Files as they are. Files of the kernel (proc, sysfs and the like) stay out.
    Plain,
    /// The writable layer of an overlay: its marks become whiteouts (image specification, layer.md).
    Upper,
}

/// Which extended attributes go along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attributes {
    /// Capabilities, access control lists and `user.*`.
    All,
    /// Access control lists and `user.*`, for files that leave or enter a container with their owners.
    Numbered,
    /// `user.*`, for files that become somebody else's.
    Harmless,
}

/// Packs what `name` is in `parent`, a directory with everything in it. The archive calls it `top`;
/// an empty `top` leaves it out and names what lies in it alone. The result are the files whose access control list is
/// not in the archive, because it is not to be or names somebody who has no number there.
///
/// # Errors
/// Those of `take`, and what keeps a file from being read, with its name.
pub fn pack(
    parent: BorrowedFd<'_>,
    name: &Path,
    top: &[u8],
    options: Options,
    take: Take<'_>,
) -> io::Result<Vec<Vec<u8>>> {
    let mut packer = Packer { options, take, links: HashMap::new(), without_acl: Vec::new() };
    let file = open(parent, name.as_os_str())?;
    packer.file(parent, name.as_os_str(), &file, top, 0)?;
    Ok(packer.without_acl)
}

struct Packer<'a> {
    options: Options,
    take: Take<'a>,
    /// The first name of each file that has several.
    links: HashMap<(u64, u64), Vec<u8>>,
    /// Files whose access control list was left out.
    without_acl: Vec<Vec<u8>>,
}

impl Packer<'_> {
    fn file(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &OsStr,
        file: &OwnedFd,
        path: &[u8],
        depth: usize,
    ) -> io::Result<()> {
        let stat = fstat(file)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if self.options.tree == Tree::Plain && depth > 0 && is_of_the_kernel(file.as_fd())? {
            return Ok(());
        }
        match kind {
            FileType::Directory => self.directory(file, &stat, path, depth),
            FileType::RegularFile => self.regular(parent, name, &stat, path),
            FileType::CharacterDevice if self.options.tree == Tree::Upper && stat.st_rdev == 0 => {
                let (directory, file) = split(path);
                let entry = self.entry([directory, b".wh.", file].concat(), Kind::File, &stat);
                (self.take)(&Entry { mode: 0o600, uid: 0, gid: 0, mtime: (0, 0), ..entry }, &mut io::empty())
            }
            // They mean nothing without the process that listens.
            FileType::Socket => Ok(()),
            _ => {
                let mut entry = self.entry(path.to_vec(), special(kind)?, &stat);
                if kind == FileType::Symlink {
                    entry.link = readlinkat(file, c"", Vec::new())?.into_bytes();
                } else if self.is_linked(&mut entry, &stat) {
                } else if kind != FileType::Fifo {
                    entry.device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
                }
                (self.take)(&entry, &mut io::empty())
            }
        }
    }

    fn directory(&mut self, file: &OwnedFd, stat: &Stat, path: &[u8], depth: usize) -> io::Result<()> {
        if depth >= DEEPEST {
            return Err(io::Error::other(format!("{} lies below {DEEPEST} directories", quoted(path))));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let opened =
            open_in(file.as_fd(), Path::new("."), flags, Mode::empty(), Links::Refuse).map_err(of(path))?;
        let attributes = self.attributes(opened.as_fd(), path)?;
        let opaque = attributes.opaque;
        if !path.is_empty() {
            let mut entry = self.entry([path, b"/"].concat(), Kind::Directory, stat);
            attributes.give(&mut entry);
            (self.take)(&entry, &mut io::empty())?;
        }
        let place = if path.is_empty() { Vec::new() } else { [path, b"/"].concat() };
        if opaque {
            let mut mark = self.entry([&place[..], b".wh..wh..opq"].concat(), Kind::File, stat);
            (mark.mode, mark.uid, mark.gid, mark.mtime) = (0o600, 0, 0, (0, 0));
            (self.take)(&mark, &mut io::empty())?;
        }
        for name in names(opened.as_fd()).map_err(|error| named(path, &error))? {
            let path = [&place[..], &name[..]].concat();
            let name = OsStr::from_bytes(&name);
            match open(opened.as_fd(), name) {
                Ok(file) => self.file(opened.as_fd(), name, &file, &path, depth + 1)?,
                // Gone since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(named(&path, &error)),
            }
        }
        Ok(())
    }

    /// The name is opened a second time, for reading: it must still be the same file.
    fn regular(&mut self, parent: BorrowedFd<'_>, name: &OsStr, stat: &Stat, path: &[u8]) -> io::Result<()> {
        let mut entry = self.entry(path.to_vec(), Kind::File, stat);
        if self.is_linked(&mut entry, stat) {
            return (self.take)(&entry, &mut io::empty());
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let opened =
            open_in(parent, Path::new(name), flags, Mode::empty(), Links::Refuse).map_err(of(path))?;
        let now = fstat(&opened)?;
        if (now.st_dev, now.st_ino) != (stat.st_dev, stat.st_ino) {
            return Err(io::Error::other(format!("{} was replaced while it was read", quoted(path))));
        }
        self.attributes(opened.as_fd(), path)?.give(&mut entry);
        entry.size = u64::try_from(now.st_size).unwrap_or(0);
        (self.take)(&entry, &mut File::from(opened))
    }

    /// Whether the file was there under another name already; `entry` is then a link to that.
    fn is_linked(&mut self, entry: &mut Entry, stat: &Stat) -> bool {
        if stat.st_nlink < 2 {
            return false;
        }
        match self.links.get(&(stat.st_dev, stat.st_ino)) {
            Some(first) => {
                (entry.kind, entry.link) = (Kind::HardLink, first.clone());
                true
            }
            None => {
                self.links.insert((stat.st_dev, stat.st_ino), entry.path.clone());
                false
            }
        }
    }

    fn entry(&self, path: Vec<u8>, kind: Kind, stat: &Stat) -> Entry {
        Entry {
            path,
            kind,
            link: Vec::new(),
            mode: stat.st_mode & 0o7777,
            uid: self.inside(stat.st_uid),
            gid: self.inside(stat.st_gid),
            mtime: (stat.st_mtime, u32::try_from(stat.st_mtime_nsec).unwrap_or(0)),
            size: 0,
            device: (0, 0),
            xattrs: Vec::new(),
            sparse: None,
        }
    }

    fn inside(&self, id: u32) -> u32 {
        self.number(id).unwrap_or(NOBODY)
    }

    fn number(&self, id: u32) -> Option<u32> {
        let (first, count) = self.options.ids;
        id.checked_sub(first).filter(|inside| *inside < count)
    }

    fn attributes(&mut self, file: BorrowedFd<'_>, path: &[u8]) -> io::Result<Found> {
        let mut found = Found::default();
        for name in attribute_names(file).map_err(|error| named(path, &error))? {
            if name.starts_with(b"trusted.overlay.") || name.starts_with(b"user.overlay.") {
                self.mark(&mut found, file, &name, path)?;
                continue;
            }
            if acl::is_acl(&name) {
                self.list(&mut found, file, name, path)?;
                continue;
            }
            let kept = name.starts_with(b"user.")
                || (name == b"security.capability" && self.options.attributes == Attributes::All);
            if kept {
                let value = attribute(file, &name).map_err(|error| named(path, &error))?;
                found.kept.push((name, value));
            }
        }
        for (name, value) in &mut found.kept {
            if name == b"security.capability" {
                forget_root(value, self.options.ids.0);
            }
        }
        found.kept.sort();
        Ok(found)
    }

    /// An access control list, by the archive's numbers.
    fn list(
        &mut self,
        found: &mut Found,
        file: BorrowedFd<'_>,
        name: Vec<u8>,
        path: &[u8],
    ) -> io::Result<()> {
        let list = Acl::parse(&attribute(file, &name).map_err(|error| named(path, &error))?);
        let numbered = match self.options.attributes {
            Attributes::Harmless => None,
            Attributes::All | Attributes::Numbered => {
                list.as_ref().and_then(|list| list.numbered(|id| self.number(id)))
            }
        };
        match numbered {
            Some(numbered) => found.kept.push((name, numbered.value())),
            None => {
                if name == acl::ACCESS {
                    found.group = Some(list.map_or(0, |list| list.group()));
                }
                self.without_acl.push(path.to_vec());
            }
        }
        Ok(())
    }

    /// overlayfs' own mark. One that says that the content is elsewhere makes the tree unreadable by itself.
    fn mark(&self, found: &mut Found, file: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> io::Result<()> {
        if self.options.tree != Tree::Upper {
            return Ok(());
        }
        if name.ends_with(b".redirect") || name.ends_with(b".metacopy") {
            return Err(io::Error::other(format!(
                "{} was moved by overlayfs and is not whole (its attribute {})",
                quoted(path),
                quoted(name)
            )));
        }
        found.opaque |= name.ends_with(b".opaque") && attribute(file, name)? == b"y";
        Ok(())
    }
}

/// Attributes of one file.
#[derive(Default)]
struct Found {
    kept: Vec<(Vec<u8>, Vec<u8>)>,
    opaque: bool,
    /// What the file's group may do, where a list said so that is left out.
    group: Option<u32>,
}

impl Found {
    fn give(self, entry: &mut Entry) {
        if let Some(group) = self.group {
            entry.mode = entry.mode & !0o070 | group << 3;
        }
        entry.xattrs = self.kept;
    }
}

fn open(parent: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW;
    Ok(open_in(parent, Path::new(name), flags, Mode::empty(), Links::Refuse).map_err(|error| error.errno)?)
}

/// What lies in a directory, sorted.
pub fn names(directory: BorrowedFd<'_>) -> io::Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether the kernel makes this file up as it is read: such files tell the caller what they would not
/// tell the container, and have no end that their size would tell (Docker's `cp` leaves them out, too).
pub fn is_of_the_kernel(file: BorrowedFd<'_>) -> io::Result<bool> {
    let kind = u64::try_from(fstatfs(file)?.f_type).unwrap_or(0);
    Ok(MADE_UP.contains(&kind))
}

fn special(kind: FileType) -> io::Result<Kind> {
    match kind {
        FileType::Symlink => Ok(Kind::SymLink),
        FileType::Fifo => Ok(Kind::Fifo),
        FileType::CharacterDevice => Ok(Kind::CharDevice),
        FileType::BlockDevice => Ok(Kind::BlockDevice),
        _ => Err(io::Error::other("the file system tells no kind of a file")),
    }
}

fn attribute_names(file: BorrowedFd<'_>) -> io::Result<Vec<Vec<u8>>> {
    let mut list = vec![0u8; 64 << 10];
    let length = match rustix::fs::flistxattr(file, &mut list) {
        Ok(length) => length,
        Err(Errno::OPNOTSUPP) => 0,
        Err(errno) => return Err(errno.into()),
    };
    Ok(list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect())
}

fn attribute(file: BorrowedFd<'_>, name: &[u8]) -> io::Result<Vec<u8>> {
    let mut value = vec![0u8; 64 << 10];
    let length = rustix::fs::fgetxattr(file, OsStr::from_bytes(name), &mut value)?;
    value.truncate(length);
    Ok(value)
}

/// Capabilities given inside a container name its root (`VFS_CAP_REVISION_3`, capabilities(7)); outside
/// of it that number means nothing.
fn forget_root(value: &mut Vec<u8>, root: u32) {
    let is_third = value.len() == 24 && value[3] == 3;
    if is_third && value[20..24] == root.to_le_bytes() {
        value[3] = 2;
        value.truncate(20);
    }
}

fn split(path: &[u8]) -> (&[u8], &[u8]) {
    path.split_at(path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1))
}

fn of(path: &[u8]) -> impl Fn(kernel::Error) -> io::Error + '_ {
    |error| named(path, &error.errno.into())
}

fn named(path: &[u8], error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", quoted(path)))
}

/// overflowuid, user_namespaces(7).
const NOBODY: u32 = 65_534;
/// Each level holds two descriptors.
const DEEPEST: usize = 400;
/// proc, sysfs, cgroup, cgroup2, devpts, mqueue, securityfs, debugfs, tracefs, bpf (statfs(2)).
const MADE_UP: [u64; 10] = [
    0x9fa0,
    0x6265_6572,
    0x0027_e0eb,
    0x6367_7270,
    0x1cd1,
    0x1980_0202,
    0x7363_6673,
    0x6462_6720,
    0x7472_6163,
    0xcafe_4a11,
];
