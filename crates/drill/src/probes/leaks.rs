// SPDX-License-Identifier: Apache-2.0
//! What the host tells without being asked.
//!
//! A file of /proc counts as the host's unless another file covers it (its device number is not that of
//! /proc itself) and what it says is not known to be the host's all the same. Clocks that count from the
//! host's start show at least what the host's showed before the container began.

use std::io::Read;
use std::os::unix::fs::MetadataExt;

use super::{Row, Seen, row};
use crate::Class::Leak;
use crate::Wall;

macro_rules! readable {
    ($id:literal, $title:literal, $path:literal) => {
        row($id, Leak, $title, |_| readable($path)).file(&[$path])
    };
}

macro_rules! listed {
    ($id:literal, $title:literal, $path:literal) => {
        row($id, Leak, $title, |_| listed($path)).file(&[$path])
    };
}

pub(super) const ROWS: &[Row] = &[
    readable!("r-kcore", "read the kernel's memory", "/proc/kcore").wants("SYS_RAWIO"),
    readable!("r-keys", "read /proc/keys", "/proc/keys"),
    readable!("r-key-users", "read /proc/key-users", "/proc/key-users"),
    readable!("r-timer", "read /proc/timer_list", "/proc/timer_list"),
    row("r-kmsg", Leak, "read /proc/kmsg", |_| kmsg()).file(&["/proc/kmsg"]).wants("SYSLOG"),
    row("r-kallsyms", Leak, "addresses of the kernel's symbols", |_| {
        told("/proc/kallsyms", |text| {
            text.lines().any(|line| !line.starts_with("0000000000000000") && line.len() > 20)
        })
    })
    .file(&["/proc/kallsyms"])
    .wants("SYSLOG")
    .held(&[Wall::Capabilities]),
    readable!("r-iomem", "the map of physical memory", "/proc/iomem"),
    listed!("r-firmware", "list /sys/firmware", "/sys/firmware"),
    readable!("r-powercap", "energy counters (PLATYPUS)", "/sys/class/powercap/intel-rapl:0/energy_uj"),
    listed!("r-acpi", "list /proc/acpi", "/proc/acpi"),
    row("r-cmdline", Leak, "the host kernel's command line", |here| {
        of_the_host("/proc/cmdline", here.facts.cmdline.as_deref())
    }),
    readable!("r-config", "the host kernel's configuration", "/proc/config.gz"),
    readable!("r-modules", "the host's modules", "/proc/modules"),
    readable!("r-slab", "the kernel's heap", "/proc/slabinfo"),
    readable!("r-interrupts", "the host's interrupts", "/proc/interrupts"),
    readable!("r-diskstats", "the host's disk statistics", "/proc/diskstats"),
    row("r-partitions", Leak, "the host's partitions", |_| {
        told("/proc/partitions", |text| text.lines().count() > 2)
    })
    .file(&["/proc/partitions"]),
    row("r-swaps", Leak, "the host's swap", |_| of_the_host("/proc/swaps", None)).file(&["/proc/swaps"]),
    row("r-loadavg", Leak, "the host's load", |_| of_the_host("/proc/loadavg", None)),
    row("r-uptime", Leak, "the host's uptime", |here| {
        told("/proc/uptime", |text| {
            let own = text.split('.').next().and_then(|seconds| seconds.parse::<u64>().ok());
            match (own, here.facts.uptime) {
                (Some(own), Some(host)) => own + ROUNDING >= host,
                (own, _) => own.is_some(),
            }
        })
    })
    .held(&[Wall::TimeNamespace]),
    row("r-psi", Leak, "the host's pressure", |_| of_the_host("/proc/pressure/cpu", None))
        .file(&["/proc/pressure/cpu"]),
    row("r-stat", Leak, "the host's processor times", |here| {
        told("/proc/stat", |text| {
            let boot = text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<i64>().ok());
            let now = kernel::rustix::time::clock_gettime(kernel::rustix::time::ClockId::Realtime).tv_sec;
            let uptime = here.facts.uptime.and_then(|uptime| i64::try_from(uptime).ok());
            match (boot, uptime) {
                (Some(boot), Some(uptime)) => now - boot + ROUNDING.cast_signed() >= uptime,
                (boot, _) => boot.is_some(),
            }
        })
    }),
    readable!("r-zoneinfo", "the host's memory zones", "/proc/zoneinfo"),
    row("r-boot_id", Leak, "the host's boot id", |here| {
        of_the_host("/proc/sys/kernel/random/boot_id", here.facts.boot_id.as_deref())
    }),
    row("r-core_pattern", Leak, "where the host puts core dumps", |_| {
        of_the_host("/proc/sys/kernel/core_pattern", None)
    }),
    readable!("r-crypto", "the host's crypto drivers", "/proc/crypto"),
    readable!("r-dmi", "the machine's model", "/sys/class/dmi/id/product_name"),
    readable!("r-btf", "the kernel's types (help an exploit)", "/sys/kernel/btf/vmlinux"),
    listed!("r-sysblock", "the host's disks in /sys", "/sys/block"),
    row("r-upperdir", Leak, "the storage's path in mountinfo", |_| {
        let mounts = match std::fs::read_to_string("/proc/self/mountinfo") {
            Ok(mounts) => mounts,
            Err(error) => return Seen::io("/proc/self/mountinfo", &error),
        };
        let path = mounts
            .split(['=', ',', ' ', ':'])
            .find(|word| word.matches('/').count() > 2 && STORAGE.iter().any(|name| word.contains(name)));
        match path {
            Some(path) => Seen::Open(path.to_owned()),
            None => Seen::Stopped("no path of a storage".into()),
        }
    })
    .held(&[Wall::Mounts]),
    row("r-sysinfo", Leak, "the host's memory by sysinfo(2)", |here| {
        let info = kernel::rustix::system::sysinfo();
        let total = u64::from(info.mem_unit.max(1)).saturating_mul(info.totalram);
        Seen::open_if(here.facts.memory.is_none_or(|host| host == total), format!("{total} bytes"))
    }),
    row("r-ncpu", Leak, "the host's number of processors", |here| {
        match kernel::rustix::thread::sched_getaffinity(None).map(|set| set.count() as usize) {
            Ok(own) => Seen::open_if(
                here.facts.processors.is_none_or(|host| host == own),
                format!("{own} processors"),
            ),
            Err(errno) => Seen::refused(errno.raw_os_error()),
        }
    }),
];

