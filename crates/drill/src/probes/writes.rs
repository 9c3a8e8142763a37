// SPDX-License-Identifier: Apache-2.0
//! Files whose writing changes the host. They are opened for writing, and nothing is written.

use std::path::PathBuf;

use super::{Row, Seen, row};
use crate::Class::{Attempt, Posture};

pub(super) const ROWS: &[Row] = &[
    row("w-core_pattern", Attempt, "write core_pattern: a host program runs", |_| any(&["/proc/sys/kernel/core_pattern"])),
    row("w-sysrq", Attempt, "write sysrq-trigger: the host reboots", |_| any(&["/proc/sysrq-trigger"])),
    row("w-modprobe", Attempt, "write modprobe: a host program runs", |_| any(&["/proc/sys/kernel/modprobe"])),
    row("w-uevent", Attempt, "write uevent_helper: a host program runs", |_| any(&["/sys/kernel/uevent_helper"])),
    row("w-panic", Attempt, "write panic_on_oom: the host stops", |_| any(&["/proc/sys/vm/panic_on_oom"])),
    row("w-binfmt", Attempt, "register a binary format: a host program runs", |_| any(&["/proc/sys/fs/binfmt_misc/register"])),
    row("w-irq", Attempt, "write /proc/irq: interrupts are moved", |_| any(&["/proc/irq/0/smp_affinity", "/proc/irq/default_smp_affinity"])),
    row("w-thp", Attempt, "write the huge-page switch", |_| any(&["/sys/kernel/mm/transparent_hugepage/enabled"])),
    row("w-ipfwd", Attempt, "write ip_forward", |_| any(&["/proc/sys/net/ipv4/ip_forward"])),
    row("w-hostname", Attempt, "write kernel.hostname", |_| any(&["/proc/sys/kernel/hostname"])),
    row("release_agent", Attempt, "write release_agent: a host program runs", |_| cgroup_files("release_agent")),
    row("devices.allow", Attempt, "write devices.allow: every device opens", |_| cgroup_files("devices.allow")),
    row("cgroup-write", Attempt, "write the own limit", |_| {
        let seen = cgroup_files("memory.limit_in_bytes");
        if matches!(seen, Seen::Open(_)) { seen } else { cgroup_files("memory.max") }
    }),
    row("attr-exec", Posture, "write the label of the next program", |_| any(&["/proc/self/attr/exec"])),
    row("exe-write", Posture, "overwrite the program of process 1 (CVE-2019-5736)", |_| any(&["/proc/1/exe"])),
];

fn any(paths: &[&str]) -> Seen {
    let mut last = String::new();
    for path in paths {
        match std::fs::OpenOptions::new().write(true).open(path) {
            Ok(_) => return Seen::Open(format!("{path} is open for writing")),
            Err(error) => last = format!("{path}: {error}"),
        }
    }
    Seen::Stopped(last)
}

/// A file of this name in what is shown of the cgroups.
fn cgroup_files(name: &str) -> Seen {
    let root = PathBuf::from("/sys/fs/cgroup");
    let mut places = vec![root.clone()];
    places.extend(std::fs::read_dir(&root).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())));
    let files: Vec<String> = places.iter().map(|place| place.join(name).display().to_string()).collect();
    any(&files.iter().map(String::as_str).collect::<Vec<_>>())
}
