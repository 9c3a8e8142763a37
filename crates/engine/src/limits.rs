// SPDX-License-Identifier: Apache-2.0
//! Bounds that hold without being asked for, and looked-up devices of those that were.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use runtime::cgroup::Resources;

use crate::error::{Error, Result};
use crate::request::{LimitsRequest, RateKind};
use crate::standing::Standing;

/// Fills in what the person did not say.
///
/// Memory: three quarters of the host's, so that a container that eats it dies inside its own cgroup
/// before the host's killer looks for a victim. Processes: 2048, as Podman has it. A rootless engine
/// without a delegated cgroup leaves its defaults out (and says so); what was asked for is an error
/// there.
pub(crate) fn fill_in(resources: &mut Resources, asked: &LimitsRequest, standing: &Standing) -> Result<()> {
    let unbounded = |word: &str| asked.unbounded.iter().any(|danger| danger.reason().contains(word));
    let defaults = matches!(standing, Standing::Root);
    if defaults && resources.memory_max.is_none() && !unbounded("memory") {
        resources.memory_max = Some(host_memory()? / 4 * 3);
    }
    if defaults && resources.pids_max.is_none() && !unbounded("pids") {
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

fn host_memory() -> Result<u64> {
    let info = kernel::rustix::system::sysinfo();
    let bytes = u64::from(info.mem_unit.max(1)).saturating_mul(info.totalram);
    if bytes == 0 {
        return Err(Error::Invalid { what: "the host's memory".into(), reason: "sysinfo(2) says zero".into() });
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

const DEFAULT_PIDS: u64 = 2048;
