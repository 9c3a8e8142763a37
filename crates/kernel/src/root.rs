// SPDX-License-Identifier: Apache-2.0
//! The one way to touch a path that a container or an image controls.
//!
//! A third of the container CVEs from 2014 to 2026 are a path resolved twice, or a link followed
//! by code with more rights. A [`Root`] is a directory descriptor; every lookup through it is one
//! openat2(2) call that the kernel keeps beneath that directory, never follows a magic link, and
//! hands back as a descriptor. No string is joined, so there is nothing to race.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};

use crate::error::{Context, Result};

/// A directory that path lookups cannot leave.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
}

/// What a lookup does when a part of the path is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Follow it as the container would: absolute targets and `..` stay inside the root
    /// (`RESOLVE_IN_ROOT`).
    InRoot,
    /// Refuse with ELOOP (`RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS`); `..` and absolute paths that
    /// leave the root are refused with EXDEV.
    Refuse,
    /// Follow it beneath the root, and refuse with EXDEV whatever is mounted below
    /// (`RESOLVE_BENEATH | RESOLVE_NO_XDEV`): for a proc file system of our own, over whose files
    /// something else may lie by now (CVE-2019-16884, CVE-2025-52881).
    SameMount,
}

impl Root {
    /// Opens `path` of the caller's own name space, which must be a directory and not a link.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let dir = rustix::fs::openat(CWD, path, flags, Mode::empty())
            .call(|| format!("open({})", path.display()))?;
        Ok(Self { dir })
    }

    /// Takes a descriptor of a directory that is already open.
    pub fn from_fd(dir: OwnedFd) -> Self {
        Self { dir }
    }

    /// Opens what `path` names beneath this root.
    ///
    /// `flags` get `O_CLOEXEC`; `mode` counts only with `O_CREAT` or `O_TMPFILE`. A leading `/`
    /// means the root itself under [`Links::InRoot`]. Errors are openat2(2)'s: EXDEV when the path
    /// would leave the root, ELOOP for a refused link, EAGAIN is retried a few times because a
    /// rename anywhere on the system can cause it.
    pub fn open_at(
        &self,
        path: impl AsRef<Path>,
        flags: OFlags,
        mode: Mode,
        links: Links,
    ) -> Result<OwnedFd> {
        open_in(self.dir.as_fd(), path.as_ref(), flags, mode, links)
    }

    /// A path descriptor (`O_PATH`) of what `path` names, following links inside the root.
    pub fn resolve(&self, path: impl AsRef<Path>) -> Result<OwnedFd> {
        self.open_at(path, OFlags::PATH, Mode::empty(), Links::InRoot)
    }

    /// Opens a regular file for reading, following links inside the root. Anything but a regular
    /// file is refused with EINVAL, so that a fifo or device in an image cannot stall the caller
    /// (CVE-2024-9676).
    pub fn open_file(&self, path: impl AsRef<Path>) -> Result<std::fs::File> {
        let path = path.as_ref();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = self.open_at(path, flags, Mode::empty(), Links::InRoot)?;
        let stat = rustix::fs::fstat(&fd).call(|| format!("fstat({})", path.display()))?;
        if rustix::fs::FileType::from_raw_mode(stat.st_mode) != rustix::fs::FileType::RegularFile {
            return Err(crate::Error::new(
                format!("open({}): not a regular file", path.display()),
                crate::Errno::INVAL,
            ));
        }
        Ok(fd.into())
    }

    /// Makes `path` and its missing parents as directories of mode 0755 and gives a descriptor of
    /// the last one. Links on the way are followed inside the root.
    pub fn make_dir_all(&self, path: impl AsRef<Path>) -> Result<OwnedFd> {
        let path = path.as_ref();
        match self.open_at(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty(), Links::InRoot) {
            Err(error) if error.errno == crate::Errno::NOENT && path.file_name().is_some() => {}
            other => return other,
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return self.resolve(".");
        };
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        let parent = self.make_dir_all(parent)?;
        match rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(crate::Errno::EXIST) => {}
            Err(errno) => return Err(crate::Error::new(format!("mkdir({})", path.display()), errno)),
        }
        // The name is looked up again from the root and not from `parent`, so a link swapped in
        // meanwhile still cannot lead outside.
        self.open_at(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty(), Links::InRoot)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

