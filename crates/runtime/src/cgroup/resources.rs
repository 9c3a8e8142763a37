// SPDX-License-Identifier: Apache-2.0
//! Bounds, and what they are called in the two versions of cgroups.

use super::hierarchy::{Tree, Version};
use super::{Error, Result};

/// What a container may use. `None` and empty mean no bound.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Resources {
    /// Bytes of memory.
    pub memory_max: Option<u64>,
    /// Processes and threads.
    pub pids_max: Option<u64>,
    /// Bytes of memory and swap together; -1 is no bound on swap.
    pub memory_swap: Option<i64>,
    /// Bytes that the container is pressed back to when the host runs short.
    pub memory_reservation: Option<u64>,
    /// Whether processes wait for memory instead of being killed (v1 only).
    pub oom_kill_disable: bool,
    /// Billionths of a processor.
    pub nano_cpus: Option<u64>,
    /// 2 to 262144.
    pub cpu_shares: Option<u64>,
    /// A list like `0-3,5`.
    pub cpuset_cpus: Option<String>,
    /// A list of memory nodes.
    pub cpuset_mems: Option<String>,
    /// 10 to 1000.
    pub blkio_weight: Option<u16>,
    /// Major, minor, bytes a second.
    pub device_read_bps: Vec<(u32, u32, u64)>,
    /// Major, minor, bytes a second.
    pub device_write_bps: Vec<(u32, u32, u64)>,
    /// Major, minor, operations a second.
    pub device_read_iops: Vec<(u32, u32, u64)>,
    /// Major, minor, operations a second.
    pub device_write_iops: Vec<(u32, u32, u64)>,
}

