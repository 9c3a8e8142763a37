// SPDX-License-Identifier: Apache-2.0
//! What the host looks like from outside, so that an attempt inside can tell whether it sees the host.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::probes::{more_rows, rows};

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
    /// The kernel's command line.
    pub cmdline: Option<String>,
    /// Processors that are on.
    pub processors: Option<usize>,
    /// Inode numbers of the host's namespaces, by their name in `/proc/PID/ns`.
    pub namespaces: BTreeMap<String, u64>,
    /// The engine's own /proc/self/uid_map: what an id in a container's map is on the host.
    pub id_map: Option<String>,
    /// A disk that can be opened on the host: major and minor number.
    pub disk: Option<(u32, u32)>,
}

impl HostFacts {
    /// Reads the host this process runs on. What cannot be read stays unknown.
    pub fn read() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).ok();
        let info = kernel::rustix::system::sysinfo();
        let namespaces =
            NAMESPACES.iter().filter_map(|name| Some(((*name).to_owned(), namespace(name)?))).collect();
        Self {
            memory: Some(u64::from(info.mem_unit.max(1)).saturating_mul(info.totalram)),
            uptime: u64::try_from(info.uptime).ok(),
            boot_id: text("/proc/sys/kernel/random/boot_id"),
            cmdline: text("/proc/cmdline"),
            processors: std::thread::available_parallelism().ok().map(std::num::NonZero::get),
            namespaces,
            id_map: text("/proc/self/uid_map"),
            disk: disks()
                .into_iter()
                .find_map(|(number, name)| std::fs::File::open(format!("/dev/{name}")).ok().map(|_| number)),
        }
    }
}

impl HostFacts {
    /// The host's number for the user whom a container's map calls `outer`.
    pub(crate) fn on_host(&self, outer: u32) -> u32 {
        let map = self.id_map.as_deref().unwrap_or("0 0 4294967295");
        let range = |line: &str| {
            let fields: Vec<u32> = line.split_whitespace().filter_map(|field| field.parse().ok()).collect();
            let [inside, outside, count] = fields[..] else { return None };
            let offset = outer.checked_sub(inside).filter(|offset| *offset < count)?;
            outside.checked_add(offset)
        };
        map.lines().find_map(range).unwrap_or(outer)
    }
}

/// The probes whose targets (files and devices) this host lacks: a container of it cannot have them
/// either, and no wall can claim to stop them.
pub fn absent_from_host() -> BTreeSet<&'static str> {
    let lacking = rows()
        .chain(more_rows())
        .filter(|row| !row.needs.is_empty() && !row.needs.iter().any(|path| has_content(path)));
    lacking.map(|row| row.id).collect()
}

/// Whether there is such a file, and if it is a directory, anything in it.
fn has_content(path: &str) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => std::fs::symlink_metadata(path).is_ok(),
    }
}

/// Numbers and names of the block devices that the kernel lists, real disks before loop devices.
pub(crate) fn disks() -> Vec<((u32, u32), String)> {
    let mut disks: Vec<_> = std::fs::read_dir("/sys/block").into_iter().flatten().filter_map(disk).collect();
    disks.sort_by_key(|(number, name)| (name.starts_with("loop"), *number));
    disks
}

fn disk(entry: std::io::Result<std::fs::DirEntry>) -> Option<((u32, u32), String)> {
    let entry = entry.ok()?;
    let number = std::fs::read_to_string(entry.path().join("dev")).ok()?;
    let (major, minor) = number.trim().split_once(':')?;
    Some(((major.parse().ok()?, minor.parse().ok()?), entry.file_name().into_string().ok()?))
}

/// The number of one of this process's namespaces.
pub(crate) fn namespace(name: &str) -> Option<u64> {
    let link = std::fs::read_link(format!("/proc/self/ns/{name}")).ok()?;
    link.to_str()?.split('[').nth(1)?.trim_end_matches(']').parse().ok()
}

const NAMESPACES: [&str; 8] = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup", "time"];

#[cfg(test)]
mod tests {
    use super::HostFacts;

    #[test]
    fn an_id_is_followed_to_the_host() {
        let facts = |map: &str| HostFacts { id_map: Some(map.to_owned()), ..HostFacts::default() };
        assert_eq!(HostFacts::default().on_host(0), 0);
        assert_eq!(facts("         0          0 4294967295\n").on_host(7), 7);
        let rootless = facts("0 4242 1\n1 200000 65535\n");
        assert_eq!(
            (rootless.on_host(0), rootless.on_host(1), rootless.on_host(70)),
            (4242, 200_000, 200_069)
        );
    }
}
