// SPDX-License-Identifier: Apache-2.0
//! The root file system of a container that is not being started: for copying files in and out.
//!
//! It is a detached mount that goes with its descriptor, mapped to the container's ids like the one the
//! container sees.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use kernel::fork::{Namespaces, Side};
use kernel::rustix::fs::{Mode, OFlags};
use kernel::rustix::process::{WaitId, WaitIdOptions, waitid};

use super::{UPPER, by_descriptor, detached, layer, named};
use crate::error::{Error, Result, Step};
use crate::spec::{FileOwners, IdRange, Root};

/// What is to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Reading, also while the container runs: what it wrote is a layer like the others.
    Reading,
    /// Reading what the image has there, without anything that a container wrote.
    Image,
    /// Writing. The caller sees to it that nobody else has it mounted.
    Writing,
}

/// Joins the layers of `root` with what the container wrote; `ids` is its range, unless it has the host's.
///
/// # Errors
/// What keeps overlayfs from joining them. The process must have one thread (EBUSY).
pub fn open(root: &Root, ids: Option<IdRange>, purpose: Purpose) -> Result<OwnedFd> {
    let space = match ids {
        Some(ids @ IdRange { files: FileOwners::Mapped, .. }) => Some(user_namespace(ids)?),
        _ => None,
    };
    let map = space.as_ref().map(AsFd::as_fd);
    let mut layers = root.layers.iter().map(|path| layer(path, map)).collect::<Result<Vec<_>>>()?;
    match purpose {
        Purpose::Writing => super::join(root, &layers, &detached(&root.writable)?),
        Purpose::Image => join_for_reading(root, &layers),
        Purpose::Reading => {
            layers.insert(0, detached(&root.writable.join(UPPER))?);
            join_for_reading(root, &layers)
        }
    }
}

fn join_for_reading(root: &Root, layers: &[OwnedFd]) -> Result<OwnedFd> {
    match by_descriptor(root, layers, None) {
        // As for a container that starts, on kernels before 6.13.
        Err(Error::Step { source, .. })
            if matches!(
                source.errno,
                kernel::Errno::OPNOTSUPP | kernel::Errno::BADF | kernel::Errno::INVAL
            ) =>
        {
            named::join(root, layers, named::Top::Layer)
        }
        other => other,
    }
}

/// A user namespace that maps `ids`. A process makes it and ends at once; the descriptor keeps it.
fn user_namespace(ids: IdRange) -> Result<OwnedFd> {
    let step = || "make a user namespace with the container's ids";
    let (ours, theirs) = kernel::socket::pair().step(step)?;
    match kernel::fork::clone(Namespaces::USER, None).step(step)? {
        Side::Child => {
            drop(ours);
            // Ends with its parent's end of the socket, whatever happens there.
            let code = kernel::socket::receive(theirs.as_fd(), &mut [0; 1]).is_err();
            kernel::process::exit_now(i32::from(code))
        }
        Side::Parent(child) => {
            drop(theirs);
            let opened = map(child.pid, ids).and_then(|()| {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                let path = format!("/proc/{}/ns/user", child.pid);
                kernel::rustix::fs::open(path, flags, Mode::empty()).step(step)
            });
            drop(ours);
            wait(child.pidfd.as_fd())?;
            opened
        }
    }
}

fn map(pid: i32, ids: IdRange) -> Result<()> {
    let step = || "map the container's ids";
    for file in ["uid_map", "gid_map"] {
        let path = format!("/proc/{pid}/{file}");
        let file =
            kernel::rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).step(step)?;
        kernel::rustix::io::write(&file, format!("0 {} {}\n", ids.first, ids.count).as_bytes()).step(step)?;
    }
    Ok(())
}

fn wait(child: BorrowedFd<'_>) -> Result<()> {
    waitid(WaitId::PidFd(child), WaitIdOptions::EXITED).step(|| "wait for a helper process").map(drop)
}
