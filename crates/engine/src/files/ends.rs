// SPDX-License-Identifier: Apache-2.0
//! The two ends of a copy, by Docker's rules for files and directories (`docker cp`, "Description").

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use kernel::root::Links;
use kernel::rustix::fs::{FileType, Mode, OFlags, fstat, readlinkat};
use kernel::{Errno, Root};

/// Whether a link at the end of the source is followed (`-L`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum SourceLinks {
    Copied,
    Followed,
}

/// What is copied.
#[derive(Debug)]
pub(super) struct Source {
    /// The directory that it is in.
    pub(super) parent: OwnedFd,
    /// Its name there; `.` for a directory that is held itself.
    pub(super) name: OsString,
    /// What it was called by.
    pub(super) base: Vec<u8>,
    pub(super) shape: Shape,
}

/// What a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    File,
    Directory,
    /// A directory that was called by `/.`: what is in it.
    Contents,
}

/// Where it goes.
#[derive(Debug)]
pub(super) struct Destination {
    /// A directory that exists.
    pub(super) directory: PathBuf,
    /// What the copy is called there; nothing when all of a directory goes into it.
    pub(super) top: Vec<u8>,
}

/// Finds the source that `path` names in `root`.
pub(super) fn source(root: &Root, path: &Path, links: SourceLinks) -> io::Result<Source> {
    let asked = Asked::of(path);
    if asked.end == End::Name
        && let Some(name) = asked.path.file_name()
    {
        return file(root, &asked.path, name.as_bytes().to_vec(), links);
    }
    let place = asked.path;
    let base = called(&place);
    // The root itself has no name that a copy could have.
    let shape =
        if asked.end == End::Contents || base.is_empty() { Shape::Contents } else { Shape::Directory };
    Ok(Source { parent: directory(root, &place)?, name: ".".into(), base, shape })
}

fn file(root: &Root, path: &Path, base: Vec<u8>, links: SourceLinks) -> io::Result<Source> {
    let place = match links {
        SourceLinks::Copied => path.to_owned(),
        SourceLinks::Followed => settled(root, path)?,
    };
    let shape = match is_directory(&lookup(root, &place, OFlags::NOFOLLOW)?)? {
        true => Shape::Directory,
        false => Shape::File,
    };
    match (place.parent(), place.file_name()) {
        (Some(parent), Some(name)) => {
            Ok(Source { parent: directory(root, parent)?, name: name.to_owned(), base, shape })
        }
        // A link to the root, or one that ends in `..`.
        _ => Ok(Source { parent: directory(root, &place)?, name: ".".into(), base, shape }),
    }
}

/// Finds where a copy of `source` goes when `path` is named in `root`.
pub(super) fn destination(root: &Root, path: &Path, source: &Source) -> io::Result<Destination> {
    let asked = Asked::of(path);
    match lookup(root, &asked.path, OFlags::empty()) {
        Ok(found) if is_directory(&found)? => Ok(Destination {
            directory: asked.path,
            top: if source.shape == Shape::Contents { Vec::new() } else { source.base.clone() },
        }),
        Ok(_) if source.shape != Shape::File => Err(refused("cannot copy a directory to a file")),
        Ok(_) if asked.end != End::Name => Err(refused("it is not a directory")),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        // What is in a directory that is not there.
        Err(error) if asked.end == End::Contents => Err(error),
        Err(_) if asked.end != End::Name && source.shape == Shape::File => {
            Err(refused("the destination directory must exist"))
        }
        _ => {
            let place = settled(root, &asked.path)?;
            let parent = place.parent().unwrap_or(Path::new("/")).to_owned();
            directory(root, &parent)?;
            let top = place.file_name().ok_or_else(|| refused("it has no name"))?.as_bytes().to_vec();
            Ok(Destination { directory: parent, top })
        }
    }
}

/// The name that a copy of `path` has: by its letters, as with Docker, so `a/b/..` is called `a`.
fn called(path: &Path) -> Vec<u8> {
    let mut names: Vec<&std::ffi::OsStr> = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => names.push(name),
            Component::ParentDir => drop(names.pop()),
            _ => {}
        }
    }
    names.last().map_or_else(Vec::new, |name| name.as_bytes().to_vec())
}

/// A directory that exists.
pub(super) fn directory(root: &Root, path: &Path) -> io::Result<OwnedFd> {
    lookup(root, path, OFlags::DIRECTORY)
}

/// A path and how it ends, which says what is meant.
struct Asked {
    path: PathBuf,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Name,
    Slash,
    Contents,
}

impl Asked {
    fn of(path: &Path) -> Self {
        let text = path.as_os_str().as_bytes();
        let end = match text {
            _ if text == b"." || text.ends_with(b"/.") => End::Contents,
            _ if text.ends_with(b"/") || text == b".." || text.ends_with(b"/..") => End::Slash,
            _ => End::Name,
        };
        // Leaves out dots and slashes at the end, and nothing else of weight.
        Self { path: Path::new("/").join(path).components().collect(), end }
    }
}

/// Where `path` leads when links at its end are followed, whether or not something is there.
fn settled(root: &Root, path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let found = match lookup(root, &path, OFlags::NOFOLLOW) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
            other => other?,
        };
        if FileType::from_raw_mode(fstat(&found)?.st_mode) != FileType::Symlink {
            return Ok(path);
        }
        let target = readlinkat(&found, c"", Vec::new())?.into_bytes();
        path.pop();
        path.push(OsString::from_vec(target));
    }
    Err(Errno::LOOP.into())
}

fn lookup(root: &Root, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let found = root.open_at(path, OFlags::PATH | flags, Mode::empty(), Links::InRoot);
    Ok(found.map_err(|error| error.errno)?)
}

fn is_directory(file: &OwnedFd) -> io::Result<bool> {
    Ok(FileType::from_raw_mode(fstat(file)?.st_mode) == FileType::Directory)
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.to_owned())
}

/// path_resolution(7).
const MOST_LINKS: usize = 40;
