// SPDX-License-Identifier: Apache-2.0
//! The texts that change while the container runs.

use std::path::Path;
use std::time::Duration;

use super::Limits;
use crate::cgroup::Stats;

/// A file that is rewritten while the container runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Live {
    Memory,
    Processors,
    Load,
}

/// How the file at `target` is rewritten, if it is.
pub(super) fn live(target: &Path) -> Option<Live> {
    FILES.iter().find(|(path, _)| Path::new(path) == target).map(|(_, live)| *live)
}

impl Live {
    /// The text now; always of the same length.
    pub(super) fn text(self, limits: &Limits, usage: &Stats, running: Duration) -> String {
        match self {
            Self::Memory => meminfo(limits, usage),
            Self::Processors => stat(limits, usage, running),
            Self::Load => loadavg(usage),
        }
    }
}

/// proc_meminfo(5). Figures that a cgroup has no like of are zero, so that sums come out.
fn meminfo(limits: &Limits, usage: &Stats) -> String {
    let total = limits.memory / 1024;
    let used = (usage.memory / 1024).min(total);
    let free = total - used;
    let shared = (usage.shared / 1024).min(used);
    let file = (usage.reclaimable / 1024).min(used - shared);
    let anonymous = used - shared - file;
    let swap = limits.swap / 1024;
    let mut text = String::with_capacity(1500);
    for (name, value) in [
        ("MemTotal", total),
        ("MemFree", free),
        // What the kernel would take back of the page cache before it kills is as good as free.
        ("MemAvailable", free + file),
        ("Buffers", 0),
        ("Cached", file + shared),
        ("SwapCached", 0),
        ("Active", anonymous),
        ("Inactive", file + shared),
        ("Active(anon)", anonymous),
        ("Inactive(anon)", shared),
        ("Active(file)", 0),
        ("Inactive(file)", file),
        ("Unevictable", 0),
        ("Mlocked", 0),
        ("SwapTotal", swap),
        ("SwapFree", swap),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", anonymous),
        ("Mapped", 0),
        ("Shmem", shared),
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
        text.push_str(&format!("{:<16}{value:>12} kB\n", format!("{name}:")));
    }
    text
}

/// proc_stat(5): what the container has used since it started; all of it counts as user time.
fn stat(limits: &Limits, usage: &Stats, running: Duration) -> String {
    let ticks = |time: Duration| u64::try_from(time.as_millis() / 10).unwrap_or(u64::MAX);
    let shown = limits.processors.shown();
    let count = shown.len().max(1) as u64;
    let busy = ticks(usage.cpu);
    let idle = ticks(running).saturating_mul(count).saturating_sub(busy);
    let line = |name: &str, busy: u64, idle: u64| format!("{name} {busy:>12} 0 0 {idle:>12} 0 0 0 0 0 0\n");
    let mut text = line("cpu ", busy, idle);
    for number in shown {
        text.push_str(&line(&format!("cpu{number}"), busy / count, idle / count));
    }
    let started = kernel::rustix::time::clock_gettime(kernel::rustix::time::ClockId::Realtime).tv_sec
        - i64::try_from(running.as_secs()).unwrap_or(0);
    text.push_str(&format!("intr 0\nctxt 0\nbtime {started:>11}\nprocesses {:>9}\n", usage.processes.max(1)));
    text.push_str("procs_running 1\nprocs_blocked 0\nsoftirq 0\n");
    text
}

/// proc_loadavg(5). A cgroup has no load of its own, and the host's is not the container's to know. The fields are
/// told apart by single spaces, for `cut`; what evens the length out follows them.
fn loadavg(usage: &Stats) -> String {
    format!("{:<LOAD_LENGTH$}\n", format!("0.00 0.00 0.00 1/{} 1", usage.processes.max(1)))
}

/// Which files.
pub(super) const FILES: [(&str, Live); 3] =
    [("/proc/meminfo", Live::Memory), ("/proc/stat", Live::Processors), ("/proc/loadavg", Live::Load)];
const LOAD_LENGTH: usize = 40;

#[cfg(test)]
mod tests {
    use super::super::processors::Processors;
    use super::*;

    fn limits() -> Limits {
        Limits { memory: 64 << 20, swap: 0, processors: Processors::new(vec![1, 2], None, None) }
    }

    fn row(text: &str, name: &str) -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    #[test]
    fn memory_is_the_limit() {
        let usage = Stats { memory: 10 << 20, ..Stats::default() };
        let text = meminfo(&limits(), &usage);
        assert!(
            text.starts_with("MemTotal:              65536 kB\nMemFree:               55296 kB\n"),
            "{text}"
        );
        assert_eq!(row(&text, "MemAvailable"), 55_296);
        let over = Stats { memory: 100 << 20, ..Stats::default() };
        assert_eq!(row(&meminfo(&limits(), &over), "MemFree"), 0);
    }

    #[test]
    fn page_cache_is_available_and_shared_memory_is_not() {
        let usage = Stats { memory: 40 << 20, reclaimable: 24 << 20, shared: 8 << 20, ..Stats::default() };
        let text = meminfo(&limits(), &usage);
        assert_eq!(row(&text, "MemFree"), 24 << 10);
        assert_eq!(row(&text, "MemAvailable"), 48 << 10);
        assert_eq!(row(&text, "Cached"), 32 << 10);
        assert_eq!(row(&text, "AnonPages"), 8 << 10);
    }

    #[test]
    fn a_text_never_changes_its_length() {
        for (_, live) in FILES {
            let little = live.text(&limits(), &Stats::default(), Duration::ZERO);
            let usage = Stats {
                memory: 60 << 20,
                reclaimable: 1 << 20,
                shared: 9 << 20,
                processes: 4_194_304,
                cpu: Duration::from_secs(40_000_000),
            };
            let much = live.text(&limits(), &usage, Duration::from_secs(40_000_000));
            assert_eq!(little.len(), much.len(), "{live:?}\n{little}\n{much}");
        }
    }

    #[test]
    fn processors_keep_their_numbers() {
        let text = stat(
            &limits(),
            &Stats { cpu: Duration::from_secs(3), ..Stats::default() },
            Duration::from_secs(10),
        );
        let words: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0][..5], ["cpu", "300", "0", "0", "1700"]);
        assert_eq!((words[1][0], words[2][0], words[3][0]), ("cpu1", "cpu2", "intr"));
    }
}
