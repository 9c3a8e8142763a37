// SPDX-License-Identifier: Apache-2.0
//! An archive's members as numbered files, found by name through an index in memory.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kernel::{Errno, Root};
use oci::digest::Algorithm;
use oci::{Descriptor, Digest, Hasher};

use crate::error::{Error, Result};
use crate::layers::Hashing;
use crate::staging::Staging;
use crate::tar::{Kind, Reader, quoted};

/// All members of an archive.
#[derive(Debug)]
pub(super) struct Spool {
    place: Place,
    members: HashMap<String, Entry>,
}

#[derive(Debug)]
enum Place {
    /// Files called `m0`, `m1` ... of our own.
    Files(PathBuf),
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

impl Spool {
    /// Spools the members of a tar archive.
    pub(super) fn of_tar(stream: impl Read, staging: &Staging) -> Result<Self> {
        let directory = staging.path();
        let mut reader = Reader::new(stream);
        let mut members = HashMap::new();
        loop {
            let entry = reader.next_entry().map_err(|error| told(error, &directory))?;
            let Some(entry) = entry else { break };
            if members.len() >= MOST_MEMBERS {
                return Err(Error::refused(format!("it has more than {MOST_MEMBERS} members")));
            }
            let name = member_name(&entry.path)?;
            let refused = |why: &str| Error::refused(format!("its member {} {why}", quoted(&entry.path)));
            let member = match entry.kind {
                Kind::Directory => continue,
                Kind::File if entry.sparse.is_none() => {
                    Entry::File(spool_one(&mut reader, &directory, members.len(), &entry)?)
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
        Ok(Self { place: Place::Files(directory), members })
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
            Place::Files(_) => return Ok(self.spooled(name).cloned()),
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
        let member = self.sized(promised)?;
        let algorithm = promised.digest.algorithm();
        let found = match &member.digest {
            Some(found) if found.algorithm() == algorithm => found.clone(),
            _ => self.digest_of(&member, algorithm)?,
        };
        same(&promised.digest, &found)?;
        Ok(member)
    }

    /// The whole of a small blob. What is checked is what is returned: a layout in a directory may
    /// change between two looks.
    pub(super) fn verified(&self, promised: &Descriptor) -> Result<Vec<u8>> {
        let bytes = self.read(&self.sized(promised)?, &promised.digest.to_string())?;
        let mut hasher = Hasher::new(promised.digest.algorithm());
        hasher.update(&bytes);
        same(&promised.digest, &hasher.finish())?;
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
        io::copy(&mut hashing, &mut io::sink()).map_err(|error| Error::refused(error.to_string()))?;
        Ok(hashing.hasher.finish())
    }

    /// A reader of the member.
    pub(super) fn open(&self, member: &Member) -> Result<File> {
        let failed = |path: &Path, error: io::Error| Error::io("read the archive's content", path, error);
        match (&self.place, &member.at) {
            (Place::Files(directory), At::Number(number)) => {
                let path = directory.join(format!("m{number}"));
                File::open(&path).map_err(|error| failed(&path, error))
            }
            (Place::Directory(root), At::Name(name)) => {
                root.open_file(name).map_err(|error| failed(Path::new(name), error.errno.into()))
            }
            _ => Err(Error::refused("a member of another archive was asked for")),
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
    let mut file = File::create_new(&path).map_err(|error| Error::io("spool the archive", &path, error))?;
    let mut hashing = Hashing { inner: reader, hasher: Hasher::new(Algorithm::Sha256) };
    let copied = io::copy(&mut hashing, &mut file).map_err(|error| match error.kind() {
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

/// Whether the content is what was promised.
fn same(wanted: &Digest, found: &Digest) -> Result<()> {
    if wanted == found {
        return Ok(());
    }
    let what = format!("the blob {wanted}");
    Err(Error::Digest { what, wanted: wanted.to_string(), found: found.to_string() })
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
const LARGEST_DOCUMENT: u64 = 4 << 20;
