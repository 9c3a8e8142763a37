// SPDX-License-Identifier: Apache-2.0
//! Files, directories, links: each is new, whatever had its name before.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;

use kernel::rustix::fs::{AtFlags, FileType, Mode};
use kernel::{Errno, rustix};

use super::path::{self, Name};
use super::{Error, NEW_FILE, Work};
use crate::tar::{Entry, Kind, Reader, Sparse, quoted};

impl Work<'_> {
    pub(super) fn make(
        &mut self,
        entry: &Entry,
        name: &Name<'_>,
        data: &mut Reader<impl Read>,
    ) -> Result<(), Error> {
        let hides = self.whited_out.remove(&name.joined());
        if hides {
            self.clear(name)?;
        }
        match entry.kind {
            Kind::Directory => {
                self.make_directory(entry, name)?;
                // The whiteout took what the layers below have there; the new directory must not bring
                // it back.
                if hides { self.make_opaque(name.parts()) } else { Ok(()) }
            }
            Kind::File => self.make_file(entry, name, data),
            Kind::SymLink => self.make_link(entry, name),
            Kind::HardLink => self.make_hard_link(entry, name),
            Kind::Fifo => self.make_fifo(entry, name),
            Kind::CharDevice | Kind::BlockDevice => self.pass_device(entry, name),
            _ => Err(Error::rule("it is of an unknown kind")),
        }
    }

    /// What `make` makes in the directory of `name`; what is there already goes first, so it is never
    /// written to or followed, and another name of it keeps its content.
    fn anew<T>(
        &mut self,
        name: &Name<'_>,
        step: &'static str,
        make: impl Fn(&OwnedFd, &OsStr) -> Result<T, Errno>,
    ) -> Result<T, Error> {
        let (parent, file) = name.split().ok_or_else(|| Error::rule("it names the root"))?;
        let file = OsStr::from_bytes(file);
        let made = match make(self.places.open(parent)?, file) {
            Err(Errno::EXIST) => {
                self.clear(name)?;
                make(self.places.open(parent)?, file)
            }
            other => other,
        };
        made.map_err(|errno| Error::call(step, errno))
    }

    fn make_directory(&mut self, entry: &Entry, name: &Name<'_>) -> Result<(), Error> {
        let metadata = self.metadata(entry)?;
        let (parent, file) = name.split().ok_or_else(|| Error::rule("it names the root"))?;
        let known =
            rustix::fs::statat(self.places.open(parent)?, OsStr::from_bytes(file), AtFlags::SYMLINK_NOFOLLOW);
        match known {
            // What was unpacked into it stays; its last entry counts.
            Ok(known) if FileType::from_raw_mode(known.st_mode) == FileType::Directory => {}
            Ok(_) | Err(Errno::NOENT) => self.anew(name, "make the directory", |place, file| {
                rustix::fs::mkdirat(place, file, Mode::from_raw_mode(0o700))
            })?,
            Err(errno) => return Err(Error::call("look at what is there", errno)),
        }
        self.directories.insert(name.joined(), metadata);
        Ok(())
    }

    fn make_file(
        &mut self,
        entry: &Entry,
        name: &Name<'_>,
        data: &mut Reader<impl Read>,
    ) -> Result<(), Error> {
        let size = entry.sparse.as_ref().map_or(entry.size, |sparse| sparse.real_size);
        self.logical = self.logical.saturating_add(size);
        if self.logical > self.options.most_bytes {
            let most = self.options.most_bytes;
            return Err(Error::rule(format!("the layer's files have more than {most} bytes")));
        }
        let metadata = self.metadata(entry)?;
        let mode = self.birth.mode(&metadata);
        let file =
            self.anew(name, "make the file", |place, file| rustix::fs::openat(place, file, NEW_FILE, mode))?;
        let mut file = File::from(file);
        match &entry.sparse {
            None => self.copy(data, &mut file, entry.size)?,
            Some(sparse) => self.fill(data, &mut file, sparse)?,
        }
        self.summary.bytes += entry.size;
        self.dress_new(&file.into(), &metadata)
    }

    fn copy(&mut self, data: &mut Reader<impl Read>, out: &mut File, size: u64) -> Result<(), Error> {
        let mut left = size;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let count = match data.read(&mut self.buffer[..most]) {
                Ok(0) => return Err(Error::rule("the archive is cut off inside its data")),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::rule(error.to_string())),
            };
            out.write_all(&self.buffer[..count]).map_err(|error| Error::io("write the file", &error))?;
            left -= count as u64;
        }
        Ok(())
    }

    /// Holes stay holes.
    fn fill(&mut self, data: &mut Reader<impl Read>, out: &mut File, sparse: &Sparse) -> Result<(), Error> {
        for &(offset, length) in &sparse.pieces {
            out.seek(io::SeekFrom::Start(offset)).map_err(|error| Error::io("leave a hole", &error))?;
            self.copy(data, out, length)?;
        }
        out.set_len(sparse.real_size).map_err(|error| Error::io("give the file its size", &error))
    }

    fn make_link(&mut self, entry: &Entry, name: &Name<'_>) -> Result<(), Error> {
        if entry.link.is_empty() || entry.link.len() > path::LONGEST_PATH {
            return Err(Error::rule("a symbolic link's target must have 1 to 4095 bytes"));
        }
        let metadata = self.metadata(entry)?;
        let target = OsStr::from_bytes(&entry.link);
        self.anew(name, "make the link", |place, file| rustix::fs::symlinkat(target, place, file))?;
        self.dress_name(name, &metadata, Kind::SymLink)
    }

    fn make_hard_link(&mut self, entry: &Entry, name: &Name<'_>) -> Result<(), Error> {
        let target = path::clean(&entry.link)
            .map_err(|error| Error::rule(format!("as a hard link's target, {error}")))?;
        let Some((parent, file)) = target.split() else {
            return Err(Error::rule("a hard link leads to the root"));
        };
        if target.joined() == name.joined() {
            return Err(Error::rule("a hard link leads to itself"));
        }
        let missing = || {
            let target = quoted(&entry.link);
            Error::rule(format!("it is a hard link to {target}, which this layer does not have"))
        };
        let from = self.places.open_existing(parent).map_err(|_| missing())?;
        let file = OsStr::from_bytes(file);
        let known = rustix::fs::statat(&from, file, AtFlags::SYMLINK_NOFOLLOW).map_err(|_| missing())?;
        match FileType::from_raw_mode(known.st_mode) {
            FileType::Directory => return Err(Error::rule("a hard link leads to a directory")),
            // The only devices here are whiteouts: a second name of one would hide another file.
            FileType::CharacterDevice => return Err(Error::rule("a hard link leads to a whiteout")),
            _ => {}
        }
        self.anew(name, "make the hard link", |place, new| {
            rustix::fs::linkat(&from, file, place, new, AtFlags::empty())
        })
    }

    fn make_fifo(&mut self, entry: &Entry, name: &Name<'_>) -> Result<(), Error> {
        let metadata = self.metadata(entry)?;
        self.anew(name, "make the fifo", |place, file| {
            rustix::fs::mknodat(place, file, FileType::Fifo, Mode::from_raw_mode(0o600), 0)
        })?;
        self.dress_name(name, &metadata, Kind::Fifo)
    }

    /// Every container has a `/dev` of its own, so a root file system's nodes there are not missed;
    /// elsewhere a node is a key to a device of the host, and 0:0 would be a whiteout.
    fn pass_device(&mut self, entry: &Entry, name: &Name<'_>) -> Result<(), Error> {
        if entry.device != (0, 0) && name.parts().first() == Some(&&b"dev"[..]) {
            self.summary.devices += 1;
            return Ok(());
        }
        Err(Error::rule(format!(
            "it is the device node {}:{}, which a layer may not bring",
            entry.device.0, entry.device.1
        )))
    }
}
