// SPDX-License-Identifier: Apache-2.0
//! Changing the tree of mounts. What is mounted is unmounted again, what is changed is put back.

use std::ffi::CString;

use kernel::probe::Arg::{In, Int};

use super::errno::{EAGAIN, EBADF, EBUSY, EINVAL, ENODEV, ENOENT, ENOTDIR};
use super::files::writable;
use super::{Here, Row, Seen, row};
use crate::Class::Attempt;
use crate::Wall;

pub(super) const ROWS: &[Row] = &[
    row("mount-tmpfs", Attempt, "mount a tmpfs", |here| mount(here, b"tmpfs\0", b"\0")).wants("SYS_ADMIN"),
    row("mount-proc", Attempt, "mount a fresh proc", |here| mount(here, b"proc\0", b"\0")).wants("SYS_ADMIN"),
    row("mount-cgroup", Attempt, "mount a v1 cgroup (release_agent, CVE-2022-0492)", |here| {
        mount(here, b"cgroup\0", b"memory\0")
    })
    .wants("SYS_ADMIN")
    .held(&[Wall::CgroupNamespace]),
    row("remount-proc-sys", Attempt, "make /proc/sys writable", remount_proc_sys).wants("SYS_ADMIN"),
    row("umount-mask", Attempt, "take a mask away", umount_mask).wants("SYS_ADMIN"),
    row("pivot_root", Attempt, "pivot_root(2)", |here| {
        here.knock_until(155, &mut [In(b"/\0"), In(b"/\0")], &[EBUSY, EINVAL, ENOTDIR])
    })
    .wants("SYS_ADMIN"),
    row("fsopen", Attempt, "fsopen(2)", |here| here.knock(430, &mut [In(b"tmpfs\0"), Int(0)]))
        .wants("SYS_ADMIN"),
    row("open_tree", Attempt, "open_tree(OPEN_TREE_CLONE)", |here| {
        here.knock(428, &mut [Int(AT_FDCWD), In(b"/\0"), Int(1)])
    })
    .wants("SYS_ADMIN"),
    row("mount_setattr", Attempt, "mount_setattr(2)", |here| {
        here.knock_until(
            442,
            &mut [Int(u64::MAX), In(b"\0"), Int(0x1000), In(&[0; 32]), Int(32)],
            &[EBADF, EINVAL],
        )
    })
    .wants("SYS_ADMIN"),
    row("move_mount", Attempt, "move_mount(2)", |here| {
        here.knock_until(
            429,
            &mut [Int(u64::MAX), In(b"\0"), Int(u64::MAX), In(b"\0"), Int(0x44)],
            &[EBADF, ENOENT, EINVAL],
        )
    })
    .wants("SYS_ADMIN"),
];

/// On a directory of its own, or over /dev/shm where none can be made.
fn mount(here: &Here<'_>, kind: &[u8], options: &[u8]) -> Seen {
    let own = writable().map(|place| place.join(format!(".drill-mount-{}", std::process::id())));
    let own = own.and_then(|place| std::fs::create_dir(&place).map(|()| place));
    let place = own.as_deref().unwrap_or(std::path::Path::new("/dev/shm"));
    let Ok(target) = CString::new(place.to_string_lossy().into_owned()) else {
        return Seen::Unknown("no place to mount on".into());
    };
    let seen = here.knock_until(
        MOUNT,
        &mut [In(b"none\0"), In(target.as_bytes_with_nul()), In(kind), Int(0), In(options)],
        &[EBUSY, ENODEV, EINVAL],
    );
    if matches!(&seen, Seen::Open(what) if what.starts_with("returned"))
        && let Err(errno) = here.process.call(UMOUNT, &mut [In(target.as_bytes_with_nul()), Int(MNT_DETACH)])
    {
        return Seen::Open(format!("mounted, and it cannot be taken away (errno {errno})"));
    }
    if let Ok(place) = own
        && let Err(error) = std::fs::remove_dir(&place)
    {
        return Seen::Unknown(format!("{} cannot be removed: {error}", place.display()));
    }
    seen
}

/// What succeeds is put back at once.
fn remount_proc_sys(here: &Here<'_>) -> Seen {
    let remount = |flags: u64| {
        // EINVAL: past the check, and /proc/sys is no mount of its own.
        here.knock_until(
            MOUNT,
            &mut [Int(0), In(b"/proc/sys\0"), Int(0), Int(MS_REMOUNT | MS_BIND | flags), Int(0)],
            &[EINVAL],
        )
    };
    let Ok(before) = kernel::rustix::fs::statvfs("/proc/sys") else {
        return Seen::Unknown("/proc/sys is not there".into());
    };
    let kept = before.f_flag.bits() & (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
    let seen = remount(kept & !MS_RDONLY);
    if matches!(&seen, Seen::Open(what) if what.starts_with("returned")) && !remount(kept).is_open() {
        return Seen::Open("it is writable now, and cannot be put back".into());
    }
    seen
}

/// MNT_EXPIRE does what umount does up to the last step, which it leaves to a second call (umount2(2)).
fn umount_mask(here: &Here<'_>) -> Seen {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    let masks: Vec<&str> =
        points.filter(|path| path.starts_with("/proc/") || path.starts_with("/sys/")).collect();
    // Without a single mask the same door is knocked at where there is always a mount.
    let target = masks.first().copied().unwrap_or("/dev/shm");
    let Ok(name) = CString::new(target) else { return Seen::Unknown("no mount to try".into()) };
    match here.process.call(UMOUNT, &mut [In(name.as_bytes_with_nul()), Int(MNT_EXPIRE)]) {
        Ok(_) | Err(EAGAIN | EBUSY) => {
            // A look at the mount takes the mark of the first call away again.
            let left = std::fs::metadata(target).map_or("gone", |_| "left");
            Seen::Open(format!("{target} can be unmounted ({left} there)"))
        }
        Err(errno) => Seen::Refused(errno, format!("umount {target}")),
    }
}

const MOUNT: i64 = 165;
const UMOUNT: i64 = 166;
const AT_FDCWD: u64 = (-100i64).cast_unsigned();
const MS_RDONLY: u64 = 1;
const MS_NOSUID: u64 = 2;
const MS_NODEV: u64 = 4;
const MS_NOEXEC: u64 = 8;
const MS_REMOUNT: u64 = 32;
const MS_BIND: u64 = 4096;
const MNT_DETACH: u64 = 2;
const MNT_EXPIRE: u64 = 4;
