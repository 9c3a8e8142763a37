// SPDX-License-Identifier: Apache-2.0
//! What the host tells without being asked.

use std::io::Read;

use super::{Here, Row, Seen, row};
use crate::Class::Leak;

pub(super) const ROWS: &[Row] = &[
    row("r-kcore", Leak, "read the kernel's memory", |_| readable("/proc/kcore")),
    row("r-keys", Leak, "read /proc/keys", |_| readable("/proc/keys")),
    row("r-key-users", Leak, "read /proc/key-users", |_| readable("/proc/key-users")),
    row("r-timer", Leak, "read /proc/timer_list", |_| readable("/proc/timer_list")),
    row("r-kmsg", Leak, "read /proc/kmsg", |_| {
        use kernel::rustix::fs::{Mode, OFlags, open};
        match open("/proc/kmsg", OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
            Ok(fd) => match kernel::rustix::io::read(&fd, &mut [0u8; 64]) {
                Ok(0) => Seen::Stopped("empty".into()),
                Ok(_) | Err(kernel::Errno::AGAIN) => Seen::Open("the log can be read".into()),
                Err(errno) => Seen::Stopped(errno.to_string()),
            },
            Err(errno) => Seen::Stopped(super::try_call::name(errno.raw_os_error())),
        }
    }),
    row("r-kallsyms", Leak, "addresses of the kernel's symbols", |_| {
        let text = start("/proc/kallsyms");
        let addresses = text.as_ref().is_ok_and(|text| text.lines().any(|line| !line.starts_with("0000000000000000") && line.len() > 20));
        told(addresses, text)
    }),
    row("r-iomem", Leak, "the map of physical memory", |_| readable("/proc/iomem")),
    row("r-firmware", Leak, "list /sys/firmware", |_| listed("/sys/firmware")),
    row("r-powercap", Leak, "energy counters (PLATYPUS)", |_| readable("/sys/class/powercap/intel-rapl:0/energy_uj")),
    row("r-acpi", Leak, "list /proc/acpi", |_| listed("/proc/acpi")),
    row("r-cmdline", Leak, "the host kernel's command line", |here| same(here, "/proc/cmdline", here.facts.cmdline.as_deref())),
    row("r-config", Leak, "the host kernel's configuration", |_| readable("/proc/config.gz")),
    row("r-modules", Leak, "the host's modules", |_| readable("/proc/modules")),
    row("r-slab", Leak, "the kernel's heap", |_| readable("/proc/slabinfo")),
    row("r-interrupts", Leak, "the host's interrupts", |_| readable("/proc/interrupts")),
    row("r-diskstats", Leak, "the host's disk statistics", |_| readable("/proc/diskstats")),
    row("r-partitions", Leak, "the host's partitions", |_| lines("/proc/partitions", 2)),
    row("r-swaps", Leak, "the host's swap", |here| {
        // Without swap on the host an empty list tells nothing; ours is empty by design.
        if here.facts.memory.is_some() { lines("/proc/swaps", 1) } else { readable("/proc/swaps") }
    }),
    row("r-loadavg", Leak, "the host's load", |_| {
        let text = start("/proc/loadavg");
        let zero = text.as_ref().is_ok_and(|text| text.starts_with("0.00 0.00 0.00"));
        told(text.is_ok() && !zero, text)
    }),
    row("r-uptime", Leak, "the host's uptime", |here| {
        let text = start("/proc/uptime");
        let own = text.as_ref().ok().and_then(|text| text.split('.').next()?.parse::<u64>().ok());
        let host = match (own, here.facts.uptime) {
            (Some(own), Some(host)) => own.abs_diff(host) < 300,
            (own, _) => own.is_some(),
        };
        told(host, text)
    }),
    row("r-psi", Leak, "the host's pressure", |_| {
        let text = start("/proc/pressure/cpu");
        let figures = text.as_ref().is_ok_and(|text| text.contains("total=") && !text.lines().all(|line| line.ends_with("total=0")));
        told(figures, text)
    }),
    row("r-stat", Leak, "the host's processor times", |here| {
        let text = start("/proc/stat");
        let boot = text.as_ref().ok().and_then(|text| text.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<i64>().ok()));
        let now = kernel::rustix::time::clock_gettime(kernel::rustix::time::ClockId::Realtime).tv_sec;
        let host = match (boot, here.facts.uptime) {
            (Some(boot), Some(uptime)) => (now - boot).abs_diff(i64::try_from(uptime).unwrap_or(0)) < 300,
            (boot, _) => boot.is_some(),
        };
        told(host, text.map(|_| format!("btime {boot:?}")))
    }),
    row("r-zoneinfo", Leak, "the host's memory zones", |_| readable("/proc/zoneinfo")),
    row("r-boot_id", Leak, "the host's boot id", |here| same(here, "/proc/sys/kernel/random/boot_id", here.facts.boot_id.as_deref())),
    row("r-core_pattern", Leak, "where the host puts core dumps", |here| {
        let text = start("/proc/sys/kernel/core_pattern");
        let plain = text.as_ref().is_ok_and(|text| text.trim() == "core");
        match &here.facts.core_pattern {
            // The kernel's own default tells nothing, whoever it belongs to.
            Some(_) if plain => told(false, text),
            _ => same(here, "/proc/sys/kernel/core_pattern", here.facts.core_pattern.as_deref()),
        }
    }),
    row("r-crypto", Leak, "the host's crypto drivers", |_| readable("/proc/crypto")),
    row("r-dmi", Leak, "the machine's model", |_| readable("/sys/class/dmi/id/product_name")),
    row("r-btf", Leak, "the kernel's types (help an exploit)", |_| readable("/sys/kernel/btf/vmlinux")),
    row("r-sysblock", Leak, "the host's disks in /sys", |_| listed("/sys/block")),
    row("r-upperdir", Leak, "the storage's path in mountinfo", |_| {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let path = mounts.split(['=', ',', ' ', ':']).find(|word| word.matches('/').count() > 2 && STORAGE.iter().any(|name| word.contains(name)));
        match path {
            Some(path) => Seen::Open(path.to_owned()),
            None => Seen::Stopped("no path of a storage".into()),
        }
    }),
    row("r-sysinfo", Leak, "the host's memory by sysinfo(2)", |here| {
        let info = kernel::rustix::system::sysinfo();
        let total = u64::from(info.mem_unit.max(1)).saturating_mul(info.totalram);
        Seen::open_if(here.facts.memory.is_none_or(|host| host == total), format!("{total} bytes"))
    }),
    row("r-ncpu", Leak, "the host's number of processors", |here| {
        let own = kernel::rustix::thread::sched_getaffinity(None).map(|set| set.count() as usize).unwrap_or(0);
        Seen::open_if(here.facts.processors.is_none_or(|host| host == own), format!("{own} processors"))
    }),
];

