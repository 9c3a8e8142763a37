// SPDX-License-Identifier: Apache-2.0
//! One layer's tar stream into an empty directory, through descriptors only.
//!
//! Unpacking is the most attacked code in any engine. The rules here are strict where readers disagree,
//! and structural where they matter: a parent directory is one openat2(2) beneath the target that
//! follows no link at all, a file is always new, and owner, mode and time go on the descriptor of what
//! was just made. So no name in an archive can reach, read or change anything outside.
//!
//! Whiteouts become what overlayfs wants: a character device 0:0, and an attribute for an opaque
//! directory. Neither can come from the archive itself.

mod error;
mod path;
mod place;
mod remove;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use kernel::rustix::fs::{AtFlags, Mode, OFlags, Timespec, Timestamps};
use kernel::{Errno, Root, rustix};

use crate::tar::{self, Entry, Kind, Reader};

pub use error::Error;
use path::{Name, Whiteout};
use place::Places;
pub use remove::remove_tree;

/// How to unpack.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose the files become.
    pub owners: Owners,
    /// Where overlayfs looks for its marks.
    pub marks: Marks,
    /// Bytes of all files together, holes counted.
    pub most_bytes: u64,
    /// Entries.
    pub most_entries: u64,
}

/// Whose the files become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owners {
    /// As the archive says.
    Kept,
    /// The caller's, who may not give files away (a single mapped id).
    Caller,
}

/// Which attributes overlayfs reads its marks from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// `trusted.overlay.*`.
    Trusted,
    /// `user.overlay.*`, for mounts made in a user namespace.
    User,
}

/// What was unpacked.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of all files, holes not counted.
    pub bytes: u64,
    /// Files with a set-user-id or set-group-id bit.
    pub setuid: u64,
    /// Attributes that were left out because a layer has no business setting them.
    pub stripped: u64,
    /// Device nodes below `dev/` that were left out: every container has a `/dev` of its own.
    pub devices: u64,
}

/// Unpacks the tar archive in `stream` into `target`, an empty directory.
///
/// # Errors
/// The first entry that breaks a rule, by name. What was unpacked until then is the caller's to remove.
pub fn unpack(stream: impl Read, target: &Root, options: &Options) -> Result<Summary, Error> {
    let mut reader = Reader::new(stream);
    let mut unpacker = Unpacker {
        places: Places::new(target),
        options,
        summary: Summary::default(),
        logical: 0,
        directories: Vec::new(),
        whited_out: HashSet::new(),
        buffer: vec![0; BUFFER],
    };
    while let Some(entry) = reader.next_entry()? {
        unpacker.take(&entry, &mut reader).map_err(|error| error.of(&entry.path))?;
    }
    unpacker.finish_directories()?;
    Ok(unpacker.summary)
}

struct Unpacker<'a> {
    places: Places<'a>,
    options: &'a Options,
    summary: Summary,
    logical: u64,
    /// Made so far; their owner, mode and time go on at the end, since entries below change the time
    /// and a mode may forbid them.
    directories: Vec<(Vec<u8>, Metadata)>,
    whited_out: HashSet<Vec<u8>>,
    buffer: Vec<u8>,
}

/// What goes on a file besides its content.
#[derive(Debug, Clone)]
struct Metadata {
    mode: u32,
    owner: (u32, u32),
    times: Timestamps,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Unpacker<'_> {
    fn take(&mut self, entry: &Entry, data: &mut Reader<impl Read>) -> Result<(), Error> {
        self.summary.entries += 1;
        if self.summary.entries > self.options.most_entries {
            return Err(Error::rule(format!("the layer has more than {} entries", self.options.most_entries)));
        }
        let name = path::clean(&entry.path)?;
        let Some((parent, file)) = name.split() else { return self.take_root(entry) };
        match path::whiteout(file)? {
            Some(_) if entry.kind != Kind::File => Err(Error::rule("a whiteout is not a plain file")),
            Some(Whiteout::Opaque) => self.make_opaque(parent),
            Some(Whiteout::Aufs) => Ok(()),
            Some(Whiteout::Name(hidden)) => self.white_out(parent, hidden),
            None if path::below_aufs(&name) => Ok(()),
            None => self.make(entry, &name, data),
        }
    }

    /// The layer's own root: its metadata, never its name.
    fn take_root(&mut self, entry: &Entry) -> Result<(), Error> {
        if entry.kind != Kind::Directory {
            return Err(Error::rule("an entry names the root and is not a directory"));
        }
        let metadata = self.metadata(entry)?;
        self.directories.push((Vec::new(), metadata));
        Ok(())
    }

