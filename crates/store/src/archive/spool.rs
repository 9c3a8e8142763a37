// SPDX-License-Identifier: Apache-2.0
//! An archive's members as numbered files, found by name through an index in memory.

use std::cell::Cell;
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kernel::{Errno, Root};
use oci::digest::Algorithm;
use oci::{Descriptor, Digest, Hasher};

use crate::blobs::{LARGEST_DOCUMENT, new_file, same};
use crate::error::{Error, Result};
use crate::layers::{Hashing, copy};
use crate::tar::{Kind, Reader, quoted};

/// All members of an archive.
#[derive(Debug)]
pub(super) struct Spool {
    place: Place,
    members: HashMap<String, Entry>,
    /// Where files of our own go, called `m0`, `m1` ...
    work: PathBuf,
    files: Cell<usize>,
}

#[derive(Debug)]
enum Place {
    /// Files of our own.
    Files,
    /// A layout that lies there already.
    Directory(Root),
}

#[derive(Debug)]
enum Entry {
    File(Member),
    /// Names another member.
    Link(String),
}

/// One member.
#[derive(Debug, Clone)]
pub(super) struct Member {
    at: At,
    size: u64,
    /// Of what was spooled; of a directory's file it is not known yet.
    digest: Option<Digest>,
}

#[derive(Debug, Clone)]
enum At {
    Number(usize),
    Name(String),
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
    /// Spools the members of a tar archive.
    pub(super) fn of_tar(stream: impl Read, directory: &Path) -> Result<Self> {
        let mut reader = Reader::new(stream);
        let mut members = HashMap::new();
        loop {
            let entry = reader.next_entry().map_err(|error| told(error, directory))?;
            let Some(entry) = entry else { break };
            if members.len() >= MOST_MEMBERS {
                return Err(Error::refused(format!("it has more than {MOST_MEMBERS} members")));
            }
            let name = member_name(&entry.path)?;
            let refused = |why: &str| Error::refused(format!("its member {} {why}", quoted(&entry.path)));
            let member = match entry.kind {
                Kind::Directory => continue,
                Kind::File if entry.sparse.is_none() => {
                    Entry::File(spool_one(&mut reader, directory, members.len(), &entry)?)
                }
                Kind::SymLink => Entry::Link(beside(&name, &entry.link)?),
                Kind::HardLink => Entry::Link(member_name(&entry.link)?),
                _ => return Err(refused("is no plain file")),
            };
            // Some readers take the first of two, others the last.
            if members.insert(name, member).is_some() {
                return Err(refused("stands twice in it"));
            }
        }
        let files = Cell::new(members.len());
        Ok(Self { place: Place::Files, members, work: directory.to_owned(), files })
    }

    /// A layout that lies in `directory`: its files are read where they are, beneath it, and blobs are
    /// copied to `work`.
    pub(super) fn of_directory(directory: &Path, work: &Path) -> Result<Self> {
        // The caller's own path, which may be a link; no name below it is followed outside.
        let real =
            directory.canonicalize().map_err(|error| Error::io("open the image layout", directory, error))?;
        let root = Root::open(&real)
            .map_err(|error| Error::io("open the image layout", directory, error.errno.into()))?;
        let (members, work) = (HashMap::new(), work.to_owned());
        Ok(Self { place: Place::Directory(root), members, work, files: Cell::new(0) })
    }

    pub(super) fn has(&self, name: &str) -> Result<bool> {
        Ok(self.find(name)?.is_some())
    }

