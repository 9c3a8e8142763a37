// SPDX-License-Identifier: Apache-2.0
//! Loading a system call filter, and answering the calls it asks about (seccomp(2),
//! seccomp_unotify(2)).

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::error::{Errno, Error, Result};

/// One instruction of a filter: the kernel's `sock_filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when the test holds.
    pub jt: u8,
    /// Instructions to skip when it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// Loads `filter` for this thread and all it starts. `no_new_privs` must be set, or `CAP_SYS_ADMIN`
/// held.
pub fn load(filter: &[Instruction]) -> Result<()> {
    load_with(filter, 0).map(drop)
}

/// Loads `filter` and gives the descriptor on which its questions arrive.
pub fn load_with_listener(filter: &[Instruction]) -> Result<OwnedFd> {
    let fd = load_with(filter, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER)?;
    // SAFETY: the flag made the kernel answer with a new descriptor that nobody else owns.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn load_with(filter: &[Instruction], flags: libc::c_ulong) -> Result<i32> {
    #[repr(C)]
    struct Program {
        len: u16,
        filter: *const Instruction,
    }
    let len = u16::try_from(filter.len())
        .map_err(|_| Error::new("seccomp: the filter is too long", Errno::TOOBIG))?;
    let program = Program { len, filter: filter.as_ptr() };
    // SAFETY: `program` has the layout of sock_fprog and points at `len` instructions of the layout of
    // sock_filter, all of which outlive the call.
    let result =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    i32::try_from(result)
        .ok()
        .filter(|fd| *fd >= 0)
        .ok_or_else(|| Error::new("seccomp(SET_MODE_FILTER)", last_errno()))
}

/// A call that waits for an answer.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Names the question.
    pub id: u64,
    /// The calling thread, in our pid namespace; zero when it is not in sight.
    pub pid: u32,
    /// The call's number.
    pub call: i32,
    /// `AUDIT_ARCH_*` of the entry point.
    pub arch: u32,
    /// Its arguments, as the caller passed them.
    pub arguments: [u64; 6],
}

/// What a call is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It returns this.
    Value(i64),
    /// It fails with this.
    Failure(Errno),
    /// The kernel carries it out after all. Safe only where nothing depends on the arguments, since the
    /// caller can change them meanwhile.
    Continue,
}

/// The side of a filter that answers.
#[derive(Debug)]
pub struct Notifier {
    fd: OwnedFd,
}

impl Notifier {
    /// Takes the descriptor that [`load_with_listener`] gave.
    pub fn new(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// The next question. Nothing when its caller has gone meanwhile. Blocks unless poll(2) said that one
    /// waits.
    pub fn receive(&self) -> Result<Option<Question>> {
        // SAFETY: seccomp_notif is plain integers; the kernel wants it zeroed.
        let mut raw: libc::seccomp_notif = unsafe { std::mem::zeroed() };
        // SAFETY: the request number carries the size of the structure, which `raw` is.
        if unsafe { libc::ioctl(self.fd.as_raw_fd(), NOTIF_RECV, &raw mut raw) } != 0 {
            return match last_errno() {
                Errno::NOENT | Errno::INTR | Errno::AGAIN => Ok(None),
                errno => Err(Error::new("ioctl(SECCOMP_IOCTL_NOTIF_RECV)", errno)),
            };
        }
        Ok(Some(Question {
            id: raw.id,
            pid: raw.pid,
            call: raw.data.nr,
            arch: raw.data.arch,
            arguments: raw.data.args,
        }))
    }

    /// Whether the caller of `question` still waits. To be asked after opening anything of the process
    /// by its number, before using it: the number may be another's by now.
    pub fn waits(&self, question: &Question) -> bool {
        // SAFETY: the kernel reads one u64.
        unsafe { libc::ioctl(self.fd.as_raw_fd(), NOTIF_ID_VALID, &raw const question.id) == 0 }
    }

    /// Answers. A caller that has gone is no error.
    pub fn answer(&self, question: &Question, answer: Answer) -> Result<()> {
        let (val, error, flags) = match answer {
            Answer::Value(value) => (value, 0, 0),
            Answer::Failure(errno) => (0, -errno.raw_os_error(), 0),
            Answer::Continue => (0, 0, libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32),
        };
        let response = libc::seccomp_notif_resp { id: question.id, val, error, flags };
        // SAFETY: the request number carries the size of the structure, which `response` is.
        if unsafe { libc::ioctl(self.fd.as_raw_fd(), NOTIF_SEND, &raw const response) } == 0 {
            return Ok(());
        }
        match last_errno() {
            Errno::NOENT => Ok(()),
            errno => Err(Error::new("ioctl(SECCOMP_IOCTL_NOTIF_SEND)", errno)),
        }
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO)
}

// linux/seccomp.h: _IOWR('!', 0, struct seccomp_notif), _IOWR('!', 1, struct seccomp_notif_resp) and
// _IOW('!', 2, __u64).
const NOTIF_RECV: libc::c_ulong = 0xc050_2100;
const NOTIF_SEND: libc::c_ulong = 0xc018_2101;
const NOTIF_ID_VALID: libc::c_ulong = 0x4008_2102;