    fn make(&mut self, entry: &Entry, name: &Name<'_>, data: &mut Reader<impl Read>) -> Result<(), Error> {
        let (parent, file) = name.split().ok_or_else(|| Error::rule("it names nothing"))?;
        if self.whited_out.contains(&name.joined()) {
            return Err(Error::rule("it comes after its own whiteout"));
        }
        match entry.kind {
            Kind::Directory => self.make_directory(entry, name, parent, file),
            Kind::File => self.make_file(entry, parent, file, data),
            Kind::SymLink => self.make_link(entry, parent, file),
            Kind::HardLink => self.make_hard_link(entry, name, parent, file),
            Kind::Fifo => self.make_fifo(entry, parent, file),
            Kind::CharDevice | Kind::BlockDevice => self.pass_device(entry, name),
            _ => Err(Error::rule("it is of an unknown kind")),
        }
    }

    fn make_directory(&mut self, entry: &Entry, name: &Name<'_>, parent: &[&[u8]], file: &[u8]) -> Result<(), Error> {
        let metadata = self.metadata(entry)?;
        let place = self.places.open(parent)?;
        match rustix::fs::mkdirat(place, OsStr::from_bytes(file), Mode::from_raw_mode(0o700)) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                let known = rustix::fs::statat(place, OsStr::from_bytes(file), AtFlags::SYMLINK_NOFOLLOW)
                    .map_err(|errno| Error::call("look at what is there", errno))?;
                if rustix::fs::FileType::from_raw_mode(known.st_mode) != rustix::fs::FileType::Directory {
                    self.places.clear(parent, file)?;
                    let place = self.places.open(parent)?;
                    rustix::fs::mkdirat(place, OsStr::from_bytes(file), Mode::from_raw_mode(0o700))
                        .map_err(|errno| Error::call("make the directory", errno))?;
                }
            }
            Err(errno) => return Err(Error::call("make the directory", errno)),
        }
        self.directories.push((name.joined(), metadata));
        Ok(())
    }

    fn make_file(&mut self, entry: &Entry, parent: &[&[u8]], file: &[u8], data: &mut Reader<impl Read>) -> Result<(), Error> {
        let size = entry.sparse.as_ref().map_or(entry.size, |sparse| sparse.real_size);
        self.logical = self.logical.saturating_add(size);
        if self.logical > self.options.most_bytes {
            return Err(Error::rule(format!("the layer's files have more than {} bytes", self.options.most_bytes)));
        }
        let metadata = self.metadata(entry)?;
        let fd = self.places.create(parent, file)?;
        let mut out = io::BufWriter::with_capacity(0, std::fs::File::from(fd));
        match &entry.sparse {
            None => self.copy(data, out.get_mut(), entry.size)?,
            Some(sparse) => self.fill(data, out.get_mut(), sparse)?,
        }
        self.summary.bytes += entry.size;
        let file = out.into_inner().map_err(|error| Error::io("write the file", &error.into_error()))?;
        self.dress(&file.into(), &metadata)
    }

    fn copy(&mut self, data: &mut Reader<impl Read>, out: &mut std::fs::File, size: u64) -> Result<(), Error> {
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let count = data.read(&mut self.buffer[..most]).map_err(|error| Error::Tar(tar::Error::Io(error)))?;
            if count == 0 {
                return Err(Error::rule("the archive is cut off inside its data"));
            }
            out.write_all(&self.buffer[..count]).map_err(|error| Error::io("write the file", &error))?;
            left -= count as u64;
        }
        Ok(())
    }

    /// Holes stay holes.
    fn fill(&mut self, data: &mut Reader<impl Read>, out: &mut std::fs::File, sparse: &tar::Sparse) -> Result<(), Error> {
        for &(offset, length) in &sparse.pieces {
            io::Seek::seek(out, io::SeekFrom::Start(offset)).map_err(|error| Error::io("leave a hole", &error))?;
            self.copy(data, out, length)?;
        }
        out.set_len(sparse.real_size).map_err(|error| Error::io("give the file its size", &error))
    }

    fn make_link(&mut self, entry: &Entry, parent: &[&[u8]], file: &[u8]) -> Result<(), Error> {
        if entry.link.is_empty() || entry.link.len() > path::LONGEST_PATH {
            return Err(Error::rule("a symbolic link's target must have 1 to 4095 bytes"));
        }
        let metadata = self.metadata(entry)?;
        let (target, name) = (OsStr::from_bytes(&entry.link), OsStr::from_bytes(file));
        match rustix::fs::symlinkat(target, self.places.open(parent)?, name) {
            Err(Errno::EXIST) => {
                self.places.clear(parent, file)?;
                rustix::fs::symlinkat(target, self.places.open(parent)?, name)
            }
            other => other,
        }
        .map_err(|errno| Error::call("make the link", errno))?;
        self.dress_name(parent, file, &metadata)
    }

    fn make_hard_link(&mut self, entry: &Entry, name: &Name<'_>, parent: &[&[u8]], file: &[u8]) -> Result<(), Error> {
        let target = path::clean(&entry.link)?;
        let Some((target_parent, target_file)) = target.split() else {
            return Err(Error::rule("a hard link leads to the root"));
        };
        if target.joined() == name.joined() {
            return Err(Error::rule("a hard link leads to itself"));
        }
        let from = self.places.open_existing(target_parent).map_err(|_| missing_target(&entry.link))?;
        let kind = rustix::fs::statat(&from, OsStr::from_bytes(target_file), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|_| missing_target(&entry.link))?;
        if rustix::fs::FileType::from_raw_mode(kind.st_mode) == rustix::fs::FileType::Directory {
            return Err(Error::rule("a hard link leads to a directory"));
        }
        let link = |to: &OwnedFd| {
            rustix::fs::linkat(&from, OsStr::from_bytes(target_file), to, OsStr::from_bytes(file), AtFlags::empty())
        };
        match link(self.places.open(parent)?) {
            Err(Errno::EXIST) => {
                self.places.clear(parent, file)?;
                link(self.places.open(parent)?)
            }
            other => other,
        }
        .map_err(|errno| Error::call("make the hard link", errno))
    }

    fn make_fifo(&mut self, entry: &Entry, parent: &[&[u8]], file: &[u8]) -> Result<(), Error> {
        let metadata = self.metadata(entry)?;
        let mode = Mode::from_raw_mode(0o600);
        let make = |place: &OwnedFd| {
            rustix::fs::mknodat(place, OsStr::from_bytes(file), rustix::fs::FileType::Fifo, mode, 0)
        };
        match make(self.places.open(parent)?) {
            Err(Errno::EXIST) => {
                self.places.clear(parent, file)?;
                make(self.places.open(parent)?)
            }
            other => other,
        }
        .map_err(|errno| Error::call("make the fifo", errno))?;
        self.dress_name(parent, file, &metadata)
    }

    /// Every container has a `/dev` of its own, so a root file system's nodes there are not missed;
    /// elsewhere a node is a key to a device of the host, and 0:0 would be a whiteout.
    fn pass_device(&mut self, entry: &Entry, name: &Name<'_>) -> Result<(), Error> {
        if entry.device != (0, 0) && name.parts().first() == Some(&&b"dev"[..]) {
            self.summary.devices += 1;
            return Ok(());
        }
        Err(Error::rule(format!("it is the device node {}:{}, which a layer may not bring", entry.device.0, entry.device.1)))
    }

    fn white_out(&mut self, parent: &[&[u8]], hidden: &[u8]) -> Result<(), Error> {
        let mut name = parent.join(&b'/');
        if !name.is_empty() {
            name.push(b'/');
        }
        name.extend_from_slice(hidden);
        let place = self.places.open(parent)?;
        match rustix::fs::mknodat(place, OsStr::from_bytes(hidden), rustix::fs::FileType::CharacterDevice, Mode::empty(), 0) {
            Ok(()) => {}
            Err(Errno::EXIST) if self.whited_out.contains(&name) => {}
            Err(Errno::EXIST) => return Err(Error::rule("a whiteout hides what the same layer brings")),
            Err(errno) => return Err(Error::call("make the whiteout", errno)),
        }
        self.whited_out.insert(name);
        Ok(())
    }

    fn make_opaque(&mut self, parent: &[&[u8]]) -> Result<(), Error> {
        let name = match self.options.marks {
            Marks::Trusted => c"trusted.overlay.opaque",
            Marks::User => c"user.overlay.opaque",
        };
        let directory = self.places.open_readable(parent)?;
        rustix::fs::fsetxattr(&directory, name, b"y", rustix::fs::XattrFlags::empty())
            .map_err(|errno| Error::call("mark the directory opaque", errno))
    }

    fn metadata(&mut self, entry: &Entry) -> Result<Metadata, Error> {
        if entry.mode & 0o6000 != 0 && entry.kind == Kind::File {
            self.summary.setuid += 1;
        }
        let mut xattrs = Vec::new();
        for (name, value) in &entry.xattrs {
            match path::attribute(name, entry.kind, self.options.owners) {
                path::Attribute::Kept if value.len() > LARGEST_XATTR => {
                    return Err(Error::rule("an extended attribute is longer than 64 KiB"));
                }
                path::Attribute::Kept => xattrs.push((name.clone(), value.clone())),
                path::Attribute::Stripped => self.summary.stripped += 1,
            }
        }
        let (seconds, nanos) = entry.mtime;
        let time = Timespec { tv_sec: seconds.clamp(OLDEST, NEWEST), tv_nsec: nanos.into() };
        Ok(Metadata {
            mode: entry.mode,
            owner: (entry.uid, entry.gid),
            times: Timestamps { last_access: time, last_modification: time },
            xattrs,
        })
    }

    /// Owner, attributes, mode, time: in this order, since giving a file away clears set-id bits and
    /// capabilities.
    fn dress(&self, file: &OwnedFd, metadata: &Metadata) -> Result<(), Error> {
        if self.options.owners == Owners::Kept {
            let (user, group) = owner(metadata);
            rustix::fs::fchown(file.as_fd(), Some(user), Some(group)).map_err(|errno| Error::call("set the owner", errno))?;
        }
        for (name, value) in &metadata.xattrs {
            let name = OsString::from_vec(name.clone());
            rustix::fs::fsetxattr(file, name.as_os_str(), value, rustix::fs::XattrFlags::empty())
                .map_err(|errno| Error::call("set an extended attribute", errno))?;
        }
        rustix::fs::fchmod(file, Mode::from_raw_mode(metadata.mode)).map_err(|errno| Error::call("set the mode", errno))?;
        rustix::fs::futimens(file, &metadata.times).map_err(|errno| Error::call("set the time", errno))
    }

    /// For links and fifos, which cannot be opened: by name in their directory, never followed.
    fn dress_name(&mut self, parent: &[&[u8]], file: &[u8], metadata: &Metadata) -> Result<(), Error> {
        let owners = self.options.owners;
        let place = self.places.open(parent)?;
        let name = OsStr::from_bytes(file);
        if owners == Owners::Kept {
            let (user, group) = owner(metadata);
            rustix::fs::chownat(place, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| Error::call("set the owner", errno))?;
        }
        rustix::fs::utimensat(place, name, &metadata.times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| Error::call("set the time", errno))
    }

    /// The last entry of a directory counts; the deepest come first.
    fn finish_directories(&mut self) -> Result<(), Error> {
        let mut seen = HashSet::new();
        for (name, metadata) in std::mem::take(&mut self.directories).into_iter().rev() {
            if !seen.insert(name.clone()) {
                continue;
            }
            let parts: Vec<&[u8]> = if name.is_empty() { Vec::new() } else { name.split(|byte| *byte == b'/').collect() };
            // What was a directory may have been replaced by a later entry.
            match self.places.open_readable(&parts) {
                Ok(directory) => self.dress(&directory, &metadata).map_err(|error| error.of(&name))?,
                Err(Error::Step { errno: Errno::NOENT | Errno::NOTDIR | Errno::LOOP, .. }) => {}
                Err(error) => return Err(error.of(&name)),
            }
        }
        Ok(())
    }
}

fn owner(metadata: &Metadata) -> (rustix::fs::Uid, rustix::fs::Gid) {
    (rustix::fs::Uid::from_raw(metadata.owner.0), rustix::fs::Gid::from_raw(metadata.owner.1))
}

fn missing_target(link: &[u8]) -> Error {
    Error::rule(format!("it is a hard link to `{}`, which this layer does not have", link.escape_ascii()))
}

const BUFFER: usize = 128 << 10;
const LARGEST_XATTR: usize = 64 << 10;
/// What ext4 can hold (1901 to 2446).
const OLDEST: i64 = -(1 << 31);
const NEWEST: i64 = (1 << 34) - 1;
/// Flags with which a new file is made.
pub(crate) const NEW_FILE: OFlags = OFlags::CREATE.union(OFlags::EXCL).union(OFlags::WRONLY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
