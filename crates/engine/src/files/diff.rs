// SPDX-License-Identifier: Apache-2.0
//! `diff`: what a container changed, read from its writable layer.
//!
//! The image is only asked about names that the container wrote, so the cost is that of what it wrote,
//! however large the image is.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use kernel::root::{Links, open_in};
use kernel::rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fgetxattr, statat};
use kernel::{Errno, Root};
use store::pack::names;

use super::reach::is_mount_point;
use crate::Engine;
use crate::error::Result;

/// One name that is not as the image has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Absolute, in the container.
    pub path: Vec<u8>,
    /// How.
    pub kind: Changed,
}

/// How a name changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Changed {
    Modified,
    Added,
    Deleted,
}

impl Engine {
    /// What the container called `name` changed, by path. A directory counts as modified when something
    /// in it does, or its owner or mode; a file when its content's size or time does.
    pub fn diff(&self, name: &str) -> Result<Vec<Change>> {
        let subject = self.whose_files(name)?;
        let mut differ = Differ { first: subject.ids.0, changes: Vec::new() };
        let failed = |error: &std::io::Error| subject.failed("compare the files of", error);
        let upper = subject.upper()?;
        let lower = subject.layers.iter().map(Root::open).collect::<kernel::Result<Vec<_>>>();
        let lower = lower.map_err(|error| failed(&error.errno.into()))?;
        let lower: Vec<BorrowedFd<'_>> = lower.iter().map(AsFd::as_fd).collect();
        let upper = readable(upper.as_fd(), OsStr::new(".")).map_err(|error| failed(&error))?;
        differ
            .directory(upper.as_fd(), &lower, b"", Below { depth: 0, image: Image::Shows })
            .map_err(|error| failed(&error))?;
        differ.changes.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(differ.changes)
    }
}

struct Differ {
    /// The container's root, on disk.
    first: u32,
    changes: Vec<Change>,
}

impl Differ {
    /// `lower` are the directories of this name in the layers, the topmost first.
    fn directory(
        &mut self,
        upper: BorrowedFd<'_>,
        lower: &[BorrowedFd<'_>],
        path: &[u8],
        at: Below,
    ) -> std::io::Result<()> {
        if at.depth >= DEEPEST {
            return Err(std::io::Error::other(format!("a file lies below {DEEPEST} directories")));
        }
        for name in names(upper)? {
            let path = [path, b"/", &name[..]].concat();
            let name = OsStr::from_bytes(&name);
            let stat = match statat(upper, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                // Gone since it was listed.
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno.into()),
            };
            if is_whiteout(&stat) {
                self.note(path, Changed::Deleted);
                continue;
            }
            let before = Before::find(lower, name)?;
            if before.stat.is_none() && is_ours(&path, &stat) {
                continue;
            }
            let kind = match &before.stat {
                None => Some(Changed::Added),
                Some(old) => self.differs(&stat, old).then_some(Changed::Modified),
            };
            let count = self.changes.len();
            if is_directory(&stat) {
                self.below(upper, name, &before, &path, at)?;
            }
            if let Some(kind) = kind.or((self.changes.len() > count).then_some(Changed::Modified)) {
                self.note(path, kind);
            }
        }
        Ok(())
    }

    fn below(
        &mut self,
        upper: BorrowedFd<'_>,
        name: &OsStr,
        before: &Before,
        path: &[u8],
        at: Below,
    ) -> std::io::Result<()> {
        let upper = match readable(upper, name) {
            Ok(upper) => upper,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        let lower: Vec<BorrowedFd<'_>> = before.directories.iter().map(AsFd::as_fd).collect();
        let mut at = Below { depth: at.depth + 1, ..at };
        if is_opaque(upper.as_fd())? {
            at.image = Image::Hidden;
        }
        if at.image == Image::Shows {
            return self.directory(upper.as_fd(), &lower, path, at);
        }
        // Made anew: what the image has there is gone, unless it was made anew as well.
        let now = names(upper.as_fd())?;
        let mut gone = Vec::new();
        for directory in &lower {
            gone.extend(names(*directory)?);
        }
        gone.sort();
        gone.dedup();
        for name in gone.iter().filter(|name| now.binary_search(name).is_err()) {
            if Before::find(&lower, OsStr::from_bytes(name))?.stat.is_some() {
                self.note([path, b"/", &name[..]].concat(), Changed::Deleted);
            }
        }
        self.directory(upper.as_fd(), &lower, path, at)
    }

    /// As Docker has it: a directory's own time and size tell nothing.
    fn differs(&self, now: &Stat, old: &Stat) -> bool {
        let owner =
            |stat: &Stat, first: u32| (stat.st_uid.wrapping_sub(first), stat.st_gid.wrapping_sub(first));
        now.st_mode != old.st_mode
            || owner(now, self.first) != owner(old, 0)
            || now.st_rdev != old.st_rdev
            || !is_directory(now)
                && (now.st_size, now.st_mtime, now.st_mtime_nsec)
                    != (old.st_size, old.st_mtime, old.st_mtime_nsec)
    }

    fn note(&mut self, path: Vec<u8>, kind: Changed) {
        self.changes.push(Change { path, kind });
    }
}

/// Where the comparison is.
#[derive(Clone, Copy)]
struct Below {
    depth: usize,
    image: Image,
}

/// Whether the image's files are seen where the container has none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Image {
    Shows,
    Hidden,
}

/// What the image has under a name.
struct Before {
    stat: Option<Stat>,
    /// The directories that are joined there, the topmost first; none when it is a file.
    directories: Vec<OwnedFd>,
}

impl Before {
    fn find(lower: &[BorrowedFd<'_>], name: &OsStr) -> std::io::Result<Self> {
        let mut before = Self { stat: None, directories: Vec::new() };
        for layer in lower {
            let stat = match statat(layer, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => stat,
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(errno.into()),
            };
            if is_whiteout(&stat) || (before.stat.is_some() && !is_directory(&stat)) {
                break;
            }
            before.stat.get_or_insert(stat);
            if !is_directory(&stat) {
                break;
            }
            let directory = readable(*layer, name)?;
            let opaque = is_opaque(directory.as_fd())?;
            before.directories.push(directory);
            if opaque {
                break;
            }
        }
        Ok(before)
    }
}

fn readable(parent: BorrowedFd<'_>, name: &OsStr) -> std::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let opened = open_in(parent, Path::new(name), flags, Mode::empty(), Links::Refuse);
    Ok(opened.map_err(|error| error.errno)?)
}

fn is_directory(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}

/// In the words of [`is_mount_point`].
fn is_ours(path: &[u8], stat: &Stat) -> bool {
    let slash: &[u8] = if is_directory(stat) { b"/" } else { b"" };
    let size = if is_directory(stat) { 0 } else { u64::try_from(stat.st_size).unwrap_or(0) };
    is_mount_point(&[&path[1..], slash].concat(), size)
}

/// overlayfs.rst, "whiteouts and opaque directories".
fn is_whiteout(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && stat.st_rdev == 0
}

fn is_opaque(directory: BorrowedFd<'_>) -> std::io::Result<bool> {
    for name in [c"trusted.overlay.opaque", c"user.overlay.opaque"] {
        let mut value = [0u8; 2];
        match fgetxattr(directory, name, &mut value) {
            Ok(1) if value[0] == b'y' => return Ok(true),
            Ok(_) | Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::RANGE) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(false)
}

/// Each level holds a descriptor for each layer that has it.
const DEEPEST: usize = 400;