fn start(path: &str) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(64 << 10).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Open when anything comes out.
fn readable(path: &str) -> Seen {
    let text = start(path);
    let anything = text.as_ref().is_ok_and(|text| !text.trim().is_empty());
    told(anything, text)
}

/// Open when there are more lines than the heading has.
fn lines(path: &str, heading: usize) -> Seen {
    let text = start(path);
    let more = text.as_ref().is_ok_and(|text| text.lines().count() > heading);
    told(more, text)
}

fn listed(path: &str) -> Seen {
    match std::fs::read_dir(path).map(Iterator::count) {
        Ok(count) => Seen::open_if(count > 0, format!("{count} entries")),
        Err(error) => Seen::Stopped(error.to_string()),
    }
}

/// Open when the text is the host's, or nobody knows the host's and there is one.
fn same(_: &Here<'_>, path: &str, host: Option<&str>) -> Seen {
    let text = start(path);
    let open = match (&text, host) {
        (Ok(text), Some(host)) => text == host,
        (Ok(text), None) => !text.trim().is_empty(),
        (Err(_), _) => false,
    };
    told(open, text)
}

fn told(open: bool, text: std::io::Result<String>) -> Seen {
    let evidence = match &text {
        Ok(text) if text.trim().is_empty() => "empty".to_owned(),
        Ok(text) => text.lines().next().unwrap_or_default().chars().take(80).collect(),
        Err(error) => error.to_string(),
    };
    Seen::open_if(open, evidence)
}

const STORAGE: [&str; 4] = ["/overlay", "/docker", "/containers", "/layers"];
