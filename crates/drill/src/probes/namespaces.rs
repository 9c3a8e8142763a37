// SPDX-License-Identifier: Apache-2.0
//! Shared namespaces, and making new ones.

use kernel::probe::Arg::{In, Int};

use super::{Here, Row, Seen, errno, row};
use crate::Class::{Attempt, Posture};
use crate::Wall;
use crate::facts::namespace;

pub(super) const ROWS: &[Row] = &[
    row("ns-user", Posture, "shares the host's user namespace", |here| shared(here, "user"))
        .held(&[Wall::User]),
    row("ns-pid", Attempt, "shares the host's pid namespace", |here| shared(here, "pid"))
        .held(&[Wall::PidNamespace]),
    row("ns-mnt", Attempt, "shares the host's mount namespace", |here| shared(here, "mnt"))
        .held(&[Wall::MountNamespace]),
    row("ns-net", Attempt, "shares the host's network namespace", |here| shared(here, "net"))
        .held(&[Wall::NetworkNamespace]),
    row("ns-ipc", Attempt, "shares the host's ipc namespace", |here| shared(here, "ipc"))
        .held(&[Wall::IpcNamespace]),
    row("ns-uts", Attempt, "shares the host's uts namespace", |here| shared(here, "uts"))
        .held(&[Wall::UtsNamespace]),
    row("ns-cgroup", Posture, "shares the host's cgroup namespace", |here| shared(here, "cgroup"))
        .held(&[Wall::CgroupNamespace]),
    row("ns-time", Posture, "shares the host's time namespace", |here| shared(here, "time"))
        .held(&[Wall::TimeNamespace]),
    row("unshare-user", Attempt, "unshare(CLONE_NEWUSER)", |here| here.knock(UNSHARE, &mut [Int(NEWUSER)])),
    row("clone-user", Attempt, "clone(CLONE_NEWUSER)", |here| {
        spawned(here.process.call(CLONE, &mut [Int(NEWUSER | SIGCHLD), Int(0), Int(0), Int(0), Int(0)]))
    }),
    row("clone3-user", Attempt, "clone3(CLONE_NEWUSER)", |here| {
        let mut arguments = [0u8; 88];
        arguments[..8].copy_from_slice(&NEWUSER.to_le_bytes());
        arguments[32..40].copy_from_slice(&SIGCHLD.to_le_bytes());
        spawned(here.process.call(CLONE3, &mut [In(&arguments), Int(88)]))
    }),
    row("unshare-mnt", Attempt, "unshare(CLONE_NEWNS)", |here| here.knock(UNSHARE, &mut [Int(0x0002_0000)]))
        .wants("SYS_ADMIN"),
    row("unshare-net", Attempt, "unshare(CLONE_NEWNET)", |here| here.knock(UNSHARE, &mut [Int(0x4000_0000)]))
        .wants("SYS_ADMIN"),
    row("unshare-time", Attempt, "unshare(CLONE_NEWTIME)", |here| here.knock(UNSHARE, &mut [Int(0x80)]))
        .wants("SYS_ADMIN"),
    row("setns", Attempt, "setns(own uts)", |here| match std::fs::File::open("/proc/self/ns/uts") {
        Ok(file) => here.knock(
            SETNS,
            &mut [Int(std::os::fd::AsRawFd::as_raw_fd(&file).unsigned_abs().into()), Int(0x0400_0000)],
        ),
        Err(error) => Seen::io("/proc/self/ns/uts", &error),
    })
    .wants("SYS_ADMIN"),
];

fn shared(here: &Here<'_>, name: &str) -> Seen {
    if let Err(error) = std::fs::symlink_metadata("/proc/self/ns") {
        return Seen::Unknown(format!("/proc/self/ns: {error}"));
    }
    let Some(own) = namespace(name) else {
        return Seen::Refused(errno::ENOSYS, format!("no {name} namespace in this kernel"));
    };
    let shown = format!("{name}:[{own}]");
    if let Some(host) = here.facts.namespaces.get(name) {
        return Seen::open_if(own == *host, format!("{shown}, the host's is {host}"));
    }
    match FIRST.iter().find(|(known, _)| *known == name) {
        Some((_, host)) => Seen::open_if(own == *host, format!("{shown}, the host's is {host}")),
        None => Seen::open_if(
            own < EARLY || kernel_threads_in_sight(),
            format!("{shown}, the host's is not known; those of the start have low numbers"),
        ),
    }
}

/// Whether process 2 is the host's kthreadd.
pub(super) fn kernel_threads_in_sight() -> bool {
    std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name.trim() == "kthreadd")
}

/// The new process, on a copy of this memory, must not go on: it ends at once.
fn spawned(result: Result<i64, i32>) -> Seen {
    match result {
        Ok(0) => kernel::process::exit_now(0),
        Ok(_) => Seen::Open("a process was made".into()),
        Err(errno) => Seen::refused(errno),
    }
}

/// The first namespaces have fixed numbers (include/linux/proc_ns.h) ...
const FIRST: [(&str, u64); 6] = [
    ("ipc", 0xefff_ffff),
    ("uts", 0xefff_fffe),
    ("user", 0xefff_fffd),
    ("pid", 0xefff_fffc),
    ("cgroup", 0xefff_fffb),
    ("time", 0xefff_fffa),
];
/// ... but those of mounts and networks have not before Linux 6.18: they are numbered while the kernel
/// starts, from 0xf0000000 on, before anything else can have one.
const EARLY: u64 = 0xf000_00a0;
const NEWUSER: u64 = 0x1000_0000;
const SIGCHLD: u64 = 17;
const UNSHARE: i64 = 272;
const CLONE: i64 = 56;
const CLONE3: i64 = 435;
const SETNS: i64 = 308;
