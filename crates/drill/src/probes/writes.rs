// SPDX-License-Identifier: Apache-2.0
//! Files whose writing changes the host. They are opened for writing, and nothing is written.

use std::path::PathBuf;

use super::{Row, Seen, row};
use crate::Class::{Attempt, Posture};
use crate::Wall;

macro_rules! file {
    ($id:literal, $title:literal, $path:literal) => {
        row($id, Attempt, $title, |_| any(&[$path.to_owned()])).file(&[$path])
    };
}

pub(super) const ROWS: &[Row] = &[
    file!("w-core_pattern", "write core_pattern: a host program runs", "/proc/sys/kernel/core_pattern"),
    file!("w-sysrq", "write sysrq-trigger: the host reboots", "/proc/sysrq-trigger"),
    file!("w-modprobe", "write modprobe: a host program runs", "/proc/sys/kernel/modprobe"),
    file!("w-uevent", "write uevent_helper: a host program runs", "/sys/kernel/uevent_helper"),
    file!("w-panic", "write panic_on_oom: the host stops", "/proc/sys/vm/panic_on_oom"),
    file!("w-binfmt", "register a binary format: a host program runs", "/proc/sys/fs/binfmt_misc/register"),
    row("w-irq", Attempt, "write /proc/irq: interrupts are moved", |_| {
        any(&["/proc/irq/0/smp_affinity".to_owned(), "/proc/irq/default_smp_affinity".to_owned()])
    })
    .needs(&["/proc/irq"]),
    file!("w-thp", "write the huge-page switch", "/sys/kernel/mm/transparent_hugepage/enabled"),
    file!("w-ipfwd", "write ip_forward", "/proc/sys/net/ipv4/ip_forward"),
    file!("w-hostname", "write kernel.hostname", "/proc/sys/kernel/hostname"),
    row("release_agent", Attempt, "write release_agent: a host program runs", |_| {
        cgroup_files(&["release_agent"])
    })
    .needs(&["/sys/fs/cgroup/memory/release_agent", "/sys/fs/cgroup/systemd/release_agent"])
    .held(&[Wall::CgroupNamespace]),
    row("devices.allow", Attempt, "write devices.allow: every device opens", |_| {
        cgroup_files(&["devices.allow"])
    })
    .needs(&["/sys/fs/cgroup/devices/devices.allow"])
    .held(&[Wall::CgroupNamespace]),
    row("cgroup-write", Attempt, "write the own limit", |_| {
        cgroup_files(&["memory.limit_in_bytes", "memory.max", "pids.max"])
    })
    .held(&[Wall::Mounts]),
    row("attr-exec", Posture, "write the label of the next program", |_| {
        any(&["/proc/self/attr/exec".to_owned()])
    }),
    row("exe-write", Posture, "overwrite the program of process 1 (CVE-2019-5736)", |_| {
        any(&["/proc/1/exe".to_owned()])
    })
    .held(&[Wall::Kernel]),
];

fn any(paths: &[String]) -> Seen {
    Seen::most_telling(paths.iter().map(|path| match std::fs::OpenOptions::new().write(true).open(path) {
        Ok(_) => Seen::Open(format!("{path} is open for writing")),
        Err(error) => Seen::io(path, &error),
    }))
}

/// Files of these names in what is shown of the cgroups.
fn cgroup_files(names: &[&str]) -> Seen {
    let root = PathBuf::from("/sys/fs/cgroup");
    let below = std::fs::read_dir(&root).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let places: Vec<PathBuf> = std::iter::once(root.clone()).chain(below).collect();
    let files =
        places.iter().flat_map(|place| names.iter().map(|name| place.join(name).display().to_string()));
    any(&files.collect::<Vec<_>>())
}
