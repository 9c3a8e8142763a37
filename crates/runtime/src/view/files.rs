// SPDX-License-Identifier: Apache-2.0
//! The texts of the files that stand in for the host's.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::host::Host;
use super::{Error, Limits, Usage};
use crate::plan::StagedFile;

/// Every file with its first text.
pub(super) fn all(host: &Host, limits: &Limits, usage: &Usage) -> Result<Vec<StagedFile>, Error> {
    let processors = range(limits.processors);
    let mut files = vec![
        file("/proc/cpuinfo", cpuinfo(&host.cpuinfo, limits.processors)),
        file("/proc/cmdline", "\n".to_owned()),
        file("/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_owned()),
        file("/proc/diskstats", String::new()),
        file("/proc/partitions", "major minor  #blocks  name\n\n".to_owned()),
        file("/proc/sys/kernel/random/boot_id", boot_id()?),
        file("/proc/sys/kernel/core_pattern", "core\n".to_owned()),
    ];
    for name in ["cpu", "io", "memory"] {
        files.push(file(&format!("/proc/pressure/{name}"), PRESSURE.to_owned()));
    }
    for name in ["online", "possible", "present"] {
        files.push(file(&format!("/sys/devices/system/cpu/{name}"), processors.clone()));
    }
    for (target, live) in LIVE {
        files.push(file(target, live.text(limits, usage, Duration::ZERO)));
    }
    Ok(files)
}

/// A file that is rewritten while the container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Live {
    Memory,
    Processors,
    Load,
}

/// How the file at `target` is rewritten, if it is.
pub(super) fn live(target: &Path) -> Option<Live> {
    LIVE.iter().find(|(path, _)| Path::new(path) == target).map(|(_, live)| *live)
}

impl Live {
    /// The text now; always of the same length.
    pub(super) fn text(self, limits: &Limits, usage: &Usage, running: Duration) -> String {
        match self {
            Self::Memory => meminfo(limits, usage),
            Self::Processors => stat(limits, usage, running),
            Self::Load => {
                format!("0.00 0.00 0.00 {:>6}/{:<6} {:>9}\n", usage.processes.min(limits.processors as u64), usage.processes.max(1), 1)
            }
        }
    }
}

/// proc_meminfo(5). Figures that a cgroup has no like of are zero, so that sums come out.
fn meminfo(limits: &Limits, usage: &Usage) -> String {
    let total = limits.memory / 1024;
    let used = (usage.memory / 1024).min(total);
    let free = total - used;
    let swap = limits.swap / 1024;
    let mut text = String::with_capacity(1500);
    for (name, value) in [
        ("MemTotal", total),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", 0),
        ("SwapCached", 0),
        ("Active", used),
        ("Inactive", 0),
        ("Active(anon)", used),
        ("Inactive(anon)", 0),
        ("Active(file)", 0),
        ("Inactive(file)", 0),
        ("Unevictable", 0),
        ("Mlocked", 0),
        ("SwapTotal", swap),
        ("SwapFree", swap),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", used),
        ("Mapped", 0),
        ("Shmem", 0),
        ("KReclaimable", 0),
        ("Slab", 0),
        ("SReclaimable", 0),
        ("SUnreclaim", 0),
        ("KernelStack", 0),
        ("PageTables", 0),
        ("CommitLimit", total),
        ("Committed_AS", used),
        ("VmallocTotal", 34_359_738_367),
        ("VmallocUsed", 0),
        ("VmallocChunk", 0),
    ] {
        let name = format!("{name}:");
        let _infallible = writeln!(text, "{name:<16}{value:>12} kB");
    }
    text
}

