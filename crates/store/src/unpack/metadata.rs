// SPDX-License-Identifier: Apache-2.0
//! What goes on a file besides its content: by descriptor where it can be opened, else by a name that
//! is never followed.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use kernel::root::{Links, open_in};
use kernel::rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use kernel::{Errno, Root, rustix};

use super::path::{self, Name};
use super::{Error, Modes, Options, Owners, Work};
use crate::acl;
use crate::tar::{Entry, Kind, quoted};

/// Owner, attributes, mode and times of an entry.
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    mode: u32,
    owner: (u32, u32),
    times: Timestamps,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a new file has without being given it: a system call less for most files of most layers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Birth {
    /// The owner, where it is root.
    root: bool,
    /// The mode that was asked for.
    mode: bool,
}

impl Birth {
    /// A group could come from a directory with a set-group-id bit, a mode from its default access control
    /// list (acl(5)). Directories below get theirs at the end, so the target's own tell for all.
    pub(super) fn of(target: &Root, options: &Options) -> Result<Self, Error> {
        let failed = |errno| Error::call("look at the layer's directory", errno);
        let stat = rustix::fs::fstat(target.as_fd()).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let readable = open_in(target.as_fd(), Path::new("."), flags, Mode::empty(), Links::Refuse)
            .map_err(|error| failed(error.errno))?;
        let plain = match rustix::fs::fgetxattr(&readable, c"system.posix_acl_default", &mut [0u8; 0]) {
            Err(Errno::NODATA | Errno::NOTSUP) => true,
            Ok(_) | Err(_) => false,
        };
        let ours = rustix::process::geteuid().is_root() && rustix::process::getegid().is_root();
        Ok(Self {
            root: ours && stat.st_gid == 0 && stat.st_mode & 0o2000 == 0,
            mode: plain && options.modes == Modes::Exact,
        })
    }

    /// The mode to make a file with.
    pub(super) fn mode(self, metadata: &Metadata) -> Mode {
        Mode::from_raw_mode(if self.mode { metadata.mode & 0o777 } else { 0o600 })
    }
}

impl Work<'_> {
    pub(super) fn metadata(&mut self, entry: &Entry) -> Result<Metadata, Error> {
        if entry.mode & 0o6000 != 0 && entry.kind == Kind::File {
            self.summary.setuid += 1;
        }
        let mut xattrs = Vec::new();
        for (name, value) in &entry.xattrs {
            match path::attribute(name, entry.kind, self.options.owners) {
                path::Attribute::Kept if value.len() > LARGEST_XATTR => {
                    return Err(Error::rule("an extended attribute is longer than 64 KiB"));
                }
                path::Attribute::Kept => xattrs.push((name.clone(), value.clone())),
                path::Attribute::Stripped => self.summary.stripped += 1,
            }
        }
        let (seconds, nanos) = entry.mtime;
        let time = Timespec { tv_sec: seconds.clamp(OLDEST, NEWEST), tv_nsec: nanos.into() };
        Ok(Metadata {
            mode: entry.mode,
            owner: (entry.uid, entry.gid),
            times: Timestamps { last_access: time, last_modification: time },
            xattrs,
        })
    }

    /// What a new file, made with [`Birth::mode`], does not have yet.
    pub(super) fn dress_new(&self, file: &OwnedFd, metadata: &Metadata) -> Result<(), Error> {
        let given = self.birth.root && metadata.owner == (0, 0) || self.options.owners == Owners::Caller;
        let special = metadata.mode & 0o7000 != 0 || !metadata.xattrs.is_empty();
        if !given || !self.birth.mode || special {
            return self.dress(file, metadata);
        }
        rustix::fs::futimens(file, &metadata.times).map_err(|errno| Error::call("set the time", errno))
    }

    /// Owner, attributes, mode, time: in this order, since giving a file away clears set-id bits and
    /// capabilities.
    pub(super) fn dress(&self, file: &OwnedFd, metadata: &Metadata) -> Result<(), Error> {
        if self.options.owners == Owners::Kept {
            let (user, group) = ids(metadata);
            rustix::fs::fchown(file.as_fd(), Some(user), Some(group))
                .map_err(|errno| no_owner(metadata, errno))?;
        }
        for (name, value) in &metadata.xattrs {
            let text = OsString::from_vec(name.clone());
            rustix::fs::fsetxattr(file, text.as_os_str(), value, XattrFlags::empty())
                .map_err(|errno| no_attribute(name, value, errno))?;
        }
        rustix::fs::fchmod(file, Mode::from_raw_mode(metadata.mode))
            .map_err(|errno| Error::call("set the mode", errno))?;
        rustix::fs::futimens(file, &metadata.times).map_err(|errno| Error::call("set the time", errno))
    }

    /// For links and fifos, which cannot be opened. A link has no mode; a fifo's is set through a
    /// descriptor of the name itself.
    pub(super) fn dress_name(
        &mut self,
        name: &Name<'_>,
        metadata: &Metadata,
        kind: Kind,
    ) -> Result<(), Error> {
        let (parent, file) = name.split().ok_or_else(|| Error::rule("it names the root"))?;
        let owners = self.options.owners;
        let place = self.places.open(parent)?;
        let name = OsStr::from_bytes(file);
        if owners == Owners::Kept {
            let (user, group) = ids(metadata);
            rustix::fs::chownat(place, name, Some(user), Some(group), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| no_owner(metadata, errno))?;
        }
        if kind == Kind::Fifo {
            // Nobody else has this directory: what was just made there is still a fifo and no link.
            rustix::fs::chmodat(place, name, Mode::from_raw_mode(metadata.mode), AtFlags::empty())
                .map_err(|errno| Error::call("set the mode", errno))?;
        }
        rustix::fs::utimensat(place, name, &metadata.times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| Error::call("set the time", errno))
    }
}

fn ids(metadata: &Metadata) -> (Uid, Gid) {
    (Uid::from_raw(metadata.owner.0), Gid::from_raw(metadata.owner.1))
}

/// user_namespaces(7): EINVAL for an id that has no mapping.
fn no_owner(metadata: &Metadata, errno: Errno) -> Error {
    let (user, group) = metadata.owner;
    match errno {
        Errno::INVAL => {
            Error::rule(format!("its owner {user}:{group} lies outside your range of subordinate ids"))
        }
        errno => Error::call("set the owner", errno),
    }
}

/// ext4 says ENOSPC when a value does not fit its one block, however empty the disk is.
fn no_attribute(name: &[u8], value: &[u8], errno: Errno) -> Error {
    match errno {
        Errno::NOSPC | Errno::RANGE | Errno::TOOBIG if value.len() > SMALL_XATTR => Error::rule(format!(
            "the file system has no room for its attribute {} of {} bytes",
            quoted(name),
            value.len()
        )),
        Errno::INVAL if acl::is_acl(name) => Error::rule(
            "its access control list is none, or names somebody outside your range of subordinate ids",
        ),
        errno => Error::call("set an extended attribute", errno),
    }
}

/// xattr(7): XATTR_SIZE_MAX.
const LARGEST_XATTR: usize = 64 << 10;
/// Fits a block of any file system together with its name.
const SMALL_XATTR: usize = 512;
/// What ext4 can hold (1901 to 2446).
const OLDEST: i64 = -(1 << 31);
const NEWEST: i64 = (1 << 34) - 1;
