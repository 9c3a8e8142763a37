// SPDX-License-Identifier: Apache-2.0
//! What the kernel answers (errno(3)), by number and by name.

pub(crate) const EPERM: i32 = 1;
pub(crate) const ENOENT: i32 = 2;
pub(crate) const ESRCH: i32 = 3;
pub(crate) const ENXIO: i32 = 6;
pub(crate) const ENOEXEC: i32 = 8;
pub(crate) const EBADF: i32 = 9;
pub(crate) const EAGAIN: i32 = 11;
pub(crate) const EACCES: i32 = 13;
pub(crate) const EFAULT: i32 = 14;
pub(crate) const ENOTBLK: i32 = 15;
pub(crate) const EBUSY: i32 = 16;
pub(crate) const ENODEV: i32 = 19;
pub(crate) const ENOTDIR: i32 = 20;
pub(crate) const EINVAL: i32 = 22;
pub(crate) const ETXTBSY: i32 = 26;
pub(crate) const EROFS: i32 = 30;
pub(crate) const ENOSYS: i32 = 38;
pub(crate) const EOVERFLOW: i32 = 75;
pub(crate) const EPROTONOSUPPORT: i32 = 93;
pub(crate) const EOPNOTSUPP: i32 = 95;
pub(crate) const EAFNOSUPPORT: i32 = 97;
pub(crate) const EADDRINUSE: i32 = 98;
pub(crate) const ESTALE: i32 = 116;
pub(crate) const ENOKEY: i32 = 126;

/// A kernel without the feature says one of these, once no filter answers in its place.
pub(crate) const ABSENT: [i32; 5] = [ENXIO, ENODEV, ENOSYS, EPROTONOSUPPORT, EAFNOSUPPORT];

/// `EPERM: Operation not permitted`, or the words alone.
pub(crate) fn words(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    match NAMES.iter().find(|(number, _)| *number == errno) {
        Some((_, name)) => format!("{name}: {text}"),
        None => text.to_owned(),
    }
}

const NAMES: [(i32, &str); 14] = [
    (EPERM, "EPERM"),
    (ENOENT, "ENOENT"),
    (ENXIO, "ENXIO"),
    (EACCES, "EACCES"),
    (EBUSY, "EBUSY"),
    (ENODEV, "ENODEV"),
    (EINVAL, "EINVAL"),
    (ETXTBSY, "ETXTBSY"),
    (EROFS, "EROFS"),
    (ENOSYS, "ENOSYS"),
    (EOVERFLOW, "EOVERFLOW"),
    (EPROTONOSUPPORT, "EPROTONOSUPPORT"),
    (EOPNOTSUPP, "EOPNOTSUPP"),
    (EAFNOSUPPORT, "EAFNOSUPPORT"),
];
