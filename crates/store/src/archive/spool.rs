// SPDX-License-Identifier: Apache-2.0
//! An archive's members, found by name through an index in memory: parts of a file, files of a directory, or
//! numbered files of our own.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kernel::{Errno, Root};
use oci::digest::Algorithm;
use oci::{Descriptor, Digest};

use super::index::Part;
use crate::blobs::{LARGEST_DOCUMENT, check, new_file};
use crate::error::{Error, Result};
use crate::layers::{Hashing, Tap, copy};
use crate::tar::{Kind, Reader, quoted};

/// All members of an archive.
#[derive(Debug)]
pub(super) struct Spool {
    place: Place,
    members: HashMap<String, Entry>,
}

#[derive(Debug)]
enum Place {
    /// Files of our own in this directory, called `m0`, `m1` ...
    Files(PathBuf),
    /// An archive that can be read anywhere.
    Archive(File),
    /// A layout that lies there already.
    Directory(Root),
}

#[derive(Debug)]
pub(super) enum Entry {
    File(Member),
    /// Names another member.
    Link(String),
}

/// One member.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) at: At,
    pub(super) size: u64,
    /// Of what was spooled; of the others it is not known yet.
    pub(super) digest: Option<Digest>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum At {
    /// A file of our own.
    Number(usize),
    /// A file of the directory.
    Name(String),
    /// Where it begins in the archive.
    Part(u64),
}

/// A member's content in a file of our own.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) digest: Digest,
    pub(super) path: PathBuf,
}

impl Member {
    /// Bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }
}

impl Spool {
    /// Writes the members of a tar stream into `directory`.
    pub(super) fn of_tar(stream: impl Read, directory: &Path) -> Result<Self> {
        let mut reader = Reader::new(stream);
        let mut numbers = 0..;
        let members = members(|| {
            let Some(entry) = reader.next_entry().map_err(|error| told(error, directory))? else {
                return Ok(None);
            };
            let member = match numbers.next() {
                Some(number) if is_plain(&entry) => Some(spool_one(&mut reader, directory, number, &entry)?),
                _ => None,
            };
            Ok(Some((entry, member)))
        })?;
        Ok(Self { place: Place::Files(directory.to_owned()), members })
    }

    /// An archive whose members are read where they are.
    pub(super) fn of_file(archive: File, members: HashMap<String, Entry>) -> Self {
        Self { place: Place::Archive(archive), members }
    }

    /// A layout that lies in `directory`: its files are read where they are, beneath it.
    pub(super) fn of_directory(directory: &Path) -> Result<Self> {
        // The caller's own path, which may be a link; no name below it is followed outside.
        let real =
            directory.canonicalize().map_err(|error| Error::io("open the image layout", directory, error))?;
        let root = Root::open(&real)
            .map_err(|error| Error::io("open the image layout", directory, error.errno.into()))?;
        Ok(Self { place: Place::Directory(root), members: HashMap::new() })
    }

    pub(super) fn has(&self, name: &str) -> Result<bool> {
        Ok(self.find(name)?.is_some())
    }

    /// The member called `name`, through at most one link; nothing when there is none.
    pub(super) fn find(&self, name: &str) -> Result<Option<Member>> {
        let root = match &self.place {
            Place::Directory(root) => root,
            Place::Files(_) | Place::Archive(_) => return Ok(self.listed(name).cloned()),
        };
        let failed = |error| Error::io("read the image layout", Path::new(name), error);
        match root.open_file(name) {
            Ok(file) => {
                let size = file.metadata().map_err(failed)?.len();
                Ok(Some(Member { at: At::Name(name.to_owned()), size, digest: None }))
            }
            Err(error) if matches!(error.errno, Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(error) if error.errno == Errno::INVAL => {
                Err(Error::refused(format!("its `{}` is no plain file", oci::shown(name))))
            }
            Err(error) => Err(failed(error.errno.into())),
        }
    }

    fn listed(&self, name: &str) -> Option<&Member> {
        match self.members.get(name)? {
            Entry::File(member) => Some(member),
            Entry::Link(target) => match self.members.get(target)? {
                Entry::File(member) => Some(member),
                Entry::Link(_) => None,
            },
        }
    }

    /// The blob that a descriptor promises, of which the length is checked and the digest is not.
    pub(super) fn blob(&self, promised: &Descriptor) -> Result<Member> {
        let (digest, size) = (&promised.digest, promised.size);
        let name = format!("blobs/{}/{}", digest.algorithm().name(), digest.hex());
        let member = self.find(&name)?.ok_or_else(|| Error::refused(format!("it has no blob {digest}")))?;
        if member.size != size {
            let found = member.size;
            return Err(Error::refused(format!(
                "the blob {digest} has {found} bytes and {size} were promised"
            )));
        }
        Ok(member)
    }

    /// The whole of a small blob. What is checked is what is returned: a layout in a directory may
    /// change between two looks.
    pub(super) fn verified(&self, promised: &Descriptor) -> Result<Vec<u8>> {
        let bytes = self.read(&self.blob(promised)?, &promised.digest.to_string())?;
        check(&promised.digest, &format!("the blob {}", promised.digest), &bytes)?;
        Ok(bytes)
    }

    /// A reader of the member. What it brings may change between two looks, unless it is a file of our own.
    pub(super) fn open(&self, member: &Member) -> Result<Box<dyn Read + '_>> {
        let failed = |path: &Path, error: io::Error| Error::io("read the archive's content", path, error);
        match (&self.place, &member.at) {
            (Place::Files(work), At::Number(number)) => {
                let path = work.join(format!("m{number}"));
                Ok(Box::new(File::open(&path).map_err(|error| failed(&path, error))?))
            }
            (Place::Archive(file), At::Part(start)) => Ok(Box::new(Part::new(file, *start, member.size))),
            (Place::Directory(root), At::Name(name)) => {
                let file = root.open_file(name);
                Ok(Box::new(file.map_err(|error| failed(Path::new(name), error.errno.into()))?))
            }
            _ => Err(Error::refused("a member of another archive was asked for")),
        }
    }

