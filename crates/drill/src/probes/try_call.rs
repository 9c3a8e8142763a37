// SPDX-License-Identifier: Apache-2.0
//! Knocking at a system call.

use kernel::probe::Arg;

use super::{Here, Seen};

impl Here<'_> {
    /// The call must be refused; any success is an opening.
    pub(super) fn knock(&self, number: i64, arguments: &mut [Arg<'_>]) -> Seen {
        self.knock_until(number, arguments, &[])
    }

    /// The same, where the arguments are wrong on purpose: an errno of `past` comes after the permission
    /// check and means that the door was open.
    pub(super) fn knock_until(&self, number: i64, arguments: &mut [Arg<'_>], past: &[i32]) -> Seen {
        match self.process.call(number, arguments) {
            Ok(result) => Seen::Open(format!("returned {result}")),
            Err(errno) if past.contains(&errno) => Seen::Open(format!("past the check: {}", name(errno))),
            Err(errno) => Seen::Stopped(name(errno)),
        }
    }
}

/// An errno's name.
pub(super) fn name(errno: i32) -> String {
    let known = match errno {
        1 => "EPERM",
        2 => "ENOENT",
        13 => "EACCES",
        16 => "EBUSY",
        22 => "EINVAL",
        30 => "EROFS",
        38 => "ENOSYS",
        93 => "EPROTONOSUPPORT",
        97 => "EAFNOSUPPORT",
        _ => "",
    };
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_owned();
    if known.is_empty() { text } else { format!("{known}: {text}") }
}

pub(super) const EBADF: i32 = 9;
pub(super) const EFAULT: i32 = 14;
pub(super) const EBUSY: i32 = 16;
pub(super) const ENODEV: i32 = 19;
pub(super) const ENOTDIR: i32 = 20;
pub(super) const EINVAL: i32 = 22;
pub(super) const ENOENT: i32 = 2;
pub(super) const ENOEXEC: i32 = 8;
pub(super) const ENOTBLK: i32 = 15;
pub(super) const ESRCH: i32 = 3;
pub(super) const ENOKEY: i32 = 126;
pub(super) const ENOTTY: i32 = 25;
