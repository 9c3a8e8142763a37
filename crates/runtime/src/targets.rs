// SPDX-License-Identifier: Apache-2.0
//! Where a mount may land: each target becomes one descriptor beneath the container's root, which is
//! looked at before anything is attached to it.
//!
//! Our own fixed places (`/proc`, `/sys`, `/dev`) must be real directories: an image that has a link
//! there is refused (CVE-2023-27561, CVE-2026-41579). All other targets follow links as the container
//! itself would, but none may lead into those places: a file bound over one of proc's takes a wall down
//! without a word (CVE-2015-3631, CVE-2019-16884).

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use kernel::mount;
use kernel::root::Links;
use kernel::rustix::fs::{Mode, OFlags};
use kernel::{Errno, Root};

use crate::error::{Error, Result, Step};

/// The container's root, and which mounts on it are ours.
#[derive(Debug)]
pub(crate) struct Targets {
    root: Root,
    own: Vec<u64>,
}

impl Targets {
    pub(crate) fn new(root: Root) -> Self {
        Self { root, own: Vec::new() }
    }

    /// The container's root directory.
    pub(crate) fn root(&self) -> &Root {
        &self.root
    }

    /// Remembers `tree`, which is attached or about to be, as a mount that no link may lead into.
    pub(crate) fn protect(&mut self, tree: BorrowedFd<'_>) -> Result<()> {
        self.own.push(mount::id(tree).step(|| "look at a mount of our own")?);
        Ok(())
    }

    /// What is at `path`, by path descriptor.
    pub(crate) fn open(&self, path: impl AsRef<Path>, links: Links) -> kernel::Result<OwnedFd> {
        let relative = relative(path.as_ref());
        self.root.open_at(relative, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty(), links)
    }

    /// A directory to mount on, made when missing.
    pub(crate) fn directory(&self, target: &Path) -> Result<OwnedFd> {
        if OWN_PLACES.iter().any(|place| Path::new(place) == target) {
            return self.own_place(target);
        }
        let place = self.root.make_dir_all(relative(target));
        self.landed(place.step(|| format!("open the mount point {}", target.display()))?, target)
    }

    /// A file to mount on, made empty when missing; where a link leads to nothing, that is made.
    pub(crate) fn file(&self, target: &Path) -> Result<OwnedFd> {
        let step = || format!("open the mount point {}", target.display());
        let mut path = relative(target).to_owned();
        for _ in 0..MAX_LINKS {
            match self.root.open_at(&path, OFlags::PATH, Mode::empty(), Links::InRoot) {
                Err(error) if error.errno == Errno::NOENT => {}
                found => return self.landed(found.step(step)?, target),
            }
            let (above, name) = split(&path)?;
            let parent = self.clear_of_ours(self.root.make_dir_all(above).step(step)?, target)?;
            match new_file(parent.as_fd(), name) {
                Err(error) if error.errno == Errno::EXIST => {
                    path = follow(parent.as_fd(), above, name).step(step)?;
                }
                made => return made.step(step),
            }
        }
        Err(kernel::Error::new(format!("open({})", target.display()), Errno::LOOP)).step(step)
    }

