// SPDX-License-Identifier: Apache-2.0
//! Layers joined into one root file system, as a detached overlay mount.
//!
//! Layers are shared by all containers that use them and carry the image's own ids; each container
//! gets an id-mapped clone of each, so that nothing is ever chowned. The writable layer belongs to
//! the container's root. All directories are handed over as descriptors of detached mounts, so the
//! container's mountinfo shows no path of the host.

mod named;
mod opened;

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use kernel::mount::{self, Attributes, Depth, FsOption};
use kernel::rustix::fs::{CWD, Gid, Mode, OFlags, Uid};
use kernel::rustix::mount::MountAttrFlags;

use crate::error::{Error, Result, Step};
use crate::spec::{Durability, Marks, Root, Wall};

pub use opened::{Purpose, open};

/// The writable layer's two directories, owned by `owner`, made before anything is mounted.
pub(crate) fn make_writable(root: &Root, owner: (u32, u32)) -> Result<()> {
    for name in [UPPER, WORK] {
        let path = root.writable.join(name);
        match kernel::rustix::fs::mkdir(&path, Mode::from_raw_mode(0o755)) {
            Ok(()) => {}
            Err(kernel::Errno::EXIST) => continue,
            Err(errno) => return Err(errno).step(|| format!("make {}", path.display())),
        }
        let (user, group) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
        kernel::rustix::fs::chown(&path, Some(user), Some(group))
            .step(|| format!("hand over {}", path.display()))?;
    }
    Ok(())
}

/// A root file system and the clones of directories that it was joined from.
///
/// To close a detached clone is to unmount it, for which the kernel waits until no processor can be
/// looking at it. It is done with when there is nothing better to do.
#[derive(Debug)]
pub(crate) struct Joined {
    /// Detached.
    pub(crate) tree: OwnedFd,
    _clones: Vec<OwnedFd>,
}

/// Mounts `root` with the layers mapped through `id_map`, when given.
pub(crate) fn mount(root: &Root, id_map: Option<BorrowedFd<'_>>) -> Result<Joined> {
    if root.layers.is_empty() || root.layers.len() > MAX_LAYERS {
        return Err(Error::Refused {
            what: format!("an image of {} layers", root.layers.len()),
            reason: format!("overlayfs joins 1 to {MAX_LAYERS}"),
        });
    }
    let mut layers = root.layers.iter().map(|path| layer(path, id_map)).collect::<Result<Vec<_>>>()?;
    let writable = detached(&root.writable)?;
    let tree = join(root, &layers, &writable)?;
    layers.push(writable);
    Ok(Joined { tree, _clones: layers })
}

fn join(root: &Root, layers: &[OwnedFd], writable: &OwnedFd) -> Result<OwnedFd> {
    match by_descriptor(root, layers, Some(writable)) {
        // Before Linux 6.5 overlayfs knew no option of that kind, before 6.13 it took no descriptor of a mount.
        Err(Error::Step { source, .. })
            if matches!(source.errno, kernel::Errno::OPNOTSUPP | kernel::Errno::BADF) =>
        {
            named::join(root, layers, named::Top::Writable)
        }
        // Between them some had another name for it; a later one may mean something else.
        Err(Error::Step { source, .. }) if source.errno == kernel::Errno::INVAL => {
            named::join(root, layers, named::Top::Writable).map_err(|error| Error::Child {
                step: "join the image's layers".into(),
                cause: format!("by descriptor: {source}; by name: {error}"),
            })
        }
        other => other,
    }
}

/// Without `writable` the layers alone, for reading.
fn by_descriptor(root: &Root, layers: &[OwnedFd], writable: Option<&OwnedFd>) -> Result<OwnedFd> {
    let writable =
        writable.map(|dir| Ok::<_, Error>((beneath(dir, UPPER)?, beneath(dir, WORK)?))).transpose()?;
    let mut options: Vec<FsOption<'_>> =
        layers.iter().map(|layer| FsOption::Fd("lowerdir+", layer.as_fd())).collect();
    if let Some((upper, work)) = &writable {
        options.push(FsOption::Fd("upperdir", upper.as_fd()));
        options.push(FsOption::Fd("workdir", work.as_fd()));
    }
    overlay(root, options)
}

fn overlay(root: &Root, mut options: Vec<FsOption<'_>>) -> Result<OwnedFd> {
    if root.durability == Durability::Volatile {
        options.push(FsOption::Flag("volatile"));
    }
    if root.marks == Marks::User {
        options.push(FsOption::Flag("userxattr"));
    }
    let attributes = match root.flags {
        Wall::Up(()) => MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
        Wall::Down(_) => MountAttrFlags::empty(),
    };
    mount::new_filesystem("overlay", &options, attributes).step(|| "join the image's layers")
}

fn layer(path: &Path, id_map: Option<BorrowedFd<'_>>) -> Result<OwnedFd> {
    let tree = detached(path)?;
    if id_map.is_some() {
        let attributes = Attributes { id_map, set: mount::RDONLY, ..Attributes::default() };
        mount::set_attributes(tree.as_fd(), &attributes, Depth::Single).map_err(|error| Error::Refused {
            what: format!("id-mapping the layer {}", path.display()),
            reason: format!(
                "{error}; its file system must support id-mapped mounts (ext4, xfs, btrfs, tmpfs)"
            ),
        })?;
    }
    Ok(tree)
}

/// A detached clone of the directory `path`, whose root is that directory: a path printed for it
/// says `/`.
fn detached(path: &Path) -> Result<OwnedFd> {
    mount::clone_tree(CWD, path, Depth::Single).step(|| format!("open {}", path.display()))
}

fn beneath(dir: &OwnedFd, name: &str) -> Result<OwnedFd> {
    kernel::root::open_in(
        dir.as_fd(),
        Path::new(name),
        OFlags::PATH | OFlags::DIRECTORY,
        Mode::empty(),
        kernel::root::Links::Refuse,
    )
    .step(|| format!("open the writable layer's {name}"))
}

/// What the container changed.
pub const UPPER: &str = "upper";
/// overlayfs' own workshop.
pub const WORK: &str = "work";
/// overlayfs(5): `OVL_MAX_STACK`.
const MAX_LAYERS: usize = 500;
