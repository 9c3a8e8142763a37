// SPDX-License-Identifier: Apache-2.0
//! Devices besides the six that every container has.

use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use runtime::cgroup::DeviceRule;
use runtime::spec::Device;

use crate::error::{Error, Result};
use crate::request::RunRequest;

/// The nodes that are made: those asked for and, as Docker has it, all of the host's for a privileged
/// container.
pub(super) fn nodes(request: &RunRequest) -> Result<Vec<Device>> {
    let asked = request.files.devices.iter();
    let mut nodes: Vec<Device> = asked
        .map(|device| Device { source: device.source.clone(), target: device.target.clone().into() })
        .collect();
    if request.isolation.privileged.is_some() {
        let mut found = Vec::new();
        of_host(Path::new("/dev"), &mut found)?;
        found.sort();
        for source in found {
            if nodes.iter().all(|node| node.target != source) {
                nodes.push(Device { target: source.clone(), source });
            }
        }
    }
    Ok(nodes)
}

/// Every node below `directory` but those that a container has of its own.
fn of_host(directory: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let told = |error: std::io::Error| Error::Invalid {
        what: format!("listing the devices in {}", directory.display()),
        reason: error.to_string(),
    };
    for entry in std::fs::read_dir(directory).map_err(told)? {
        let entry = entry.map_err(told)?;
        let (name, kind) = (entry.file_name(), entry.file_type().map_err(told)?);
        let own = name
            .to_str()
            .is_some_and(|name| OWN.contains(&name) || runtime::plan::DEVICE_NODES.contains(&name));
        if own && directory == Path::new("/dev") {
            continue;
        }
        if kind.is_dir() {
            of_host(&entry.path(), found)?;
        } else if kind.is_char_device() || kind.is_block_device() {
            found.push(entry.path());
        }
    }
    Ok(())
}

/// Which devices may be opened, whatever nodes there are.
pub(super) fn rules(request: &RunRequest) -> Result<Vec<DeviceRule>> {
    if request.isolation.privileged.is_some() || request.isolation.all_devices.is_some() {
        return Ok(vec![DeviceRule::ALL]);
    }
    let mut rules = runtime::cgroup::default_devices();
    for device in &request.files.devices {
        rules.push(DeviceRule::for_node(&device.source, &device.access)?);
    }
    Ok(rules)
}

/// What a container's `/dev` has of its own besides the six.
const OWN: [&str; 7] = ["console", "fd", "hugepages", "mqueue", "ptmx", "pts", "shm"];
