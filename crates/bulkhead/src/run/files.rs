// SPDX-License-Identifier: Apache-2.0
//! Mounts and devices.

use clap::Args;
use engine::request::{Danger, DeviceRequest, FilesRequest, RootAccess};

use super::Surroundings;
use crate::flags::mounts::{self, Mounts};
use crate::flags::{devices, sizes};

/// What the container sees of files.
#[derive(Debug, Args)]
#[command(next_help_heading = "Files")]
#[group(skip)]
pub(super) struct Flags {
    /// Nothing but mounts can be written
    #[arg(long)]
    read_only: bool,
    #[command(flatten)]
    mounts: Mounts,
    /// Mount what another container has; may be given more than once
    #[arg(long, value_name = "CONTAINER[:ro]", value_parser = mounts::volumes_from)]
    volumes_from: Vec<(String, Option<RootAccess>)>,
    /// Allow mounts of paths that give power over the host, for this reason
    #[arg(long, value_name = "WHY", value_parser = mounts::reason)]
    danger_bind: Option<String>,
    /// Show a device of the host inside; may be given more than once
    #[arg(long, value_name = "DEVICE[:INSIDE][:RWM]", value_parser = devices::parse)]
    device: Vec<DeviceRequest>,
    /// The size of /dev/shm
    #[arg(long, value_name = "SIZE", value_parser = sizes::parse)]
    shm_size: Option<u64>,
}

impl Flags {
    pub(super) fn request(self, around: &Surroundings<'_>) -> FilesRequest {
        FilesRequest {
            root: if self.read_only { RootAccess::ReadOnly } else { RootAccess::ReadWrite },
            mounts: self.mounts.seen_from(around.here),
            volumes_from: self.volumes_from,
            host_paths: self.danger_bind.map(|why| Danger::asked_by(format!("--danger-bind {why:?}"))),
            devices: self.device,
            // Docker takes 0 for "not said".
            shm_size: self.shm_size.filter(|size| *size > 0),
        }
    }
}
