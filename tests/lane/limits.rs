// SPDX-License-Identifier: Apache-2.0
//! Bounds under cgroup v2 alone: as the kernel has them, from outside, and exceeded from inside.

use std::fs::read_to_string;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tests::{Background, Sandbox, eventually};

use crate::{end, start, wall};

/// A container that runs on.
struct Running {
    sandbox: Sandbox,
    cgroup: PathBuf,
    call: Background,
}

impl Running {
    /// Runs `script` with `flags`, up to the line `ready`.
    fn start(flags: &str, script: &str) -> Self {
        let sandbox = Sandbox::minimal();
        let call = start(&sandbox, flags, script);
        let id = sandbox.containers().pop().unwrap();
        Self { sandbox, cgroup: PathBuf::from("/sys/fs/cgroup/bulkhead").join(id), call }
    }

    fn value(&self, file: &str) -> String {
        read_to_string(self.cgroup.join(file)).unwrap().trim().to_owned()
    }

    /// A figure of a file of `name figure` lines.
    fn figure(&self, file: &str, name: &str) -> u64 {
        figure(&self.value(file), name)
    }

    fn end(self) {
        end(self.call, &self.sandbox);
    }
}

fn figure(text: &str, name: &str) -> u64 {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn every_bound_is_the_kernels() {
    let flags = "-m 64m --memory-reservation 32m --pids-limit 20 --cpus 0.5 --cpu-shares 512 --cpuset-cpus 1 \
                 --blkio-weight 500 --device-write-bps /dev/vda:1mb --device-read-iops /dev/vda:77";
    let running = Running::start(flags, "echo ready; exec sleep 1000");
    for (file, want) in [
        ("memory.max", "67108864"),
        ("memory.low", "33554432"),
        ("pids.max", "20"),
        ("cpu.max", "50000 100000"),
        ("cpu.weight", "20"),
        ("cpuset.cpus", "1"),
    ] {
        assert_eq!(running.value(file), want, "{file}");
    }
    assert!(running.value("io.weight").contains("default 4950"), "{}", running.value("io.weight"));
    assert!(running.value("io.max").contains("wbps=1048576 riops=77"), "{}", running.value("io.max"));
    assert_eq!(running.figure("cgroup.events", "populated"), 1);

    let row = wall(&running.sandbox, "cgroup");
    assert_eq!(row["state"], "up", "{row}");
    let evidence = row["evidence"].as_str().unwrap();
    assert!(evidence.contains("67108864") && evidence.contains("20"), "{evidence}");
    running.end();
}

#[test]
fn the_container_sees_its_own_bounds() {
    let sandbox = Sandbox::minimal();
    let script = "nproc; grep MemTotal /proc/meminfo; cat /proc/self/cgroup /sys/fs/cgroup/memory.max; \
                  echo 1 > /sys/fs/cgroup/cgroup.procs";
    let ended = sandbox.sh("-m 64m --cpus 0.5", script).ended();
    let lines: Vec<_> =
        ended.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines, ["1", "MemTotal: 65536 kB", "0::/", "67108864"], "{ended}");
    assert_ne!(ended.code, 0, "its cgroup is read-only: {ended}");
}

#[test]
fn memory_beyond_the_bound_kills_inside() {
    let sandbox = Sandbox::minimal();
    // `oom_kill` would also count what the killer of the whole machine takes.
    let hits = || figure(&read_to_string("/sys/fs/cgroup/bulkhead/memory.events").unwrap(), "oom");
    sandbox.sh("", "true").ok();
    let before = hits();
    // tail keeps what it reads, and nothing ends it but the kernel.
    sandbox.run("-m 16m minimal tail /dev/zero").fails(137);
    assert!(hits() > before, "the kernel met no bound of a cgroup of ours");
}

#[test]
fn a_fork_bomb_is_held_at_the_bound() {
    let bomb = "(while :; do sleep 1000 & done) 2>/dev/null; echo ready; exec sleep 1000";
    let running = Running::start("--pids-limit 20", bomb);
    assert!(running.figure("pids.events", "max") > 0, "no fork was refused");
    assert!(running.value("pids.current").parse::<u64>().unwrap() <= 20);
    running.end();
}

#[test]
fn a_busy_container_gets_half_a_processor() {
    let burn = "(while :; do :; done) & (while :; do :; done) & echo ready; wait";
    let running = Running::start("--cpus 0.5", burn);
    eventually("the container is throttled", || {
        (running.figure("cpu.stat", "nr_throttled") > 3).then_some(())
    });
    let (start, used) = (Instant::now(), running.figure("cpu.stat", "usage_usec"));
    eventually("time passes", || (start.elapsed() > Duration::from_secs(3)).then_some(()));
    let used = running.figure("cpu.stat", "usage_usec") - used;
    let share = Duration::from_micros(used).as_secs_f64() / start.elapsed().as_secs_f64();
    assert!(share < 0.65, "it had {share:.2} of a processor");
    running.end();
}

#[test]
fn writing_to_a_disk_is_slowed_to_the_bound() {
    let sandbox = Sandbox::minimal();
    // Not in the container's own layer: with --rm nothing there is ever synced.
    let folder = sandbox.file("data");
    std::fs::create_dir(&folder).unwrap();
    let flags = format!("--device-write-bps /dev/vda:1mb -v {}:/data", folder.display());
    let start = Instant::now();
    sandbox.sh(&flags, "dd if=/dev/zero of=/data/file bs=64k count=128 conv=fsync").ok();
    assert!(start.elapsed() > Duration::from_secs(4), "8 MiB at 1 MiB/s took {:?}", start.elapsed());
}
