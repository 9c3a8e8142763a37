// SPDX-License-Identifier: Apache-2.0
//! What is measured.

use super::Contestant;
use crate::failure::{Failure, Result};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Load,
    Pull,
    /// A pull of what is here, all of it or nearly.
    Again,
    Push,
    Save,
    Diff,
    Copy,
}

impl Operation {
    pub(super) const ALL: [Self; 7] =
        [Self::Load, Self::Pull, Self::Again, Self::Push, Self::Save, Self::Diff, Self::Copy];

    pub(super) fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|operation| operation.name() == name);
        found.ok_or_else(|| {
            let all = Self::ALL.map(Self::name).join(", ");
            Failure::new(format!("nothing named {name} is measured; there are: {all}"))
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::Pull => "pull",
            Self::Again => "again",
            Self::Push => "push",
            Self::Save => "save",
            Self::Diff => "diff",
            Self::Copy => "cp",
        }
    }

    /// What `contestant` does for it.
    pub(super) fn command(self, contestant: Contestant) -> String {
        let verb = if self == Self::Again { "pull" } else { self.name() };
        match contestant {
            Contestant::Floor => "tar -x (floor)".to_owned(),
            Contestant::Us => format!("bulkhead {verb}"),
            Contestant::Docker => format!("docker {verb}"),
            Contestant::Podman => format!("podman {verb}"),
            Contestant::Skopeo => "skopeo copy".to_owned(),
            Contestant::Umoci => "umoci unpack".to_owned(),
        }
    }

    /// What its figures are given in, and how many of that are in a second.
    pub(super) fn unit(self) -> (&'static str, f64) {
        match self {
            Self::Load | Self::Pull | Self::Push | Self::Save => ("s", 1.0),
            Self::Again | Self::Diff | Self::Copy => ("ms", 1000.0),
        }
    }

    /// What its table shows.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Load => {
                "`load`, cold, on a fresh journalled ext4 in memory; processor seconds of the command, its children and its \
                 daemons. `bulkhead load` and `podman load` of what `docker save` writes read plain layers, of an OCI archive \
                 gzip ones. The floor is `tar -x` of the layers: no digests, nothing kept."
            }
            Self::Pull => {
                "`pull`, cold, of gzip layers from Debian's docker-registry on loopback with its files in memory, on a fresh \
                 journalled ext4 in memory; processor seconds of the command, its children and its daemons, without the registry's. \
                 skopeo copies to containers-storage."
            }
            Self::Again => {
                "`pull` of what is here already, the mean of ten, and of an image that has one small layer more than what is \
                 here. The registry is on loopback."
            }
            Self::Push => {
                "`push` to an empty registry on loopback with its files in memory, of an image that was pulled. Bulkhead sends the \
                 layers as they came; the others make and compress them anew."
            }
            Self::Save => {
                "`save` of an image that was pulled, into a file in memory. Bulkhead writes the layers as they came; the others \
                 make them anew."
            }
            Self::Diff => {
                "`diff` of a container that is not running and into which 1001 files were copied, the mean of five. bookworm has \
                 6,700 files, small 40,000."
            }
            Self::Copy => {
                "`cp` out of and into a container that is not running, the mean of five. bookworm has 6,700 files, small 40,000."
            }
        }
    }
}