/// Opened and not read: what one reads is gone for the others. The kernel asks for the permission when
/// the file is opened.
fn kmsg() -> Seen {
    match (std::fs::File::open("/proc/kmsg"), is_covered("/proc/kmsg")) {
        (Ok(_), Ok(true)) => Seen::Stopped("another file covers it".into()),
        (Ok(_), Ok(false)) => Seen::Open("the log is open for reading".into()),
        (Err(error), _) | (_, Err(error)) => Seen::io("/proc/kmsg", &error),
    }
}

fn start(path: &str) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(64 << 10).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Open when anything comes out.
fn readable(path: &str) -> Seen {
    told(path, |text| !text.trim().is_empty())
}

fn listed(path: &str) -> Seen {
    match std::fs::read_dir(path).map(Iterator::count) {
        Ok(count) => Seen::open_if(count > 0, format!("{count} entries")),
        Err(error) => Seen::io(path, &error),
    }
}

/// Open when the file says something and is the kernel's own, or is known to say what the host's does.
fn of_the_host(path: &str, host: Option<&str>) -> Seen {
    let covered = match is_covered(path) {
        Ok(covered) => covered,
        Err(error) => return Seen::io(path, &error),
    };
    told(path, |text| match host {
        Some(host) => text == host,
        None => !covered && !text.trim().is_empty(),
    })
}

/// Whether another file lies over one of /proc.
fn is_covered(path: &str) -> std::io::Result<bool> {
    Ok(std::fs::metadata(path)?.dev() != std::fs::metadata("/proc/self")?.dev())
}

/// Open when the text is telling.
fn told(path: &str, telling: impl FnOnce(&str) -> bool) -> Seen {
    let text = match start(path) {
        Ok(text) => text,
        Err(error) => return Seen::io(path, &error),
    };
    Seen::open_if(telling(&text), first_line(&text))
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let binary =
        line.contains(|letter: char| letter == '\u{fffd}' || (letter.is_control() && letter != '\t'));
    match (text.trim().is_empty(), binary) {
        (true, _) => "empty".to_owned(),
        (false, true) => "bytes that are no text".to_owned(),
        (false, false) => line.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(80).collect(),
    }
}

const STORAGE: [&str; 4] = ["/overlay", "/docker", "/containers", "/layers"];
/// Seconds: sysinfo(2) rounds up, /proc/uptime down.
const ROUNDING: u64 = 2;
