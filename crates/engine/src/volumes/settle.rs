// SPDX-License-Identifier: Apache-2.0
//! Which mounts a container gets in the end: those that were asked for, those of other containers, and the
//! image's own volumes, in this order of rank.

use std::path::PathBuf;

use store::Image;

use super::check_name;
use crate::error::Result;
use crate::prepare::{self, clean};
use crate::request::{CopyUp, MountRequest, MountSource, RootAccess, RunRequest, VolumeName};
use crate::{Engine, hostpaths};

/// A request with its mounts settled.
#[derive(Debug)]
pub(crate) struct Settled {
    /// All mounts, each volume by its name, each path of the host without a link.
    pub(crate) request: RunRequest,
    /// In which words dangerous paths of the host were asked for.
    pub(crate) dangers: Vec<String>,
}

impl Engine {
    /// Settles the mounts of `request`.
    ///
    /// # Errors
    /// A name that no volume can have, a container that is not there, a place where nothing can be mounted, a
    /// path of the host that is missing or dangerous.
    pub(crate) fn settle_mounts(&self, request: &RunRequest, image: &Image) -> Result<Settled> {
        let mut request = request.clone();
        let asked = targets(&request.files.mounts)?;
        let mut borrowed = Vec::new();
        for (container, access) in &request.files.volumes_from {
            for mount in self.records.find(container)?.details.mounts {
                let is_shared = !matches!(mount.source, MountSource::Tmpfs { .. });
                let target = clean(&mount.target)?;
                if is_shared && !asked.contains(&target) {
                    // Of two containers that have something at the same place the later one counts.
                    borrowed.retain(|(taken, _)| *taken != target);
                    borrowed.push((target, MountRequest { access: access.unwrap_or(mount.access), ..mount }));
                }
            }
        }
        request.files.mounts.extend(borrowed.into_iter().map(|(_, mount)| mount));
        let taken = targets(&request.files.mounts)?;
        for target in image.config.config.volumes.keys() {
            if !taken.contains(&clean(target)?) {
                request.files.mounts.push(anonymous(target));
            }
        }
        request.files.mounts.iter_mut().try_for_each(name)?;
        prepare::check_mounts(&request, &self.volumes)?;
        let (mut dangers, danger) = (Vec::new(), request.files.host_paths.clone());
        for mount in &mut request.files.mounts {
            dangers.extend(hostpaths::settle(mount, &self.root, danger.as_ref())?);
        }
        Ok(Settled { request, dangers })
    }
}

fn targets(mounts: &[MountRequest]) -> Result<Vec<PathBuf>> {
    mounts.iter().map(|mount| clean(&mount.target)).collect()
}

fn anonymous(target: &str) -> MountRequest {
    let source = MountSource::Volume {
        name: VolumeName::Anonymous(None),
        copy: CopyUp::Yes,
        subpath: None,
        labels: Vec::new(),
    };
    let access = RootAccess::ReadWrite;
    MountRequest { target: target.to_owned(), source, access, exec: None, propagation: None }
}

fn name(mount: &mut MountRequest) -> Result<()> {
    match &mut mount.source {
        MountSource::Volume { name: VolumeName::Named(name), .. } => check_name(name),
        MountSource::Volume { name: VolumeName::Anonymous(name @ None), .. } => {
            *name = Some(crate::name::new_id()?);
            Ok(())
        }
        _ => Ok(()),
    }
}
