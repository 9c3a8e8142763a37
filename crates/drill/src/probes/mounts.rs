// SPDX-License-Identifier: Apache-2.0
//! Changing the tree of mounts. What is mounted is unmounted again, and the container is thrown away.

use std::ffi::CString;

use kernel::probe::Arg::{In, Int};

use super::files::writable;
use super::try_call::{EBADF, EBUSY, EINVAL, ENODEV, ENOENT, ENOTDIR};
use super::{Here, Row, Seen, row};
use crate::Class::Attempt;

pub(super) const ROWS: &[Row] = &[
    row("mount-tmpfs", Attempt, "mount a tmpfs", |here| mount(here, b"tmpfs\0", b"\0")),
    row("mount-proc", Attempt, "mount a fresh proc", |here| mount(here, b"proc\0", b"\0")),
    row("mount-cgroup", Attempt, "mount a v1 cgroup (release_agent, CVE-2022-0492)", |here| mount(here, b"cgroup\0", b"memory\0")),
    row("remount-proc-sys", Attempt, "make /proc/sys writable", |here| {
        let remount_bind = 32 | 4096;
        here.knock_until(MOUNT, &mut [Int(0), In(b"/proc/sys\0"), Int(0), Int(remount_bind), Int(0)], &[EINVAL])
    }),
    row("umount-mask", Attempt, "take a mask away", |here| {
        here.knock_until(UMOUNT, &mut [In(b"/proc/kcore\0"), Int(2)], &[EINVAL])
    }),
    row("pivot_root", Attempt, "pivot_root(2)", |here| here.knock_until(155, &mut [In(b"/\0"), In(b"/\0")], &[EBUSY, EINVAL, ENOTDIR])),
    row("fsopen", Attempt, "fsopen(2)", |here| here.knock(430, &mut [In(b"tmpfs\0"), Int(0)])),
    row("open_tree", Attempt, "open_tree(OPEN_TREE_CLONE)", |here| here.knock(428, &mut [Int(AT_FDCWD), In(b"/\0"), Int(1)])),
    row("mount_setattr", Attempt, "mount_setattr(2)", |here| {
        here.knock_until(442, &mut [Int(u64::MAX), In(b"\0"), Int(0x1000), In(&[0; 32]), Int(32)], &[EBADF, EINVAL])
    }),
    row("move_mount", Attempt, "move_mount(2)", |here| {
        here.knock_until(429, &mut [Int(u64::MAX), In(b"\0"), Int(u64::MAX), In(b"\0"), Int(0x44)], &[EBADF, ENOENT, EINVAL])
    }),
];

fn mount(here: &Here<'_>, kind: &[u8], options: &[u8]) -> Seen {
    let Ok(place) = writable() else { return Seen::Stopped("nowhere to mount".into()) };
    let place = place.join(format!(".drill-mount-{}", std::process::id()));
    drop(std::fs::create_dir(&place));
    let target = CString::new(place.to_string_lossy().into_owned()).unwrap_or_default();
    let seen = here.knock_until(
        MOUNT,
        &mut [In(b"none\0"), In(target.as_bytes_with_nul()), In(kind), Int(0), In(options)],
        &[EBUSY, ENODEV, EINVAL],
    );
    drop(here.process.call(UMOUNT, &mut [In(target.as_bytes_with_nul()), Int(2)]));
    drop(std::fs::remove_dir(&place));
    seen
}

const MOUNT: i64 = 165;
const UMOUNT: i64 = 166;
const AT_FDCWD: u64 = (-100i64).cast_unsigned();