/// proc_stat(5): what the container has used since it started; all of it counts as user time.
fn stat(limits: &Limits, usage: &Usage, running: Duration) -> String {
    let ticks = |time: Duration| u64::try_from(time.as_millis() / 10).unwrap_or(u64::MAX);
    let count = limits.processors.max(1) as u64;
    let busy = ticks(usage.cpu);
    let idle = (ticks(running) * count).saturating_sub(busy);
    let started = kernel::rustix::time::clock_gettime(kernel::rustix::time::ClockId::Realtime).tv_sec
        - i64::try_from(running.as_secs()).unwrap_or(0);
    let mut text = String::with_capacity(1024);
    let line = |text: &mut String, name: &str, busy: u64, idle: u64| {
        let _infallible = writeln!(text, "{name} {busy:>12} 0 0 {idle:>12} 0 0 0 0 0 0");
    };
    line(&mut text, "cpu ", busy, idle);
    for number in 0..count {
        line(&mut text, &format!("cpu{number}"), busy / count, idle / count);
    }
    let _infallible = write!(
        text,
        "intr 0\nctxt 0\nbtime {started:>11}\nprocesses {:>9}\nprocs_running {:>6}\nprocs_blocked 0\nsoftirq 0\n",
        usage.processes.max(1),
        1
    );
    text
}

/// The first `count` processors, as the host describes them, with siblings that fit.
fn cpuinfo(host: &str, count: usize) -> String {
    let blocks = host.split("\n\n").filter(|block| block.contains("processor")).take(count);
    let mut text = String::new();
    for (number, block) in blocks.enumerate() {
        for line in block.lines() {
            let key = line.split(':').next().unwrap_or_default().trim();
            match key {
                "processor" | "core id" | "apicid" | "initial apicid" => {
                    let _infallible = writeln!(text, "{}: {number}", line.split(':').next().unwrap_or_default());
                }
                "siblings" | "cpu cores" => {
                    let _infallible = writeln!(text, "{}: {count}", line.split(':').next().unwrap_or_default());
                }
                _ => {
                    let _infallible = writeln!(text, "{line}");
                }
            }
        }
        text.push('\n');
    }
    text
}

/// A random UUID of version 4 (RFC 9562).
fn boot_id() -> Result<String, Error> {
    let mut bytes = [0u8; 16];
    kernel::rustix::rand::getrandom(&mut bytes, kernel::rustix::rand::GetRandomFlags::empty())
        .map_err(|errno| Error::Step { step: "draw a boot id", source: kernel::Error::new("getrandom", errno) })?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{}-{}-{}-{}\n", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

fn range(count: usize) -> String {
    if count <= 1 { "0\n".to_owned() } else { format!("0-{}\n", count - 1) }
}

fn file(target: &str, content: String) -> StagedFile {
    StagedFile { target: target.into(), content: content.into_bytes() }
}

const LIVE: [(&str, Live); 3] =
    [("/proc/meminfo", Live::Memory), ("/proc/stat", Live::Processors), ("/proc/loadavg", Live::Load)];
const PRESSURE: &str = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { memory: 64 << 20, swap: 0, processors: 1, possible: 4 }
    }

    #[test]
    fn memory_is_the_limit() {
        let usage = Usage { memory: 10 << 20, ..Usage::default() };
        let text = meminfo(&limits(), &usage);
        assert!(text.starts_with("MemTotal:              65536 kB\nMemFree:               55296 kB\n"), "{text}");
        let over = Usage { memory: 100 << 20, ..Usage::default() };
        assert!(meminfo(&limits(), &over).contains("MemFree:                   0 kB"));
    }

    #[test]
    fn a_text_never_changes_its_length() {
        for live in [Live::Memory, Live::Processors, Live::Load] {
            let little = live.text(&limits(), &Usage::default(), Duration::ZERO);
            let usage = Usage { memory: 60 << 20, processes: 2048, cpu: Duration::from_secs(40_000_000) };
            let much = live.text(&limits(), &usage, Duration::from_secs(40_000_000));
            assert_eq!(little.len(), much.len(), "{live:?}\n{little}\n{much}");
        }
    }

    #[test]
    fn processors_are_cut_and_numbered() {
        let host = "processor\t: 4\nmodel name\t: X\nsiblings\t: 8\n\nprocessor\t: 5\nmodel name\t: X\nsiblings\t: 8\n\n";
        assert_eq!(cpuinfo(host, 1), "processor\t: 0\nmodel name\t: X\nsiblings\t: 1\n\n");
        assert_eq!(cpuinfo(host, 2).matches("processor").count(), 2);
    }
}
