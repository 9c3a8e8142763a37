// SPDX-License-Identifier: Apache-2.0
//! What the view needs of the host, read once.

use super::Error;

/// The host's figures.
#[derive(Debug)]
pub(super) struct Host {
    /// Bytes.
    pub(super) memory: u64,
    /// Bytes.
    pub(super) swap: u64,
    /// `/proc/cpuinfo`, as it is.
    pub(super) cpuinfo: String,
}

impl Host {
    pub(super) fn read() -> Result<Self, Error> {
        let info = kernel::rustix::system::sysinfo();
        let bytes = |units: u64| u64::from(info.mem_unit.max(1)).saturating_mul(units);
        Ok(Self {
            memory: bytes(info.totalram),
            swap: bytes(info.totalswap),
            cpuinfo: text("/proc/cpuinfo")?,
        })
    }
}

/// The numbers of a list like `0-3,6`.
pub(super) fn numbers(list: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.trim().split_once('-').unwrap_or((part.trim(), part.trim()));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last > MOST {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

fn text(path: &'static str) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|error| Error::Host { path, reason: error.to_string() })
}

/// More processors than Linux counts (8192).
const MOST: usize = 65_535;

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn lists() {
        assert_eq!(numbers("0-3,6"), Some(vec![0, 1, 2, 3, 6]));
        assert_eq!(numbers("0"), Some(vec![0]));
        assert_eq!(numbers("3-1"), None);
        assert_eq!(numbers("0-99999999"), None);
        assert_eq!(numbers(""), None);
    }
}
