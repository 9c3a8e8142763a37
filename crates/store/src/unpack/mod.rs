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
mod make;
mod metadata;
mod path;
mod place;
mod remove;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::OsStr;
use std::io::Read;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use kernel::rustix::fs::{Mode, OFlags};
use kernel::{Errno, Root, rustix};

use crate::tar::{Entry, Kind, Reader};

pub use error::Error;
use metadata::{Birth, Metadata};
use path::{Name, Whiteout};
use place::Places;
pub use remove::remove_tree;

/// How to unpack.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Options {
    /// Whose the files become.
    pub owners: Owners,
    /// Bytes of all files together, holes counted.
    pub most_bytes: u64,
    /// Entries.
    pub most_entries: u64,
    /// Which mode a new file gets.
    pub modes: Modes,
}

/// Which mode a new file gets from the kernel (open(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Modes {
    /// The one that is asked for: the process's umask is 0.
    Exact,
    /// Perhaps less.
    Masked,
}

/// Whose the files become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
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

/// What came of unpacking.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unpacked {
    /// Figures.
    pub summary: Summary,
    /// Directories that hide what the layers below have there. They are marked afterwards, by
    /// [`mark_opaque`]: it takes `CAP_SYS_ADMIN`, which whoever reads an archive must not have.
    pub opaque: Vec<Vec<u8>>,
}

/// Somebody who unpacks layers.
pub trait Unpacker: Send + Sync + std::fmt::Debug {
    /// Unpacks the tar archive in `stream` into `target`, an empty directory, as [`unpack`] does. Another
    /// process that does the work has to keep `alive` open for as long as it may still write.
    fn unpack(
        &self,
        stream: &mut dyn Read,
        target: &Root,
        alive: BorrowedFd<'_>,
        options: &Options,
    ) -> Result<Unpacked, Error>;

    /// A reader of what the zstd stream `source` decompresses to, as [`crate::decode::zstd`] gives one: that
    /// is a library in C.
    fn zstd<'a>(&self, source: Box<dyn Read + 'a>) -> std::io::Result<Box<dyn Read + 'a>>;
}

/// Unpacks in this process, with all its rights: for tests and fuzzing.
#[derive(Debug, Clone, Copy)]
pub struct InProcess;

impl Unpacker for InProcess {
    fn unpack(
        &self,
        stream: &mut dyn Read,
        target: &Root,
        _: BorrowedFd<'_>,
        options: &Options,
    ) -> Result<Unpacked, Error> {
        unpack(stream, target, options)
    }

    fn zstd<'a>(&self, source: Box<dyn Read + 'a>) -> std::io::Result<Box<dyn Read + 'a>> {
        Ok(Box::new(crate::decode::zstd(source)?))
    }
}

/// Unpacks the tar archive in `stream` into `target`, an empty directory.
///
/// # Errors
/// The first entry that breaks a rule, by name. What was unpacked until then is the caller's to remove.
pub fn unpack(stream: impl Read, target: &Root, options: &Options) -> Result<Unpacked, Error> {
    let mut reader = Reader::new(stream);
    let mut unpacker = Work {
        places: Places::new(target),
        options,
        birth: Birth::of(target, options)?,
        summary: Summary::default(),
        logical: 0,
        directories: BTreeMap::new(),
        opaque: BTreeSet::new(),
        whited_out: HashSet::new(),
        buffer: vec![0; BUFFER],
    };
    while let Some(entry) = reader.next_entry()? {
        unpacker.take(&entry, &mut reader).map_err(|error| error.of(&entry.path))?;
    }
    unpacker.finish_directories()?;
    Ok(Unpacked { summary: unpacker.summary, opaque: unpacker.opaque.into_iter().collect() })
}

/// Marks directories of `target` for overlayfs. The names may come from anybody: nothing outside can be
/// reached by them.
pub fn mark_opaque(target: &Root, directories: &[Vec<u8>], marks: Marks) -> Result<(), Error> {
    let mark = match marks {
        Marks::Trusted => c"trusted.overlay.opaque",
        Marks::User => c"user.overlay.opaque",
    };
    for name in directories {
        let place =
            path::clean(name).and_then(|name| Places::new(target).open_existing_readable(name.parts()));
        let marked = place.and_then(|place| {
            rustix::fs::fsetxattr(&place, mark, b"y", rustix::fs::XattrFlags::empty())
                .map_err(|errno| Error::call("mark the directory opaque", errno))
        });
        marked.map_err(|error| error.of(name))?;
    }
    Ok(())
}

