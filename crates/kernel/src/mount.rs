// SPDX-License-Identifier: Apache-2.0
//! Mounts by descriptor: nothing here takes a path of a container's tree.
//!
//! A mount is made detached (fsopen(2), open_tree(2)), gets its attributes while nobody can see it
//! (mount_setattr(2)), and is attached to a descriptor of its target (move_mount(2)). No call can
//! be led astray by a link that appears between two look-ups (CVE-2021-30465, CVE-2025-52881).
//! Kernel 5.12 is the oldest that has all of it; older ones answer ENOSYS.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags};

use crate::error::{Context, Errno, Error, Result};

/// Whether an operation covers the mounts below, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// The one mount.
    Single,
    /// The mount and all below it.
    Recursive,
}

/// One option of a new file system.
#[derive(Debug, Clone)]
pub enum FsOption<'a> {
    /// A word that stands alone.
    Flag(&'a str),
    /// A key and its text.
    Text(&'a str, &'a str),
    /// A key and a file, for the options that take one by descriptor.
    Fd(&'a str, BorrowedFd<'a>),
}

/// A new, detached mount of a file system of type `kind`.
///
/// The error carries what the file system itself wrote to the context's log, since an errno alone
/// ("invalid argument") helps nobody.
pub fn new_filesystem(kind: &str, options: &[FsOption<'_>], attributes: MountAttrFlags) -> Result<OwnedFd> {
    let context =
        rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).call(|| format!("fsopen({kind})"))?;
    let told = |what: String, errno: Errno| Error::new(explain(what, &context), errno);
    for option in options {
        match *option {
            FsOption::Flag(key) => rustix::mount::fsconfig_set_flag(context.as_fd(), key),
            FsOption::Text(key, text) => rustix::mount::fsconfig_set_string(context.as_fd(), key, text),
            FsOption::Fd(key, fd) => rustix::mount::fsconfig_set_fd(context.as_fd(), key, fd),
        }
        .map_err(|errno| told(format!("fsconfig({kind}, {option:?})"), errno))?;
    }
    rustix::mount::fsconfig_create(context.as_fd())
        .map_err(|errno| told(format!("fsconfig({kind}, create)"), errno))?;
    rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        .map_err(|errno| told(format!("fsmount({kind})"), errno))
}

/// A detached copy of the mount at `path` beneath `dir` (an empty path is `dir` itself).
pub fn clone_tree(dir: BorrowedFd<'_>, path: &Path, depth: Depth) -> Result<OwnedFd> {
    let mut flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    if depth == Depth::Recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    rustix::mount::open_tree(dir, path, flags).call(|| format!("open_tree({})", path.display()))
}

/// What to change of a mount's attributes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Attributes<'a> {
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear.
    pub clear: u64,
    /// `MS_PRIVATE`, `MS_SLAVE`, `MS_SHARED` or nothing.
    pub propagation: u64,
    /// Maps owners through this user namespace (`MOUNT_ATTR_IDMAP`).
    pub id_map: Option<BorrowedFd<'a>>,
}

/// `MOUNT_ATTR_RDONLY`, mount_setattr(2).
pub const RDONLY: u64 = 0x0000_0001;
/// `MOUNT_ATTR_NOSUID`.
pub const NOSUID: u64 = 0x0000_0002;
/// `MOUNT_ATTR_NODEV`.
pub const NODEV: u64 = 0x0000_0004;
/// `MOUNT_ATTR_NOEXEC`.
pub const NOEXEC: u64 = 0x0000_0008;
/// `MOUNT_ATTR_NOSYMFOLLOW`, Linux 5.14.
pub const NOSYMFOLLOW: u64 = 0x0020_0000;
/// `MOUNT_ATTR_IDMAP`.
const IDMAP: u64 = 0x0010_0000;
/// `MS_PRIVATE`, mount(2).
pub const PRIVATE: u64 = libc::MS_PRIVATE;
/// `MS_SLAVE`.
pub const SLAVE: u64 = libc::MS_SLAVE;
/// `MS_SHARED`.
pub const SHARED: u64 = libc::MS_SHARED;

/// Changes the attributes of the mount that `mount` refers to (mount_setattr(2), Linux 5.12).
pub fn set_attributes(mount: BorrowedFd<'_>, attributes: &Attributes<'_>, depth: Depth) -> Result<()> {
    let (idmap_bit, userns_fd) = match attributes.id_map {
        Some(fd) => (IDMAP, u64::try_from(fd.as_raw_fd()).unwrap_or(u64::MAX)),
        None => (0, 0),
    };
    let attr = libc::mount_attr {
        attr_set: attributes.set | idmap_bit,
        attr_clr: attributes.clear,
        propagation: attributes.propagation,
        userns_fd,
    };
    let mut flags = libc::AT_EMPTY_PATH;
    if depth == Depth::Recursive {
        flags |= libc::AT_RECURSIVE;
    }
    // SAFETY: the path is a static NUL-terminated string, `attr` outlives the call and its size is
    // passed along, so the kernel reads nothing beyond it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 {
        return Ok(());
    }
    Err(Error::new(
        format!("mount_setattr(set={:#x})", attr.attr_set),
        Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO),
    ))
}

/// Attaches the detached mount `tree` on what `target` refers to.
pub fn attach(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(tree, c"", target, c"", flags).call(|| "move_mount".to_owned())
}

/// Makes the directory `root`, which must be the root of a mount, the root of this mount namespace,
/// and lets go of the old one with everything below it. Afterwards `/` and the working directory
/// are `root`, and no other mount than `root` is on top: that is looked up, not assumed.
pub fn pivot(root: BorrowedFd<'_>) -> Result<()> {
    rustix::process::fchdir(root).call(|| "fchdir(new root)".to_owned())?;
    // pivot_root(".", ".") stacks the old root below the new one (pivot_root(2), NOTES), so no
    // directory for it has to exist inside the image.
    rustix::process::pivot_root(c".", c".").call(|| "pivot_root".to_owned())?;
    rustix::mount::unmount(c".", UnmountFlags::DETACH).call(|| "umount(old root)".to_owned())?;
    rustix::process::chdir(c"/").call(|| "chdir(/)".to_owned())?;
    if number(root, c"")? == number(rustix::fs::CWD, c"/..")? {
        return Ok(());
    }
    Err(Error::new("pivot_root: something of the old root is still there", Errno::BUSY))
}

/// The number of the mount that `place` is on (statx(2), `STATX_MNT_ID`, Linux 5.8).
pub fn id(place: BorrowedFd<'_>) -> Result<u64> {
    number(place, c"")
}

/// The number of the mount that `path` is on, following what is mounted on it.
fn number(dir: BorrowedFd<'_>, path: &std::ffi::CStr) -> Result<u64> {
    let stat = rustix::fs::statx(dir, path, rustix::fs::AtFlags::EMPTY_PATH, rustix::fs::StatxFlags::MNT_ID)
        .call(|| "statx(mount id)".to_owned())?;
    Ok(stat.stx_mnt_id)
}

/// Appends the file system's own log messages to `what`.
fn explain(mut what: String, context: &OwnedFd) -> String {
    let mut line = [0u8; 512];
    while let Ok(length @ 1..) = rustix::io::read(context, &mut line) {
        let text = String::from_utf8_lossy(&line[..length]);
        // Lines look like "e overlay: message"; the letter is the level.
        what.push_str(": ");
        what.push_str(text.trim().trim_start_matches(['e', 'w', 'i']).trim());
    }
    what
}
