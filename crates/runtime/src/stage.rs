// SPDX-License-Identifier: Apache-2.0
//! The staging area: a small tmpfs of the engine's, never visible on the host, that holds the files
//! a container is given and the covers of what it must not see.
//!
//! ```text
//! /            mode 0755, owned by the host's root
//!   0 1 2 ...  the staged files by number
//!   empty      an empty file, mode 0444
//!   void/      an empty directory, mode 0555
//! ```
//!
//! It is made detached, attached by the child under the container's root, and goes with the
//! container's mount namespace. The launching process keeps the files it rewrites open.

use std::os::fd::{AsFd, OwnedFd};

use kernel::mount::{self, FsOption};
use kernel::rustix::fs::{Gid, Mode, OFlags, Uid};
use kernel::rustix::mount::MountAttrFlags;

use crate::error::{Result, Step};
use crate::plan::StagedFile;

/// A detached staging area and its open files.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The detached mount.
    pub(crate) tree: OwnedFd,
    /// The staged files, open for writing, in order.
    pub(crate) files: Vec<OwnedFd>,
}

impl Stage {
    /// Makes the area with `files`; the first `given` belong to `owner`, so that the container may
    /// change them, the others to the host's root.
    pub(crate) fn new(files: &[StagedFile], given: usize, owner: (u32, u32)) -> Result<Self> {
        let step = || "make the staging area";
        let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let options = [
            FsOption::Text("mode", "755"),
            FsOption::Text("size", "4m"),
            FsOption::Text("nr_inodes", "4096"),
        ];
        let tree = mount::new_filesystem("tmpfs", &options, attributes).step(step)?;
        let create = |name: &str, mode: u32| {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
            kernel::rustix::fs::openat(&tree, name, flags, Mode::from_raw_mode(mode)).step(step)
        };
        create(EMPTY_FILE, 0o444)?;
        kernel::rustix::fs::mkdirat(&tree, EMPTY_DIRECTORY, Mode::from_raw_mode(0o555)).step(step)?;
        let mut open = Vec::with_capacity(files.len());
        for (index, file) in files.iter().enumerate() {
            let fd = create(&index.to_string(), if index < given { 0o644 } else { 0o444 })?;
            write_all(&fd, &file.content)?;
            if index < given && owner != (0, 0) {
                let (user, group) = (Uid::from_raw(owner.0), Gid::from_raw(owner.1));
                kernel::rustix::fs::fchown(fd.as_fd(), Some(user), Some(group)).step(step)?;
            }
            open.push(fd);
        }
        Ok(Self { tree, files: open })
    }
}

fn write_all(fd: &OwnedFd, mut content: &[u8]) -> Result<()> {
    while !content.is_empty() {
        let written = kernel::rustix::io::write(fd, content).step(|| "fill the staging area")?;
        content = &content[written..];
    }
    Ok(())
}

/// Covers a hidden file.
pub(crate) const EMPTY_FILE: &str = "empty";
/// Covers a hidden directory.
pub(crate) const EMPTY_DIRECTORY: &str = "void";