/// A file, what is written to it, and the flag that asked.
pub(super) type Setting = (String, String, &'static str);

impl Resources {
    /// Processors that the container can use at once, rounded up.
    pub fn processors(&self) -> Option<usize> {
        let quota =
            self.nano_cpus.map(|nanos| usize::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(usize::MAX));
        let set = self.cpuset_cpus.as_deref().and_then(count);
        match (quota, set) {
            (Some(quota), Some(set)) => Some(quota.min(set)),
            (quota, set) => quota.or(set),
        }
    }

    /// Controllers that bound something, with the flag that asked.
    pub(super) fn asked(&self) -> Vec<(&'static str, &'static str)> {
        let mut asked = Vec::new();
        let mut note = |set: bool, controller, flag| {
            if set {
                asked.push((controller, flag));
            }
        };
        note(self.memory_max.is_some(), "memory", "--memory");
        note(self.memory_swap.is_some(), "memory", "--memory-swap");
        note(self.memory_reservation.is_some(), "memory", "--memory-reservation");
        note(self.oom_kill_disable, "memory", "--oom-kill-disable");
        note(self.pids_max.is_some(), "pids", "--pids-limit");
        note(self.nano_cpus.is_some(), "cpu", "--cpus");
        note(self.cpu_shares.is_some(), "cpu", "--cpu-shares");
        note(self.cpuset_cpus.is_some(), "cpuset", "--cpuset-cpus");
        note(self.cpuset_mems.is_some(), "cpuset", "--cpuset-mems");
        note(self.blkio_weight.is_some(), "blkio", "--blkio-weight");
        note(!self.device_read_bps.is_empty(), "blkio", "--device-read-bps");
        note(!self.device_write_bps.is_empty(), "blkio", "--device-write-bps");
        note(!self.device_read_iops.is_empty(), "blkio", "--device-read-iops");
        note(!self.device_write_iops.is_empty(), "blkio", "--device-write-iops");
        asked
    }

    pub(super) fn controllers(&self) -> Vec<&'static str> {
        self.asked().into_iter().map(|(controller, _)| controller).collect()
    }

    /// Docker's rules about values.
    pub(super) fn check_values(&self) -> Result<()> {
        let refused = |flag, reason: String| Err(Error::Limit { flag, reason });
        if self.memory_max.is_some_and(|bytes| bytes < LEAST_MEMORY) {
            return refused("--memory", "the minimum memory limit allowed is 6MB".into());
        }
        if let (Some(total), Some(memory)) = (self.memory_swap, self.memory_max)
            && total >= 0
            && total.unsigned_abs() < memory
        {
            return refused(
                "--memory-swap",
                "it is memory and swap together and must not be less than --memory".into(),
            );
        }
        if self.memory_reservation.is_some_and(|bytes| bytes < LEAST_MEMORY) {
            return refused("--memory-reservation", "the minimum memory reservation allowed is 6MB".into());
        }
        if let (Some(reserved), Some(memory)) = (self.memory_reservation, self.memory_max)
            && reserved > memory
        {
            return refused("--memory-reservation", "it must not be more than --memory".into());
        }
        if self.memory_swap.is_some_and(|total| total > 0) && self.memory_max.is_none() {
            return refused("--memory-swap", "it needs --memory as well".into());
        }
        let online = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
        if self.nano_cpus.is_some_and(|nanos| nanos < 10_000_000 || nanos > online * 1_000_000_000) {
            return refused(
                "--cpus",
                format!(
                    "the range of CPUs is from 0.01 to {online}.00, as there are only {online} CPUs available"
                ),
            );
        }
        if self.cpu_shares.is_some_and(|shares| !(2..=262_144).contains(&shares)) {
            return refused("--cpu-shares", "it must be between 2 and 262144".into());
        }
        if self.blkio_weight.is_some_and(|weight| !(10..=1000).contains(&weight)) {
            return refused("--blkio-weight", "it must be between 10 and 1000".into());
        }
        for (flag, list) in [("--cpuset-cpus", &self.cpuset_cpus), ("--cpuset-mems", &self.cpuset_mems)] {
            if list.as_deref().is_some_and(|list| count(list).is_none()) {
                return refused(flag, "it must be a list like 0-3,5".into());
            }
        }
        Ok(())
    }

    /// What is written in the container's directory of `tree`.
    pub(super) fn settings(&self, tree: &Tree) -> Result<Vec<Setting>> {
        match tree.version {
            Version::One => Ok(self.legacy(tree)),
            Version::Two => self.unified(tree),
        }
    }

    fn legacy(&self, tree: &Tree) -> Vec<Setting> {
        let mut list = Vec::new();
        let swap = self.memory_swap.map(|total| total.to_string());
        let swap =
            swap.or_else(|| text(self.swap_by_default(tree, "memory.memsw.limit_in_bytes")?.checked_mul(2)));
        let mut set = |controller: &str, file: &str, value: Option<String>, flag| {
            if let (true, Some(value)) = (tree.has(controller), value) {
                list.push((file.to_owned(), value, flag));
            }
        };
        set("memory", "memory.limit_in_bytes", text(self.memory_max), "--memory");
        set("memory", "memory.memsw.limit_in_bytes", swap, "--memory-swap");
        set("memory", "memory.soft_limit_in_bytes", text(self.memory_reservation), "--memory-reservation");
        set(
            "memory",
            "memory.oom_control",
            self.oom_kill_disable.then(|| "1".to_owned()),
            "--oom-kill-disable",
        );
        set("pids", "pids.max", text(self.pids_max), "--pids-limit");
        set("cpu", "cpu.cfs_period_us", self.nano_cpus.map(|_| PERIOD.to_string()), "--cpus");
        set("cpu", "cpu.cfs_quota_us", text(self.quota()), "--cpus");
        set("cpu", "cpu.shares", text(self.cpu_shares), "--cpu-shares");
        if self.cpuset_cpus.is_some() || self.cpuset_mems.is_some() {
            for (file, given, flag) in [
                ("cpuset.cpus", &self.cpuset_cpus, "--cpuset-cpus"),
                ("cpuset.mems", &self.cpuset_mems, "--cpuset-mems"),
            ] {
                // A v1 cpuset takes no process before both lists are set.
                let inherited =
                    || std::fs::read_to_string(tree.base.join(file)).ok().map(|list| list.trim().to_owned());
                set("cpuset", file, given.clone().or_else(inherited), flag);
            }
        }
        set("blkio", "blkio.weight", self.blkio_weight.map(|weight| weight.to_string()), "--blkio-weight");
        for (file, rates, flag) in [
            ("blkio.throttle.read_bps_device", &self.device_read_bps, "--device-read-bps"),
            ("blkio.throttle.write_bps_device", &self.device_write_bps, "--device-write-bps"),
            ("blkio.throttle.read_iops_device", &self.device_read_iops, "--device-read-iops"),
            ("blkio.throttle.write_iops_device", &self.device_write_iops, "--device-write-iops"),
        ] {
            for (major, minor, rate) in rates {
                set("blkio", file, Some(format!("{major}:{minor} {rate}")), flag);
            }
        }
        list
    }

    fn unified(&self, tree: &Tree) -> Result<Vec<Setting>> {
        let mut list = Vec::new();
        let mut set = |controller: &str, file: &str, value: Option<String>, flag| {
            if let (true, Some(value)) = (tree.has(controller), value) {
                list.push((file.to_owned(), value, flag));
            }
        };
        if self.oom_kill_disable && tree.has("memory") {
            return Err(Error::Limit {
                flag: "--oom-kill-disable",
                reason: "cgroup v2 has no such switch".into(),
            });
        }
        let swap = match (self.memory_swap, self.memory_max) {
            (Some(-1), _) => Some("max".to_owned()),
            (Some(total), Some(memory)) => Some(total.unsigned_abs().saturating_sub(memory).to_string()),
            _ => text(self.swap_by_default(tree, "memory.swap.max")),
        };
        set("memory", "memory.max", text(self.memory_max), "--memory");
        set("memory", "memory.swap.max", swap, "--memory-swap");
        set("memory", "memory.low", text(self.memory_reservation), "--memory-reservation");
        set("pids", "pids.max", text(self.pids_max), "--pids-limit");
        set("cpu", "cpu.max", self.quota().map(|quota| format!("{quota} {PERIOD}")), "--cpus");
        // As runc and systemd convert: 2..262144 to 1..10000.
        set(
            "cpu",
            "cpu.weight",
            self.cpu_shares.map(|shares| (1 + (shares - 2) * 9999 / 262_142).to_string()),
            "--cpu-shares",
        );
        set("cpuset", "cpuset.cpus", self.cpuset_cpus.clone(), "--cpuset-cpus");
        set("cpuset", "cpuset.mems", self.cpuset_mems.clone(), "--cpuset-mems");
        set(
            "io",
            "io.weight",
            self.blkio_weight.map(|weight| (1 + (u64::from(weight) - 10) * 9999 / 990).to_string()),
            "--blkio-weight",
        );
        for (key, rates, flag) in [
            ("rbps", &self.device_read_bps, "--device-read-bps"),
            ("wbps", &self.device_write_bps, "--device-write-bps"),
            ("riops", &self.device_read_iops, "--device-read-iops"),
            ("wiops", &self.device_write_iops, "--device-write-iops"),
        ] {
            for (major, minor, rate) in rates {
                set("io", "io.max", Some(format!("{major}:{minor} {key}={rate}")), flag);
            }
        }
        Ok(list)
    }

    /// Docker's rule: who bounds memory and says nothing of swap gets as much swap again. A kernel
    /// that does not count swap has no such file, and nothing is written.
    fn swap_by_default(&self, tree: &Tree, file: &str) -> Option<u64> {
        self.memory_max.filter(|_| self.memory_swap.is_none() && tree.parent().join(file).exists())
    }

    /// Microseconds of processor time in each period.
    fn quota(&self) -> Option<u64> {
        self.nano_cpus.map(|nanos| nanos * PERIOD / 1_000_000_000)
    }
}

