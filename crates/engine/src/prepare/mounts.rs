// SPDX-License-Identifier: Apache-2.0
//! A person's mounts.

use std::path::{Component, Path, PathBuf};

use kernel::mount::Depth;
use runtime::spec::{Access, Exec, Mount, Source};

use crate::error::{Context, Error, Result};
use crate::request::{self, MountSource, RunRequest};
use crate::volumes::{self, Volumes};

/// What is mounted besides what every container has, in the order given.
pub(super) fn mounts(request: &RunRequest, volumes: &Volumes) -> Result<Vec<Mount>> {
    let mut mounts = Vec::new();
    if request.isolation.ipc_host.is_some() {
        shared_memory(request, &mut mounts)?;
    }
    let asked = mounts.len();
    for wanted in &request.files.mounts {
        let mount = mount(wanted, volumes)?;
        if mounts[asked..].iter().any(|other| other.target == mount.target) {
            return Err(Error::Invalid {
                what: format!("mount point `{}`", wanted.target),
                reason: "it is given twice".into(),
            });
        }
        mounts.push(mount);
    }
    Ok(mounts)
}

/// POSIX shared memory and message queues are files, and the host's belong to its IPC namespace.
fn shared_memory(request: &RunRequest, mounts: &mut Vec<Mount>) -> Result<()> {
    if request.files.shm_size.is_some() {
        return Err(Error::Invalid {
            what: "--shm-size".into(),
            reason: "with --ipc host, /dev/shm is the host's and keeps its size".into(),
        });
    }
    for place in ["/dev/shm", "/dev/mqueue"] {
        if Path::new(place).is_dir() {
            // Without links, as every path of the host: in some distributions it leads below /run.
            let path = std::fs::canonicalize(place).told("look at shared memory")?;
            let source = Source::Bind { path, depth: Depth::Single };
            let (access, exec) = (Access::ReadWrite, Exec::Refused);
            mounts.push(Mount { target: place.into(), source, access, exec, propagation: 0 });
        }
    }
    Ok(())
}

fn mount(asked: &request::MountRequest, volumes: &Volumes) -> Result<Mount> {
    let target = clean(&asked.target)?;
    if target == Path::new("/") || target.starts_with("/proc") {
        return Err(Error::Invalid {
            what: format!("mount point `{}`", asked.target),
            reason: "a mount over / or below /proc would replace what the walls rely on (CVE-2015-3631)"
                .into(),
        });
    }
    let (source, exec) = match &asked.source {
        MountSource::Bind { source, recursive, .. } => {
            let depth = match recursive {
                request::Recursive::Yes => Depth::Recursive,
                request::Recursive::No => Depth::Single,
            };
            (Source::Bind { path: source.clone(), depth }, Exec::Allowed)
        }
        MountSource::Tmpfs { size, mode, owner } => {
            (Source::Tmpfs { size: *size, mode: *mode, owner: *owner }, Exec::Refused)
        }
        MountSource::Volume { subpath, .. } => {
            let name = volumes::volume(asked).unwrap_or_default();
            let path = beneath(subpath.as_deref().unwrap_or(Path::new("")))?;
            (Source::Within { directory: volumes.data(name), path }, Exec::Allowed)
        }
    };
    Ok(Mount {
        target,
        source,
        access: super::access(asked.access),
        exec: match asked.exec {
            Some(request::Exec::Allowed) => Exec::Allowed,
            Some(request::Exec::Refused) => Exec::Refused,
            None => exec,
        },
        propagation: propagation(asked)?,
    })
}

/// Mounts of the host may appear inside; mounts of the container may not appear on the host.
fn propagation(asked: &request::MountRequest) -> Result<u64> {
    match asked.propagation {
        None | Some(request::Propagation::Private | request::Propagation::RPrivate) => Ok(0),
        Some(request::Propagation::Slave | request::Propagation::RSlave) => Ok(kernel::mount::SLAVE),
        Some(request::Propagation::Shared | request::Propagation::RShared) => Err(Error::Invalid {
            what: format!("mount point `{}`", asked.target),
            reason: "a shared mount would carry the container's mounts to the host, which is not supported; \
                     rslave shows it the host's"
                .into(),
        }),
    }
}

/// A path in a volume: relative, and not upwards.
fn beneath(path: &Path) -> Result<PathBuf> {
    match path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        true => Ok(path.components().filter(|part| matches!(part, Component::Normal(_))).collect()),
        false => Err(Error::Invalid {
            what: format!("volume-subpath `{}`", path.display()),
            reason: "it must be a path in the volume, without a slash before it and without `..`".into(),
        }),
    }
}

/// An absolute path without `.`, `..` and doubled slashes.
pub(crate) fn clean(path: &str) -> Result<PathBuf> {
    let mut clean = PathBuf::from("/");
    if !path.starts_with('/') {
        return Err(Error::Invalid {
            what: format!("mount point `{path}`"),
            reason: "it must be an absolute path".into(),
        });
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                return Err(Error::Invalid {
                    what: format!("mount point `{path}`"),
                    reason: "it must not contain `..`".into(),
                });
            }
            name => clean.push(name),
        }
    }
    Ok(clean)
}
