// SPDX-License-Identifier: Apache-2.0
//! Bounds, as they can be seen from inside.

use kernel::rustix::fs::{Access, access};
use kernel::rustix::process::{Resource as Limit, getrlimit, setrlimit};

use super::{Row, Seen, row};
use crate::Class::Resource;
use crate::Wall;

pub(super) const ROWS: &[Row] = &[
    row("rlimit-raise", Resource, "raise the limit of open files", |_| {
        let mut limit = getrlimit(Limit::Nofile);
        let Some(hard) = limit.maximum else { return Seen::Open("there is no hard limit".into()) };
        limit.maximum = Some(hard + 1);
        match setrlimit(Limit::Nofile, limit) {
            Ok(()) => Seen::Open(format!("{hard} became {}", hard + 1)),
            Err(errno) => Seen::refused(errno.raw_os_error()),
        }
    })
    .wants("SYS_RESOURCE")
    .held(&[Wall::Capabilities]),
    row("oom-protect", Resource, "never be killed for memory", |_| {
        match std::fs::write("/proc/self/oom_score_adj", "-1000") {
            Ok(()) => Seen::Open("oom_score_adj is -1000".into()),
            Err(error) => Seen::io("oom_score_adj -1000", &error),
        }
    })
    .wants("SYS_RESOURCE")
    .held(&[Wall::Capabilities]),
    row("mem-limit", Resource, "no bound on memory", |_| {
        bounded(&["memory.max", "memory/memory.limit_in_bytes", "memory.limit_in_bytes"])
    })
    .held(&[Wall::Cgroup]),
    row("pids-limit", Resource, "no bound on processes (fork bomb)", |_| {
        bounded(&["pids.max", "pids/pids.max"])
    })
    .held(&[Wall::Cgroup]),
    row("cpu-limit", Resource, "no bound on processor time", |_| {
        bounded(&["cpu.max", "cpu/cpu.cfs_quota_us", "cpu,cpuacct/cpu.cfs_quota_us"])
    })
    .held(&[Wall::Cgroup]),
    row("disk-quota", Resource, "fill the host's disk", |_| disk_room()).held(&[Wall::Mounts]),
    // Neither a default nor a person's wish can be above the host's own.
    row("ulimits", Resource, "no bound on open files", |_| {
        let hard = getrlimit(Limit::Nofile).maximum;
        Seen::open_if(hard.is_none_or(|hard| hard > 1 << 21), shown(hard))
    })
    .held(&[Wall::Rlimits]),
    row("coredump", Resource, "core dumps are written", |_| {
        let hard = getrlimit(Limit::Core).maximum;
        Seen::open_if(hard != Some(0), shown(hard))
    })
    .held(&[Wall::Rlimits]),
];

/// The room in what can be written and is on a disk: of any mount, be it a single file.
fn disk_room() -> Seen {
    let mounts = match std::fs::read_to_string("/proc/self/mountinfo") {
        Ok(mounts) => mounts,
        Err(error) => return Seen::Unknown(format!("/proc/self/mountinfo: {error}")),
    };
    let places = mounts.lines().filter_map(disk_mount).filter(|place| {
        access(*place, Access::WRITE_OK).is_ok() || (*place == "/" && super::files::writable_root())
    });
    let room = |place| {
        let stat = kernel::rustix::fs::statvfs(place).ok()?;
        Some((stat.f_bavail.saturating_mul(stat.f_frsize) >> 30, place))
    };
    match places.filter_map(room).max() {
        Some((gigabytes @ 5.., place)) => Seen::Open(format!("{gigabytes} GiB can be written in {place}")),
        // A small disk is no wall's merit.
        Some((gigabytes, place)) => Seen::Absent(format!("only {gigabytes} GiB are free in {place}")),
        None => Seen::Stopped("nothing on a disk can be written".into()),
    }
}

/// The mount point of a line of mountinfo, when it is writable and not in memory.
fn disk_mount(line: &str) -> Option<&str> {
    let fields: Vec<&str> = line.split(' ').collect();
    let kind = fields.get(fields.iter().position(|field| *field == "-")? + 1)?;
    let writable = fields.get(5)?.split(',').any(|option| option == "rw");
    (writable && !IN_MEMORY.contains(kind)).then(|| fields[4])
}

fn shown(hard: Option<u64>) -> String {
    hard.map_or_else(|| "no hard limit".to_owned(), |hard| format!("hard limit {hard}"))
}

/// A number in one of these files of the cgroup is a bound; a missing file is none.
fn bounded(files: &[&str]) -> Seen {
    for file in files {
        let path = format!("/sys/fs/cgroup/{file}");
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let first = text.split_whitespace().next().unwrap_or("max");
        // v1 says "none" as -1 or as a number near 2^63.
        let bound = first.parse::<i64>().ok().filter(|value| *value >= 0 && *value < 1 << 60);
        return Seen::open_if(bound.is_none(), format!("{path}: {first}"));
    }
    Seen::Open("no cgroup file tells of one".into())
}

const IN_MEMORY: [&str; 9] =
    ["tmpfs", "ramfs", "devtmpfs", "proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"];