fn text(value: Option<u64>) -> Option<String> {
    value.map(|value| value.to_string())
}

/// How many numbers a list like `0-3,5` has.
fn count(list: &str) -> Option<usize> {
    list.split(',')
        .map(|part| {
            let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            last.checked_sub(first).map(|more| more + 1)
        })
        .sum()
}

/// Docker's minimum.
const LEAST_MEMORY: u64 = 6 << 20;
/// Microseconds.
const PERIOD: u64 = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked() {
        let flag = |resources: Resources| match resources.check_values() {
            Err(Error::Limit { flag, .. }) => flag,
            _ => "",
        };
        assert_eq!(flag(Resources { memory_max: Some(1 << 20), ..Resources::default() }), "--memory");
        assert_eq!(
            flag(Resources {
                memory_max: Some(64 << 20),
                memory_swap: Some(1 << 20),
                ..Resources::default()
            }),
            "--memory-swap"
        );
        assert_eq!(flag(Resources { nano_cpus: Some(1), ..Resources::default() }), "--cpus");
        assert_eq!(flag(Resources { cpu_shares: Some(1), ..Resources::default() }), "--cpu-shares");
        assert_eq!(
            flag(Resources { cpuset_cpus: Some("x".into()), ..Resources::default() }),
            "--cpuset-cpus"
        );
        assert_eq!(
            flag(Resources { memory_max: Some(64 << 20), pids_max: Some(20), ..Resources::default() }),
            ""
        );
    }

    #[test]
    fn both_versions_say_the_same() {
        let resources = Resources {
            memory_max: Some(64 << 20),
            memory_swap: Some(96 << 20),
            pids_max: Some(20),
            nano_cpus: Some(1_500_000_000),
            ..Resources::default()
        };
        let tree = |version, names: &[&str]| Tree {
            version,
            name: String::new(),
            base: "/".into(),
            controllers: names.iter().map(|&name| name.to_owned()).collect(),
            ..Tree::default()
        };
        let lines = |tree| {
            resources
                .settings(&tree)
                .unwrap()
                .into_iter()
                .map(|(file, value, _)| format!("{file}={value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            lines(tree(Version::Two, &["memory", "pids", "cpu"])),
            ["memory.max=67108864", "memory.swap.max=33554432", "pids.max=20", "cpu.max=150000 100000"]
        );
        assert_eq!(
            lines(tree(Version::One, &["cpu"])),
            ["cpu.cfs_period_us=100000", "cpu.cfs_quota_us=150000"]
        );
        assert_eq!(resources.processors(), Some(2));
    }
}