    /// Where the content of a spooled member lies, with the kind of digest that was `promised`; nothing when it
    /// is somebody else's file.
    pub(super) fn content(&self, member: &Member, promised: Option<&Descriptor>) -> Result<Option<Content>> {
        let (Place::Files(work), At::Number(number), Some(found)) = (&self.place, &member.at, &member.digest)
        else {
            return Ok(None);
        };
        let algorithm = promised.map_or(Algorithm::Sha256, |promised| promised.digest.algorithm());
        let digest = if found.algorithm() == algorithm {
            found.clone()
        } else {
            let hashing = Hashing { inner: self.open(member)?, tap: Tap::new(algorithm) };
            drain(hashing)?
        };
        Ok(Some(Content { digest, path: work.join(format!("m{number}")) }))
    }

    /// The whole of a small member.
    pub(super) fn read(&self, member: &Member, name: &str) -> Result<Vec<u8>> {
        if member.size > LARGEST_DOCUMENT {
            return Err(Error::refused(format!("its `{}` is larger than 4 MiB", oci::shown(name))));
        }
        let mut bytes = Vec::new();
        let read = self.open(member)?.take(LARGEST_DOCUMENT).read_to_end(&mut bytes);
        read.map_err(|error| Error::refused(error.to_string()))?;
        Ok(bytes)
    }
}

/// The index of a tar archive, whose entries `next` finds, with the data of plain files.
pub(super) fn members(
    mut next: impl FnMut() -> Result<Option<(crate::tar::Entry, Option<Member>)>>,
) -> Result<HashMap<String, Entry>> {
    let mut members = HashMap::new();
    while let Some((entry, member)) = next()? {
        if members.len() >= MOST_MEMBERS {
            return Err(Error::refused(format!("it has more than {MOST_MEMBERS} members")));
        }
        let name = member_name(&entry.path)?;
        let refused = |why: &str| Error::refused(format!("its member {} {why}", quoted(&entry.path)));
        let member = match (entry.kind, member) {
            (Kind::Directory, _) => continue,
            (Kind::File, Some(member)) => Entry::File(member),
            (Kind::SymLink, _) => Entry::Link(beside(&name, &entry.link)?),
            (Kind::HardLink, _) => Entry::Link(member_name(&entry.link)?),
            _ => return Err(refused("is no plain file")),
        };
        // Some readers take the first of two, others the last.
        if members.insert(name, member).is_some() {
            return Err(refused("stands twice in it"));
        }
    }
    Ok(members)
}

/// A file whose content is its data.
pub(super) fn is_plain(entry: &crate::tar::Entry) -> bool {
    entry.kind == Kind::File && entry.sparse.is_none()
}

/// Reads to the end, and gives the digest.
fn drain(mut hashing: Hashing<impl Read>) -> Result<Digest> {
    copy(&mut hashing, &mut io::sink()).map_err(|error| Error::refused(error.to_string()))?;
    Ok(hashing.tap.digest())
}

fn spool_one(
    reader: &mut Reader<impl Read>,
    directory: &Path,
    number: usize,
    entry: &crate::tar::Entry,
) -> Result<Member> {
    let path = directory.join(format!("m{number}"));
    let mut file = new_file(&path)?;
    let mut hashing = Hashing { inner: reader, tap: Tap::new(Algorithm::Sha256) };
    let copied = copy(&mut hashing, &mut file).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => Error::Full { path: directory.to_owned() },
        _ => Error::refused(format!("its member {}: {error}", quoted(&entry.path))),
    })?;
    if copied != entry.size {
        return Err(Error::refused(format!("it is cut off inside its member {}", quoted(&entry.path))));
    }
    Ok(Member { at: At::Number(number), size: entry.size, digest: Some(hashing.tap.digest()) })
}

fn told(error: crate::tar::Error, directory: &Path) -> Error {
    match error {
        crate::tar::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
            Error::Full { path: directory.to_owned() }
        }
        other => Error::refused(other.to_string()),
    }
}

/// A member's name without `./`; only a key in the index.
fn member_name(path: &[u8]) -> Result<String> {
    let text = std::str::from_utf8(path)
        .map_err(|_| Error::refused(format!("the name of its member {} is not UTF-8", quoted(path))))?;
    Ok(text.trim_start_matches("./").trim_end_matches('/').to_owned())
}

/// What a symbolic link in the folder of `name` leads to, as a name in the archive.
fn beside(name: &str, link: &[u8]) -> Result<String> {
    let target = member_name(link)?;
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { name.split('/').collect() };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop().ok_or_else(|| {
                    Error::refused(format!("its link `{}` leads out of it", oci::shown(name)))
                })?;
            }
            part => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

const MOST_MEMBERS: usize = 100_000;