/// [`Root::open_at`] for a borrowed directory descriptor.
pub fn open_in(dir: BorrowedFd<'_>, path: &Path, flags: OFlags, mode: Mode, links: Links) -> Result<OwnedFd> {
    let resolve = match links {
        Links::InRoot => ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS,
        Links::Refuse => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        Links::SameMount => ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS,
    };
    let name = CString::new(path.as_os_str().as_bytes())
        .map_err(|_| crate::Error::new(format!("openat2({})", path.display()), crate::Errno::INVAL))?;
    let mut tries = 0;
    loop {
        match rustix::fs::openat2(dir, name.as_c_str(), flags | OFlags::CLOEXEC, mode, resolve) {
            Err(crate::Errno::AGAIN | crate::Errno::INTR) if tries < RETRIES => tries += 1,
            other => return other.call(|| format!("openat2({})", path.display())),
        }
    }
}

/// A path descriptor of what `path` names for this process, refused with ELOOP when a magic link is on the
/// way: those of /proc lead to files that have no name in this process's tree (CVE-2019-5736).
pub fn without_magic(path: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_MAGICLINKS)
        .call(|| format!("openat2({})", path.to_string_lossy()))
}

/// openat2(2) answers EAGAIN when a rename raced with a `..`; an attacker who renames for ever gets
/// an error after this many tries.
const RETRIES: u32 = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/passwd"), "inside").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("absolute")).unwrap();
        std::os::unix::fs::symlink("../../../../etc/passwd", dir.path().join("relative")).unwrap();
        std::os::unix::fs::symlink("/proc/self/root", dir.path().join("magic")).unwrap();
        let root = Root::open(dir.path()).unwrap();
        (dir, root)
    }

    fn read(root: &Root, path: &str) -> String {
        std::io::read_to_string(root.open_file(path).unwrap()).unwrap()
    }

    #[test]
    fn links_stay_inside() {
        let (_dir, root) = tree();
        for path in ["etc/passwd", "/etc/passwd", "absolute", "relative", "../../etc/passwd"] {
            assert_eq!(read(&root, path), "inside", "{path}");
        }
    }

    #[test]
    fn strict_lookups_refuse_links_and_escapes() {
        let (_dir, root) = tree();
        let open = |path| root.open_at(path, OFlags::RDONLY, Mode::empty(), Links::Refuse).unwrap_err().errno;
        assert_eq!(open("absolute"), crate::Errno::LOOP);
        assert_eq!(open("../x"), crate::Errno::XDEV);
        assert_eq!(open("/etc/passwd"), crate::Errno::XDEV);
    }

    #[test]
    fn a_fifo_is_not_a_file() {
        let (dir, root) = tree();
        rustix::fs::mknodat(CWD, dir.path().join("fifo"), rustix::fs::FileType::Fifo, Mode::RUSR, 0).unwrap();
        assert_eq!(root.open_file("fifo").unwrap_err().errno, crate::Errno::INVAL);
    }

    #[test]
    fn directories_are_made_inside() {
        let (dir, root) = tree();
        std::os::unix::fs::symlink("/tmp-inside", dir.path().join("link")).unwrap();
        root.make_dir_all("a/b/c").unwrap();
        assert!(dir.path().join("a/b/c").is_dir());
        assert_eq!(root.make_dir_all("none/..").unwrap_err().errno, crate::Errno::NOENT);
        assert!(root.make_dir_all("link/deeper").is_err(), "a dangling link is not made real");
    }
}
