// SPDX-License-Identifier: Apache-2.0
//! Bounds, as they can be seen from inside.

use kernel::rustix::process::{Resource as Limit, getrlimit, setrlimit};

use super::{Here, Row, Seen, row};
use crate::Class::Resource;

pub(super) const ROWS: &[Row] = &[
    row("rlimit-raise", Resource, "raise the limit of open files", |_| {
        let mut limit = getrlimit(Limit::Nofile);
        let Some(hard) = limit.maximum else { return Seen::Open("there is no hard limit".into()) };
        limit.maximum = Some(hard + 1);
        match setrlimit(Limit::Nofile, limit) {
            Ok(()) => Seen::Open(format!("{hard} became {}", hard + 1)),
            Err(errno) => Seen::Stopped(super::try_call::name(errno.raw_os_error())),
        }
    }),
    row("oom-protect", Resource, "never be killed for memory", |_| match std::fs::write("/proc/self/oom_score_adj", "-1000") {
        Ok(()) => Seen::Open("oom_score_adj is -1000".into()),
        Err(error) => Seen::Stopped(error.to_string()),
    }),
    row("mem-limit", Resource, "no bound on memory", |here| {
        bounded(here, &["memory.max", "memory/memory.limit_in_bytes", "memory.limit_in_bytes"])
    }),
    row("pids-limit", Resource, "no bound on processes (fork bomb)", |here| bounded(here, &["pids.max", "pids/pids.max"])),
    row("cpu-limit", Resource, "no bound on processor time", |here| {
        bounded(here, &["cpu.max", "cpu/cpu.cfs_quota_us", "cpu,cpuacct/cpu.cfs_quota_us"])
    }),
    row("disk-quota", Resource, "fill the host's disk", |_| {
        let place = super::files::writable();
        let room = place.ok().and_then(|place| kernel::rustix::fs::statvfs(&place).ok());
        match room {
            Some(room) => {
                let gigabytes = (room.f_bavail * room.f_frsize) >> 30;
                Seen::open_if(gigabytes > 4, format!("{gigabytes} GiB can be written"))
            }
            None => Seen::Stopped("nothing can be written".into()),
        }
    }),
    row("ulimits", Resource, "no bound on open files", |_| {
        let hard = getrlimit(Limit::Nofile).maximum;
        Seen::open_if(hard.is_none_or(|hard| hard > 1 << 21), format!("hard limit {hard:?}"))
    }),
    row("coredump", Resource, "core dumps are written", |_| {
        let hard = getrlimit(Limit::Core).maximum;
        Seen::open_if(hard != Some(0), format!("hard limit {hard:?}"))
    }),
];

/// A number in one of these files of the cgroup is a bound; a missing file is none.
fn bounded(_: &Here<'_>, files: &[&str]) -> Seen {
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