struct Work<'a> {
    places: Places<'a>,
    options: &'a Options,
    birth: Birth,
    summary: Summary,
    logical: u64,
    /// Those that are there and have an entry, by name. Their owner, mode and time go on at the end,
    /// since entries below change the time and a mode may forbid them.
    directories: BTreeMap<Vec<u8>, Metadata>,
    /// Directories to be marked at the end.
    opaque: BTreeSet<Vec<u8>>,
    whited_out: HashSet<Vec<u8>>,
    buffer: Vec<u8>,
}

impl Work<'_> {
    fn take(&mut self, entry: &Entry, data: &mut Reader<impl Read>) -> Result<(), Error> {
        self.summary.entries += 1;
        if self.summary.entries > self.options.most_entries {
            return Err(Error::rule(format!(
                "the layer has more than {} entries",
                self.options.most_entries
            )));
        }
        let name = path::clean(&entry.path)?;
        let Some((parent, file)) = name.split() else { return self.take_root(entry) };
        match path::whiteout(file)? {
            _ if path::below_aufs(parent) => Ok(()),
            _ if path::below_whiteout(parent) => Err(Error::rule("it lies below a whiteout")),
            Some(Whiteout::Aufs) => Ok(()),
            Some(_) if entry.kind != Kind::File || entry.size != 0 => {
                Err(Error::rule("a whiteout is not an empty file"))
            }
            Some(Whiteout::Opaque) => self.make_opaque(parent),
            Some(Whiteout::Name(hidden)) => self.white_out(parent, hidden),
            None => self.make(entry, &name, data),
        }
    }

    /// The layer's own root: its metadata, never its name.
    fn take_root(&mut self, entry: &Entry) -> Result<(), Error> {
        if entry.kind != Kind::Directory {
            return Err(Error::rule("it names the root and is not a directory"));
        }
        let metadata = self.metadata(entry)?;
        self.directories.insert(Vec::new(), metadata);
        Ok(())
    }

    /// Hides a name of the layers below. What the same layer has brought under that name stays for
    /// some readers (image specification, layer.md) and goes for others, so it is refused.
    fn white_out(&mut self, parent: &[&[u8]], hidden: &[u8]) -> Result<(), Error> {
        let name = [parent, &[hidden]].concat().join(&b'/');
        let place = self.places.open(parent)?;
        let device = rustix::fs::FileType::CharacterDevice;
        match rustix::fs::mknodat(place, OsStr::from_bytes(hidden), device, Mode::empty(), 0) {
            Ok(()) => {}
            Err(Errno::EXIST) if self.whited_out.contains(&name) => {}
            Err(Errno::EXIST) => return Err(Error::rule("it hides what the same layer brings")),
            Err(errno) => return Err(Error::call("make the whiteout", errno)),
        }
        self.whited_out.insert(name);
        Ok(())
    }

    /// overlayfs never looks for the mark on a layer's root, and umoci obeys it: one image with two
    /// meanings.
    fn make_opaque(&mut self, parent: &[&[u8]]) -> Result<(), Error> {
        if parent.is_empty() {
            return Err(Error::rule(
                "it makes the whole image's root opaque, which engines read differently",
            ));
        }
        self.places.open(parent)?;
        self.opaque.insert(parent.join(&b'/'));
        Ok(())
    }

    /// Removes what has this name, a whole directory if it is one.
    fn clear(&mut self, name: &Name<'_>) -> Result<(), Error> {
        let Some((parent, file)) = name.split() else { return Err(Error::rule("it names the root")) };
        self.places.clear(parent, file)?;
        let joined = name.joined();
        // `0` is the byte after `/`.
        let (first, behind) = ([&joined[..], b"/"].concat(), [&joined[..], b"0"].concat());
        let below: Vec<Vec<u8>> =
            self.directories.range(first.clone()..behind.clone()).map(|(name, _)| name.clone()).collect();
        let opaque: Vec<Vec<u8>> = self.opaque.range(first..behind).cloned().collect();
        for gone in below.iter().chain(&opaque).chain([&joined]) {
            self.directories.remove(gone);
            self.opaque.remove(gone);
        }
        Ok(())
    }

    /// The deepest come first: a mode may forbid what lies below.
    fn finish_directories(&mut self) -> Result<(), Error> {
        for (name, metadata) in std::mem::take(&mut self.directories).iter().rev() {
            let parts: Vec<&[u8]> =
                name.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
            let directory = self.places.open_readable(&parts).map_err(|error| error.of(name))?;
            self.dress(&directory, metadata).map_err(|error| error.of(name))?;
        }
        Ok(())
    }
}

const BUFFER: usize = 128 << 10;
/// Flags with which a new file is made.
pub(crate) const NEW_FILE: OFlags =
    OFlags::CREATE.union(OFlags::EXCL).union(OFlags::WRONLY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
