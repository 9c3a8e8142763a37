// SPDX-License-Identifier: Apache-2.0
//! Bounds that hold without being asked for, and looked-up devices of those that were.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use runtime::cgroup::{Hierarchy, Resources};

use crate::error::{Error, Result};
use crate::request::{LimitsRequest, RateKind};

/// Default bounds that this host or user cannot have, each with the reason.
#[derive(Debug, Default)]
pub(crate) struct Missing {
    pub(crate) memory: Option<String>,
    pub(crate) pids: Option<String>,
}

/// Which default bounds are missing. A bound that somebody asked for is not among them: when it cannot
/// be had, that is an error. Nor is one that somebody took away.
pub(crate) fn missing(asked: &LimitsRequest, hierarchy: &Hierarchy) -> Missing {
    let why = |said: bool, controller| if said { None } else { hierarchy.lacks(controller) };
    Missing {
        memory: why(asked.resources.memory_max.is_some() || unbounded(asked, "memory"), "memory"),
        pids: why(asked.resources.pids_max.is_some() || unbounded(asked, "pids"), "pids"),
    }
}

impl Missing {
    /// What a person should know about it: what is missing, why, and what stands in.
    pub(crate) fn notice(&self) -> Option<String> {
        let (bounds, why, instead) = match (&self.memory, &self.pids) {
            (None, None) => return None,
            (Some(why), Some(_)) => {
                ("memory and processes", why, format!("{PIDS_INSTEAD}, and {MEMORY_INSTEAD}"))
            }
            (Some(why), None) => ("memory", why, MEMORY_INSTEAD.to_owned()),
            (None, Some(why)) => ("processes", why, PIDS_INSTEAD.to_owned()),
        };
        Some(format!("no cgroup bounds {bounds}: {why}; instead {instead}"))
    }
}

/// Fills in what the person did not say.
///
/// Memory: three quarters of the host's, so that a container that eats it dies inside its own cgroup
/// before the host's killer looks for a victim. Processes: 2048, as Podman has it. What cannot be had
/// here is left out (see [`missing`]).
pub(crate) fn fill_in(resources: &mut Resources, asked: &LimitsRequest, hierarchy: &Hierarchy) -> Result<()> {
    let wanted = |said: bool, controller| {
        !said && !unbounded(asked, controller) && hierarchy.lacks(controller).is_none()
    };
    if wanted(resources.memory_max.is_some(), "memory") {
        resources.memory_max = Some(host_memory()? / 4 * 3);
    }
    if wanted(resources.pids_max.is_some(), "pids") {
        resources.pids_max = Some(DEFAULT_PIDS);
    }
    for rate in &asked.device_rates {
        let number = block_device(&rate.device)?;
        let list = match rate.kind {
            RateKind::ReadBps => &mut resources.device_read_bps,
            RateKind::WriteBps => &mut resources.device_write_bps,
            RateKind::ReadIops => &mut resources.device_read_iops,
            RateKind::WriteIops => &mut resources.device_write_iops,
        };
        list.push((number.0, number.1, rate.rate));
    }
    Ok(())
}

fn unbounded(asked: &LimitsRequest, word: &str) -> bool {
    asked.unbounded.iter().any(|danger| danger.reason().contains(word))
}

fn host_memory() -> Result<u64> {
    let info = kernel::rustix::system::sysinfo();
    let bytes = u64::from(info.mem_unit.max(1)).saturating_mul(info.totalram);
    if bytes == 0 {
        return Err(Error::Invalid {
            what: "the host's memory".into(),
            reason: "sysinfo(2) says zero".into(),
        });
    }
    Ok(bytes)
}

fn block_device(path: &Path) -> Result<(u32, u32)> {
    let missing = |reason: String| Error::Invalid { what: format!("device {}", path.display()), reason };
    let metadata = std::fs::metadata(path).map_err(|error| missing(error.to_string()))?;
    if !metadata.file_type().is_block_device() {
        return Err(missing("it is not a block device".into()));
    }
    Ok((kernel::rustix::fs::major(metadata.rdev()), kernel::rustix::fs::minor(metadata.rdev())))
}

/// Processes and threads of a container that was given no other bound.
pub(crate) const DEFAULT_PIDS: u64 = 2048;
/// oom_score_adj of a container whose memory no cgroup bounds: as if it used half of the host's memory
/// more than it does.
pub(crate) const KILLED_FIRST: i32 = 500;
const PIDS_INSTEAD: &str = "each user inside may have 2048 processes (RLIMIT_NPROC)";
const MEMORY_INSTEAD: &str = "the host's memory killer takes it before others (oom_score_adj 500)";
