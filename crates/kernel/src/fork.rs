// SPDX-License-Identifier: Apache-2.0
//! Starting a process in its namespaces and its cgroup with one call.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::error::{Errno, Error, Result};

/// Which namespaces a new process gets of its own (`CLONE_NEW*`, namespaces(7)).
///
/// There is no time namespace here: its offsets can only be written while it is empty, so a child
/// unshares it and enters by execve(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Namespaces(u64);

impl Namespaces {
    /// `CLONE_NEWUSER`.
    pub const USER: Self = Self(libc::CLONE_NEWUSER as u64);
    /// `CLONE_NEWNS`.
    pub const MOUNT: Self = Self(libc::CLONE_NEWNS as u64);
    /// `CLONE_NEWPID`.
    pub const PID: Self = Self(libc::CLONE_NEWPID as u64);
    /// `CLONE_NEWIPC`.
    pub const IPC: Self = Self(libc::CLONE_NEWIPC as u64);
    /// `CLONE_NEWUTS`.
    pub const UTS: Self = Self(libc::CLONE_NEWUTS as u64);
    /// `CLONE_NEWNET`.
    pub const NET: Self = Self(libc::CLONE_NEWNET as u64);
    /// `CLONE_NEWCGROUP`.
    pub const CGROUP: Self = Self(libc::CLONE_NEWCGROUP as u64);
    /// `CLONE_NEWTIME`, for [`unshare`] only.
    pub const TIME: Self = Self(0x80);

    /// Both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` is in this set.
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Where this process finds itself after [`clone`].
#[derive(Debug)]
pub enum Side {
    /// In the caller.
    Parent(Child),
    /// In the new process, on the same stack, with a copy of all memory.
    Child,
}

/// A child process, held by a descriptor, so that its number cannot be reused under us.
#[derive(Debug)]
pub struct Child {
    /// Its number in our pid namespace.
    pub pid: i32,
    /// Readable when it has ended (pidfd_open(2)).
    pub pidfd: OwnedFd,
}

/// Starts a process as fork(2) does, in new `namespaces` and, on cgroup v2, in the `cgroup` whose
/// directory is given, without the wait for an RCU grace period that a later move costs
/// (clone3(2), Linux 5.7 for the cgroup).
///
/// Refused with EBUSY when this process has more than one thread: the child would inherit locks
/// that nobody in it can release.
pub fn clone(namespaces: Namespaces, cgroup: Option<BorrowedFd<'_>>) -> Result<Side> {
    clone_as(namespaces, cgroup, Relation::Child)
}

/// The same, in our own namespaces (and the pid namespace that our children are for): the new process is a
/// child of our parent, who is told of its end and has to reap it (`CLONE_PARENT`, clone(2)).
pub fn clone_sibling(cgroup: Option<BorrowedFd<'_>>) -> Result<Side> {
    clone_as(Namespaces::default(), cgroup, Relation::Sibling)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Child,
    Sibling,
}

fn clone_as(namespaces: Namespaces, cgroup: Option<BorrowedFd<'_>>, relation: Relation) -> Result<Side> {
    if !single_threaded() {
        return Err(Error::new("clone3: this process has threads", Errno::BUSY));
    }
    let mut pidfd: libc::c_int = -1;
    // SAFETY: clone_args is plain integers, for which zero is valid and means "not used".
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = namespaces.0 | libc::CLONE_PIDFD as u64;
    args.pidfd = (&raw mut pidfd) as u64;
    match relation {
        Relation::Child => args.exit_signal = libc::SIGCHLD as u64,
        // Its signal is that of the parent's other children.
        Relation::Sibling => args.flags |= libc::CLONE_PARENT as u64,
    }
    if let Some(directory) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::try_from(directory.as_raw_fd()).unwrap_or(u64::MAX);
    }
    // SAFETY: no stack and no CLONE_VM are given, so this is a fork: the child runs on a copy of
    // this memory. The only thread is this one (checked above), so no lock is held by another.
    // `pidfd` and `args` live until the call returns.
    let result = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    match result {
        -1 => Err(Error::new("clone3", last_errno())),
        0 => Ok(Side::Child),
        // SAFETY: CLONE_PIDFD made the kernel store a new descriptor that nobody else owns.
        pid => Ok(Side::Parent(Child { pid: pid as i32, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) } })),
    }
}

/// Starts a copy of this process (fork(2)): its number, or nothing in the copy. Refused with EBUSY
/// when this process has more than one thread.
pub fn fork() -> Result<Option<i32>> {
    if !single_threaded() {
        return Err(Error::new("fork: this process has threads", Errno::BUSY));
    }
    // SAFETY: the only thread is this one, so no lock of another is copied.
    match unsafe { libc::fork() } {
        -1 => Err(Error::new("fork", last_errno())),
        0 => Ok(None),
        pid => Ok(Some(pid)),
    }
}

/// Moves this (single-threaded) process into new namespaces (unshare(2)). With
/// [`Namespaces::TIME`] the process enters at its next execve(2), with [`Namespaces::PID`] its next
/// child does.
pub fn unshare(namespaces: Namespaces) -> Result<()> {
    // SAFETY: unshare takes flags only; CLONE_FILES and CLONE_VM, which could pull descriptors or
    // memory from under other threads, cannot be in a `Namespaces`.
    match unsafe { libc::unshare(namespaces.0 as libc::c_int) } {
        0 => Ok(()),
        _ => Err(Error::new(format!("unshare({:#x})", namespaces.0), last_errno())),
    }
}

/// Whether this process has never had a second thread, as glibc knows it.
fn single_threaded() -> bool {
    // SAFETY: glibc defines this byte since 2.32 and lets any thread read it (single_threaded.h).
    unsafe { (&raw const __libc_single_threaded).read_volatile() != 0 }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

unsafe extern "C" {
    static __libc_single_threaded: libc::c_char;
}

/// clone3(2): start the child in the cgroup of `cl_args.cgroup`.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
