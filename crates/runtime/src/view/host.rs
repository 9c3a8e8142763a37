// SPDX-License-Identifier: Apache-2.0
//! What the view needs of the host, read once.

use super::Error;

/// The host's figures.
#[derive(Debug)]
pub(super) struct Host {
    /// Bytes.
    pub(super) memory: u64,
    /// Processors that are on.
    pub(super) processors: usize,
    /// `/proc/cpuinfo`, as it is.
    pub(super) cpuinfo: String,
}

impl Host {
    pub(super) fn read() -> Result<Self, Error> {
        let info = kernel::rustix::system::sysinfo();
        let memory = u64::from(info.mem_unit.max(1)).saturating_mul(info.totalram);
        let online = text("/sys/devices/system/cpu/online")?;
        let processors = count(online.trim())
            .ok_or_else(|| Error::Host { path: "/sys/devices/system/cpu/online", reason: format!("`{}`", online.trim()) })?;
        Ok(Self { memory, processors, cpuinfo: text("/proc/cpuinfo")? })
    }
}

/// How many numbers a list like `0-3,6` has.
pub(super) fn count(list: &str) -> Option<usize> {
    list.split(',')
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
            last.checked_sub(first).map(|more| more + 1)
        })
        .sum()
}

fn text(path: &'static str) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::Host { path, reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn lists() {
        assert_eq!(count("0-3,6"), Some(5));
        assert_eq!(count("0"), Some(1));
        assert_eq!(count("3-1"), None);
        assert_eq!(count(""), None);
    }
}
