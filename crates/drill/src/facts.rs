// SPDX-License-Identifier: Apache-2.0
//! What the host looks like from outside, so that an attempt inside can tell whether it sees the host.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Figures of the host. When nobody gives them (another engine's container) everything that can be read
/// counts as the host's.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HostFacts {
    /// Bytes.
    pub memory: Option<u64>,
    /// Seconds since boot.
    pub uptime: Option<u64>,
    /// The text of boot_id.
    pub boot_id: Option<String>,
    /// The text of core_pattern.
    pub core_pattern: Option<String>,
    /// The kernel's command line.
    pub cmdline: Option<String>,
    /// Processors that are on.
    pub processors: Option<usize>,
    /// Inode numbers of the host's namespaces, by their name in `/proc/PID/ns`.
    pub namespaces: BTreeMap<String, u64>,
}

impl HostFacts {
    /// Reads the host this process runs on. What cannot be read stays unknown.
    pub fn read() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).ok();
        let info = kernel::rustix::system::sysinfo();
        let namespaces = NAMESPACES.iter().filter_map(|name| Some(((*name).to_owned(), namespace(name)?))).collect();
        Self {
            memory: Some(u64::from(info.mem_unit.max(1)).saturating_mul(info.totalram)),
            uptime: u64::try_from(info.uptime).ok(),
            boot_id: text("/proc/sys/kernel/random/boot_id"),
            core_pattern: text("/proc/sys/kernel/core_pattern"),
            cmdline: text("/proc/cmdline"),
            processors: std::thread::available_parallelism().ok().map(std::num::NonZero::get),
            namespaces,
        }
    }
}

/// The number of one of this process's namespaces.
pub(crate) fn namespace(name: &str) -> Option<u64> {
    let link = std::fs::read_link(format!("/proc/self/ns/{name}")).ok()?;
    link.to_str()?.split('[').nth(1)?.trim_end_matches(']').parse().ok()
}

const NAMESPACES: [&str; 8] = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup", "time"];