    /// The member called `name`, through at most one link; nothing when there is none.
    pub(super) fn find(&self, name: &str) -> Result<Option<Member>> {
        let root = match &self.place {
            Place::Directory(root) => root,
            Place::Files => return Ok(self.spooled(name).cloned()),
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

    fn spooled(&self, name: &str) -> Option<&Member> {
        match self.members.get(name)? {
            Entry::File(member) => Some(member),
            Entry::Link(target) => match self.members.get(target)? {
                Entry::File(member) => Some(member),
                Entry::Link(_) => None,
            },
        }
    }

    /// The blob that a descriptor promises, checked against its length and its digest.
    pub(super) fn blob(&self, promised: &Descriptor) -> Result<Member> {
        let mut member = self.sized(promised)?;
        if let At::Name(name) = &member.at {
            member = self.copy(name, promised)?;
        }
        let algorithm = promised.digest.algorithm();
        let found = match &member.digest {
            Some(found) if found.algorithm() == algorithm => found.clone(),
            _ => self.digest_of(&member, algorithm)?,
        };
        same(&promised.digest, &found, || format!("the blob {found}", found = promised.digest))?;
        member.digest = Some(found);
        Ok(member)
    }

    /// A copy of a directory's file, since that may change between two looks.
    fn copy(&self, name: &str, promised: &Descriptor) -> Result<Member> {
        let number = self.files.replace(self.files.get() + 1);
        let path = self.work.join(format!("m{number}"));
        let member = Member { at: At::Name(name.to_owned()), size: promised.size, digest: None };
        // One byte more than was promised, to see that there is none.
        let inner = self.open(&member)?.take(promised.size.saturating_add(1));
        let mut hashing = Hashing { inner, hasher: Hasher::new(promised.digest.algorithm()) };
        let copied = copy(&mut hashing, &mut new_file(&path)?);
        let size = copied.map_err(|error| Error::io("copy the image layout", &path, error))?;
        Ok(Member { at: At::Number(number), size, digest: Some(hashing.hasher.finish()) })
    }

    /// The whole of a small blob. What is checked is what is returned: a layout in a directory may
    /// change between two looks.
    pub(super) fn verified(&self, promised: &Descriptor) -> Result<Vec<u8>> {
        let bytes = self.read(&self.sized(promised)?, &promised.digest.to_string())?;
        let mut hasher = Hasher::new(promised.digest.algorithm());
        hasher.update(&bytes);
        same(&promised.digest, &hasher.finish(), || format!("the blob {}", promised.digest))?;
        Ok(bytes)
    }

    fn sized(&self, promised: &Descriptor) -> Result<Member> {
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

    fn digest_of(&self, member: &Member, algorithm: Algorithm) -> Result<Digest> {
        let mut hashing = Hashing { inner: self.open(member)?, hasher: Hasher::new(algorithm) };
        copy(&mut hashing, &mut io::sink()).map_err(|error| Error::refused(error.to_string()))?;
        Ok(hashing.hasher.finish())
    }

    /// A reader of the member.
    pub(super) fn open(&self, member: &Member) -> Result<File> {
        let failed = |path: &Path, error: io::Error| Error::io("read the archive's content", path, error);
        match (&self.place, &member.at) {
            (_, At::Number(number)) => {
                let path = self.work.join(format!("m{number}"));
                File::open(&path).map_err(|error| failed(&path, error))
            }
            (Place::Directory(root), At::Name(name)) => {
                root.open_file(name).map_err(|error| failed(Path::new(name), error.errno.into()))
            }
            (Place::Files, At::Name(_)) => Err(Error::refused("a member of another archive was asked for")),
        }
    }

    /// Where the content of a spooled member lies.
    pub(super) fn content(&self, member: &Member) -> Result<Content> {
        match (&member.at, &member.digest) {
            (At::Number(number), Some(digest)) => {
                Ok(Content { digest: digest.clone(), path: self.work.join(format!("m{number}")) })
            }
            _ => Err(Error::refused("a member that was not spooled was asked for")),
        }
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

fn spool_one(
    reader: &mut Reader<impl Read>,
    directory: &Path,
    number: usize,
    entry: &crate::tar::Entry,
) -> Result<Member> {
    let path = directory.join(format!("m{number}"));
    let mut file = new_file(&path)?;
    let mut hashing = Hashing { inner: reader, hasher: Hasher::new(Algorithm::Sha256) };
    let copied = copy(&mut hashing, &mut file).map_err(|error| match error.kind() {
        io::ErrorKind::StorageFull => Error::Full { path: directory.to_owned() },
        _ => Error::refused(format!("its member {}: {error}", quoted(&entry.path))),
    })?;
    if copied != entry.size {
        return Err(Error::refused(format!("it is cut off inside its member {}", quoted(&entry.path))));
    }
    Ok(Member { at: At::Number(number), size: entry.size, digest: Some(hashing.hasher.finish()) })
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
