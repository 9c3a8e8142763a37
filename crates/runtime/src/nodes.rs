// SPDX-License-Identifier: Apache-2.0
//! Device nodes for a container: the host's own, or ones that the container's ids may open.
//!
//! The usual six are bound as they are: everybody may open them. A device that a person gives belongs
//! to the host's root, who is nobody inside, and devtmpfs cannot be id-mapped; so a node of the same
//! device is made in a file system of the engine's, with the same mode, for the container's own ids. What
//! may be done with it is still the cgroup's device program to say.
//!
//! That file system is made detached and attached by the child below the staging area, where no path of
//! the container leads. Only there can the nodes be cloned one by one: before Linux 6.15 the kernel
//! clones nothing out of a detached tree.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use kernel::Errno;
use kernel::mount::{self, Attributes, Depth, FsOption};
use kernel::rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use kernel::rustix::mount::MountAttrFlags;

use crate::error::{Error, Result, Step};
use crate::spec::{FileOwners, IdRange, Wall};

/// What is to be bound in the container.
#[derive(Debug)]
pub(crate) enum Node {
    /// A detached clone of the host's.
    Host(OwnedFd),
    /// One of the nodes that were made, by its name there.
    Made(String),
}

/// Nodes of our own, detached.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) tree: OwnedFd,
}

impl Made {
    /// A file system for them, which is to be attached to a directory of `stage`.
    fn new(stage: BorrowedFd<'_>) -> Result<Self> {
        let step = || "make room for device nodes";
        kernel::rustix::fs::mkdirat(stage, PLACE, Mode::from_raw_mode(0o755)).step(step)?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let options = [FsOption::Text("mode", "755"), FsOption::Text("size", "64k")];
        let tree = mount::new_filesystem("tmpfs", &options, attributes).step(step)?;
        Ok(Self { tree })
    }

    /// In the child: attaches them below the staging area, which is attached.
    pub(crate) fn attach(&self, stage: BorrowedFd<'_>) -> Result<()> {
        let step = || "attach the device nodes";
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let place = kernel::rustix::fs::openat(stage, PLACE, flags, Mode::empty()).step(step)?;
        mount::attach(self.tree.as_fd(), place.as_fd()).step(step)
    }

    /// In the child, once they are attached: a detached clone of the node `name`.
    pub(crate) fn take(&self, name: &str) -> Result<OwnedFd> {
        mount::clone_tree(self.tree.as_fd(), Path::new(name), Depth::Single)
            .step(|| format!("take the device node {name}"))
    }
}

/// A clone of the mount of the host's node at `path`, checked to be a device.
pub(crate) fn of_host(path: &Path) -> Result<OwnedFd> {
    let tree = match mount::clone_tree(CWD, path, Depth::Single) {
        Err(error) if matches!(error.errno, Errno::NOENT | Errno::NOTDIR) => {
            return Err(Error::SourceMissing { what: "device", path: path.to_owned() });
        }
        other => other.step(|| format!("open the device {}", path.display()))?,
    };
    look(&tree, path)?;
    let locked = Attributes {
        set: mount::NOSUID | mount::NOEXEC,
        propagation: mount::PRIVATE,
        ..Attributes::default()
    };
    mount::set_attributes(tree.as_fd(), &locked, Depth::Single)
        .step(|| format!("protect {}", path.display()))?;
    Ok(tree)
}

/// A node of the device at `path`, called `name` among those `made`, for the ids of `user`.
///
/// An ordinary user may make no nodes and gets the host's own.
pub(crate) fn of_container(
    path: &Path,
    made: &mut Option<Made>,
    stage: BorrowedFd<'_>,
    name: String,
    user: &Wall<IdRange>,
) -> Result<Node> {
    let host = of_host(path)?;
    let Wall::Up(IdRange { first, count, files: FileOwners::Mapped }) = *user else {
        return Ok(Node::Host(host));
    };
    let made = match made {
        Some(made) => made,
        None => made.insert(Made::new(stage)?),
    };
    let step = || format!("make a node of the device {}", path.display());
    let stat = look(&host, path)?;
    let (kind, mode) = (FileType::from_raw_mode(stat.st_mode), Mode::from_raw_mode(stat.st_mode));
    kernel::rustix::fs::mknodat(&made.tree, &name, kind, mode, stat.st_rdev).step(step)?;
    let inside = |id: u32| first + if id < count { id } else { 0 };
    let (owner, group) = (Uid::from_raw(inside(stat.st_uid)), Gid::from_raw(inside(stat.st_gid)));
    let itself = AtFlags::SYMLINK_NOFOLLOW;
    kernel::rustix::fs::chownat(&made.tree, &name, Some(owner), Some(group), itself).step(step)?;
    // Past the umask.
    kernel::rustix::fs::chmodat(&made.tree, &name, mode, AtFlags::empty()).step(step)?;
    Ok(Node::Made(name))
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

/// Where the made nodes hang in the staging area.
const PLACE: &str = "nodes";
