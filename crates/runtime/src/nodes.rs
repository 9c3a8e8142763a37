// SPDX-License-Identifier: Apache-2.0
//! Device nodes for a container: the host's own, or ones that the container's ids may open.
//!
//! The usual six are bound as they are: everybody may open them. A device that a person gives belongs
//! to the host's root, who is nobody inside, and devtmpfs cannot be id-mapped; so a node of the same
//! device is made in the staging area, with the same mode, for the container's own ids. What may be
//! done with it is still the cgroup's device program to say.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use kernel::Errno;
use kernel::mount::{self, Attributes, Depth};
use kernel::rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Stat, Uid};

use crate::error::{Error, Result, Step};
use crate::spec::{FileOwners, IdRange, Wall};

/// A clone of the mount of the host's node at `path`, checked to be a device.
pub(crate) fn of_host(path: &Path) -> Result<OwnedFd> {
    let tree = match mount::clone_tree(CWD, path, Depth::Single) {
        Err(error) if matches!(error.errno, Errno::NOENT | Errno::NOTDIR) => {
            return Err(Error::SourceMissing { what: "device", path: path.to_owned() });
        }
        other => other.step(|| format!("open the device {}", path.display()))?,
    };
    look(&tree, path)?;
    protect(tree, 0, path)
}

/// A node of the device at `path`, called `name` in `stage`, for the ids of `user`.
///
/// An ordinary user may make no nodes and gets the host's own.
pub(crate) fn of_container(
    path: &Path,
    stage: BorrowedFd<'_>,
    name: &str,
    user: &Wall<IdRange>,
) -> Result<OwnedFd> {
    let host = of_host(path)?;
    let Wall::Up(IdRange { first, count, files: FileOwners::Mapped }) = *user else { return Ok(host) };
    let step = || format!("make a node of the device {}", path.display());
    let stat = look(&host, path)?;
    let (kind, mode) = (FileType::from_raw_mode(stat.st_mode), Mode::from_raw_mode(stat.st_mode));
    kernel::rustix::fs::mknodat(stage, name, kind, mode, stat.st_rdev).step(step)?;
    let inside = |id: u32| first + if id < count { id } else { 0 };
    let (owner, group) = (Uid::from_raw(inside(stat.st_uid)), Gid::from_raw(inside(stat.st_gid)));
    let itself = AtFlags::SYMLINK_NOFOLLOW;
    kernel::rustix::fs::chownat(stage, name, Some(owner), Some(group), itself).step(step)?;
    // Past the umask.
    kernel::rustix::fs::chmodat(stage, name, mode, AtFlags::empty()).step(step)?;
    let tree = mount::clone_tree(stage, Path::new(name), Depth::Single).step(step)?;
    protect(tree, mount::NODEV, path)
}

fn look(tree: &OwnedFd, path: &Path) -> Result<Stat> {
    let stat = kernel::rustix::fs::fstat(tree).step(|| format!("look at {}", path.display()))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice | FileType::BlockDevice => Ok(stat),
        _ => Err(Error::Refused {
            what: format!("device {}", path.display()),
            reason: "it is not a device".into(),
        }),
    }
}

fn protect(tree: OwnedFd, clear: u64, path: &Path) -> Result<OwnedFd> {
    let locked = Attributes {
        set: mount::NOSUID | mount::NOEXEC,
        clear,
        propagation: mount::PRIVATE,
        ..Attributes::default()
    };
    mount::set_attributes(tree.as_fd(), &locked, Depth::Single)
        .step(|| format!("protect {}", path.display()))?;
    Ok(tree)
}
