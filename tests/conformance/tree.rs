// SPDX-License-Identifier: Apache-2.0
//! A root file system as a list that can be compared: names, types, modes, owners, links, attributes,
//! contents.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use kernel::rustix;

/// Every name below a root, and what is there.
pub(crate) type Tree = BTreeMap<PathBuf, String>;

/// The tree below `root`. Times of directories are left out: engines differ in what a change below does
/// to them.
pub(crate) fn read(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if std::fs::symlink_metadata(&path).unwrap().is_dir() {
                open.push(path.clone());
            }
            tree.insert(path.strip_prefix(root).unwrap().to_owned(), describe(&path));
        }
    }
    tree
}

/// What differs, a line for each name.
pub(crate) fn differences(one: &Tree, other: &Tree) -> Vec<String> {
    let names = one.keys().chain(other.keys()).collect::<std::collections::BTreeSet<_>>();
    let shown = |tree: &Tree, name: &Path| tree.get(name).cloned().unwrap_or_else(|| "-".into());
    names
        .into_iter()
        .filter(|name| one.get(*name) != other.get(*name))
        .map(|name| format!("{}:\n    {}\n    {}", name.display(), shown(one, name), shown(other, name)))
        .collect()
}

fn describe(path: &Path) -> String {
    let known = std::fs::symlink_metadata(path).unwrap();
    let kind = known.file_type();
    let what = if kind.is_dir() {
        "directory".to_owned()
    } else if kind.is_symlink() {
        format!("link to {}", std::fs::read_link(path).unwrap().display())
    } else if kind.is_file() {
        let digest = oci::Digest::sha256_of(&std::fs::read(path).unwrap());
        format!("file of {} {}, {} names, of {}", known.len(), digest.short(), known.nlink(), known.mtime())
    } else if kind.is_fifo() {
        "fifo".to_owned()
    } else {
        format!("device {:x}", known.rdev())
    };
    format!("{:o} {}:{} {what} {:?}", known.mode(), known.uid(), known.gid(), attributes(path))
}

/// Extended attributes, without those that overlayfs keeps for itself.
fn attributes(path: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let mut names = vec![0; 64 << 10];
    let length = rustix::fs::llistxattr(path, &mut names).unwrap();
    let names = names[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let own = |name: &&[u8]| !name.starts_with(b"trusted.overlay.") && !name.starts_with(b"user.overlay.");
    let value = |name: &[u8]| {
        let name = OsStr::from_bytes(name);
        let mut value = vec![0; 64 << 10];
        let length = rustix::fs::lgetxattr(path, name, &mut value).unwrap();
        value.truncate(length);
        (name.to_owned(), value)
    };
    names.filter(own).map(value).collect()
}

/// Layers joined by the kernel's overlayfs, in a mount that hangs nowhere.
#[derive(Debug)]
pub(crate) struct Joined {
    mount: OwnedFd,
}

impl Joined {
    /// The lowest layer first.
    pub(crate) fn of(layers: &[PathBuf]) -> Self {
        use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags};
        let context = rustix::mount::fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).unwrap();
        for layer in layers.iter().rev() {
            rustix::mount::fsconfig_set_string(context.as_fd(), "lowerdir+", layer).unwrap();
        }
        if let [only] = layers {
            // overlayfs wants two layers where nothing can be written.
            let empty = only.with_file_name("empty");
            std::fs::create_dir_all(&empty).unwrap();
            rustix::mount::fsconfig_set_string(context.as_fd(), "lowerdir+", &empty).unwrap();
        }
        rustix::mount::fsconfig_create(context.as_fd()).unwrap();
        let flags = FsMountFlags::FSMOUNT_CLOEXEC;
        let mount =
            rustix::mount::fsmount(context.as_fd(), flags, MountAttrFlags::MOUNT_ATTR_RDONLY).unwrap();
        Self { mount }
    }

    /// Where this process finds it.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/", self.mount.as_raw_fd()))
    }
}