    fn own_place(&self, target: &Path) -> Result<OwnedFd> {
        let step = || format!("open the mount point {}", target.display());
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let open = || self.root.open_at(relative(target), flags, Mode::empty(), Links::Refuse);
        match open() {
            Err(error) if error.errno == Errno::NOENT => {
                let (parent, name) = split(target)?;
                let parent = self
                    .open(parent, Links::Refuse)
                    .step(|| format!("open the folder of {}", target.display()))?;
                kernel::rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755))
                    .step(|| format!("make {}", target.display()))?;
                open().step(step)
            }
            Err(error) if matches!(error.errno, Errno::LOOP | Errno::NOTDIR) => Err(Error::Refused {
                what: format!("the image has a link or a file at {}", target.display()),
                reason: "that place must be a directory (CVE-2023-27561, CVE-2026-41579)".into(),
            }),
            other => other.step(step),
        }
    }

    /// As [`Targets::clear_of_ours`], for what is mounted on itself: it must not be the root directory.
    fn landed(&self, place: OwnedFd, target: &Path) -> Result<OwnedFd> {
        let step = || format!("look at the mount point {}", target.display());
        let place = self.clear_of_ours(place, target)?;
        let inode = |fd: BorrowedFd<'_>| kernel::rustix::fs::fstat(fd).map(|stat| stat.st_ino);
        let root = self.root.as_fd();
        if mount::id(place.as_fd()).step(step)? == mount::id(root).step(step)?
            && inode(place.as_fd()).step(step)? == inode(root).step(step)?
        {
            return Err(Error::Refused {
                what: format!("mount point `{}`", target.display()),
                reason: "a link leads it to the root directory itself".into(),
            });
        }
        Ok(place)
    }

    /// Lets `place` through unless links led it where no mount may go. It is the descriptor that is
    /// looked at and that is mounted on, so nothing can change in between.
    fn clear_of_ours(&self, place: OwnedFd, target: &Path) -> Result<OwnedFd> {
        let step = || format!("look at the mount point {}", target.display());
        let refused = |reason: &str| {
            Err(Error::Refused { what: format!("mount point `{}`", target.display()), reason: reason.into() })
        };
        let mount = mount::id(place.as_fd()).step(step)?;
        if kernel::rustix::fs::fstatfs(&place).step(step)?.f_type == PROC_SUPER_MAGIC {
            return refused("a link leads it into /proc, on whose files the walls rely (CVE-2015-3631)");
        }
        if self.own.contains(&mount) && !KERNEL_PLACES.iter().any(|place| target.starts_with(place)) {
            return refused("a link leads it into /sys or /dev, which are not the image's to place files in");
        }
        Ok(place)
    }
}

/// Only ever a new one: nothing that lies there already, a fifo say, is opened.
fn new_file(parent: BorrowedFd<'_>, name: &OsStr) -> kernel::Result<OwnedFd> {
    let name = Path::new(name);
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW;
    kernel::root::open_in(parent, name, flags, Mode::from_raw_mode(0o644), Links::Refuse)?;
    kernel::root::open_in(parent, name, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty(), Links::Refuse)
}

/// Where the link `name` in `parent`, which is the directory `above`, leads. What is no link (any more)
/// leads to itself.
fn follow(parent: BorrowedFd<'_>, above: &Path, name: &OsStr) -> kernel::Result<PathBuf> {
    match kernel::rustix::fs::readlinkat(parent, name, Vec::new()) {
        Ok(link) => {
            let link = Path::new(OsStr::from_bytes(link.as_bytes()));
            Ok(link.strip_prefix("/").map_or_else(|_| above.join(link), Path::to_owned))
        }
        Err(Errno::INVAL | Errno::NOENT) => Ok(above.join(name)),
        Err(errno) => Err(kernel::Error::new("readlinkat", errno)),
    }
}

fn relative(path: &Path) -> &Path {
    let relative = path.strip_prefix("/").unwrap_or(path);
    if relative.as_os_str().is_empty() { Path::new(".") } else { relative }
}

/// The folder of `path` and its name there.
pub(crate) fn split(path: &Path) -> Result<(&Path, &OsStr)> {
    match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) if parent.as_os_str().is_empty() => Ok((Path::new("."), name)),
        (Some(parent), Some(name)) => Ok((parent, name)),
        _ => Err(Error::Refused {
            what: format!("mount point `{}`", path.display()),
            reason: "it has no name".into(),
        }),
    }
}

/// Made by us and never reached through a link.
const OWN_PLACES: [&str; 6] = ["/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"];
/// A person may mount below these by their own names; below `/proc` nobody may.
const KERNEL_PLACES: [&str; 2] = ["/sys", "/dev"];
/// As the kernel follows, MAXSYMLINKS.
const MAX_LINKS: usize = 40;
/// statfs(2).
const PROC_SUPER_MAGIC: kernel::rustix::fs::FsWord = 0x9fa0;
