// SPDX-License-Identifier: Apache-2.0
//! The texts of the files that stand in for the host's.

use std::time::Duration;

use super::host::Host;
use super::{Error, Limits, live};
use crate::cgroup::Stats;
use crate::plan::StagedFile;

/// Every file with its first text.
pub(super) fn all(host: &Host, limits: &Limits, usage: &Stats) -> Result<Vec<StagedFile>, Error> {
    let mut files = vec![
        file("/proc/cpuinfo", cpuinfo(&host.cpuinfo, limits.processors.shown())),
        file("/proc/cmdline", "\n".to_owned()),
        file("/proc/swaps", "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".to_owned()),
        file("/proc/diskstats", String::new()),
        file("/proc/partitions", "major minor  #blocks  name\n\n".to_owned()),
        file("/proc/vmstat", VMSTAT.to_owned()),
        file("/proc/sys/kernel/random/boot_id", boot_id()?),
        file("/proc/sys/kernel/core_pattern", "core\n".to_owned()),
        file("/sys/devices/system/cpu/online", limits.processors.list() + "\n"),
    ];
    for name in ["cpu", "io", "memory"] {
        files.push(file(&format!("/proc/pressure/{name}"), PRESSURE.to_owned()));
    }
    for (target, live) in live::FILES {
        files.push(file(target, live.text(limits, usage, Duration::ZERO)));
    }
    Ok(files)
}

/// The processors of these numbers, as the host describes them, with siblings that fit.
fn cpuinfo(host: &str, shown: &[usize]) -> String {
    let blocks = host
        .split_inclusive("\n\n")
        .filter(|block| number(block).is_none_or(|number| shown.contains(&number)));
    let mut text = String::new();
    for block in blocks {
        let place = number(block).and_then(|number| shown.iter().position(|other| *other == number));
        for line in block.lines() {
            let key = line.split(':').next().unwrap_or_default();
            match (key.trim(), place) {
                ("core id" | "apicid" | "initial apicid", Some(place)) => {
                    text.push_str(&format!("{key}: {place}\n"))
                }
                ("siblings" | "cpu cores", _) => text.push_str(&format!("{key}: {}\n", shown.len())),
                _ => text.push_str(&format!("{line}\n")),
            }
        }
    }
    text
}

/// Which processor a block is about; some architectures end with a block about all.
fn number(block: &str) -> Option<usize> {
    block.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "processor").then(|| value.trim().parse().ok())?
    })
}

/// A random UUID of version 4 (RFC 9562).
fn boot_id() -> Result<String, Error> {
    let mut bytes = [0u8; 16];
    kernel::rustix::rand::getrandom(&mut bytes, kernel::rustix::rand::GetRandomFlags::empty()).map_err(
        |errno| Error::Step { step: "draw a boot id", source: kernel::Error::new("getrandom", errno) },
    )?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("{}-{}-{}-{}-{}\n", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

fn file(target: &str, content: String) -> StagedFile {
    StagedFile { target: target.into(), content: content.into_bytes() }
}

/// vmstat(8) does not start with an empty file; what it adds to `/proc/meminfo` and `/proc/stat` is the host's alone.
const VMSTAT: &str = "nr_free_pages 0\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n";
const PRESSURE: &str =
    "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_cut_and_keep_their_numbers() {
        let block = |number| {
            format!("processor\t: {number}\nmodel name\t: X\nsiblings\t: 8\ncore id\t\t: {number}\n\n")
        };
        let host = [4, 5, 6].map(block).concat() + "Hardware\t: Y\n";
        assert_eq!(
            cpuinfo(&host, &[5]),
            "processor\t: 5\nmodel name\t: X\nsiblings\t: 1\ncore id\t\t: 0\n\nHardware\t: Y\n"
        );
        assert_eq!(cpuinfo(&host, &[4, 6]).matches("processor").count(), 2);
        assert_eq!(cpuinfo(&host, &[4, 6]).matches("siblings\t: 2").count(), 2);
    }

    #[test]
    fn a_boot_id_is_a_random_uuid() {
        let [one, other] = [(); 2].map(|()| boot_id().unwrap());
        assert_ne!(one, other);
        assert_eq!((one.len(), &one[14..15]), (37, "4"), "{one}");
    }
}
