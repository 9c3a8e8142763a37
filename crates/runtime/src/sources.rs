// SPDX-License-Identifier: Apache-2.0
//! What of the host a container is given: opened while paths still mean the host's, handed to the child
//! as descriptors of detached mounts.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use kernel::mount::{self, Attributes, Depth};
use kernel::rustix::fs::CWD;

use crate::error::{Error, Result, Step};
use crate::mounts::Sources;
use crate::nodes::{self, Node};
use crate::plan::{self, Operation};
use crate::spec::{Asked, Source, Spec};

/// Opens everything of the host that the container will be given, while paths still mean the
/// host's.
pub(crate) fn open(spec: &Spec, operations: &[Operation], stage: OwnedFd) -> Result<Sources> {
    let mut binds = Vec::with_capacity(spec.mounts.len() + 1);
    for (index, mount) in spec.mounts.iter().enumerate() {
        binds.push(match &mount.source {
            Source::Bind { path, depth } => {
                let locked = mount::NOSUID | mount::NODEV | mount::RDONLY;
                let attributes = attributes_of(operations, index).unwrap_or(locked);
                Some(open_bind(path, *depth, attributes, mount.propagation)?)
            }
            Source::Tmpfs { .. } => None,
        });
    }
    for (path, place) in [("/proc", plan::HOST_PROC), ("/sys", plan::HOST_SYS)] {
        let wanted = attributes_of(operations, spec.mounts.len() + place);
        binds.push(wanted.map(|set| open_place_of_host(Path::new(path), set)).transpose()?);
    }
    let (mut devices, mut made) = (Vec::new(), None);
    for (at, operation) in operations.iter().enumerate() {
        if let Operation::Device { source, asked, .. } = operation {
            let node = match asked {
                Asked::ByDefault => nodes::of_host(source).map(Node::Host),
                Asked::ByPerson => {
                    let name = at.to_string();
                    nodes::of_container(source, &mut made, stage.as_fd(), name, &spec.namespaces.user)
                }
            };
            devices.push((source.clone(), node?));
        }
    }
    Ok(Sources { stage, binds, devices, made, cgroups: crate::cgroup::Views::None })
}

/// What the plan says of the bind source `wanted`; nothing when it does not use it.
fn attributes_of(operations: &[Operation], wanted: usize) -> Option<u64> {
    operations.iter().find_map(|operation| match operation {
        Operation::Bind { index, attributes, .. } if *index == wanted => Some(*attributes),
        _ => None,
    })
}

/// The host's own proc or sysfs, without what is mounted on it where that can be left behind: what an
/// ordinary user may not unmount comes along (mount_namespaces(7)), and is as read-only as the rest.
fn open_place_of_host(path: &Path, attributes: u64) -> Result<OwnedFd> {
    match open_bind(path, Depth::Single, attributes, 0) {
        Err(Error::Step { source, .. }) if source.errno == kernel::Errno::INVAL => {
            open_bind(path, Depth::Recursive, attributes, 0)
        }
        other => other,
    }
}

/// Propagation counts here and not later: what is private once has no host to follow.
fn open_bind(path: &Path, depth: Depth, attributes: u64, propagation: u64) -> Result<OwnedFd> {
    let tree = match mount::clone_tree(CWD, path, depth) {
        Err(error) if matches!(error.errno, kernel::Errno::NOENT | kernel::Errno::NOTDIR) => {
            return Err(Error::SourceMissing { what: "mount source", path: path.to_owned() });
        }
        other => other.step(|| format!("open the mount source {}", path.display()))?,
    };
    let propagation = if propagation == 0 { mount::PRIVATE } else { propagation };
    let protected = Attributes { set: attributes, propagation, ..Attributes::default() };
    mount::set_attributes(tree.as_fd(), &protected, depth)
        .step(|| format!("protect the mount {}", path.display()))?;
    Ok(tree)
}

/// Maps owners of bind mounts, so that the container's root owns what the host's root owns there.
///
/// A file system that cannot map shows its files as nobody's, which only takes rights away, so
/// that is no failure.
pub(crate) fn map_owners(sources: &Sources, user_namespace: Option<&OwnedFd>) {
    let Some(user_namespace) = user_namespace else { return };
    for tree in sources.binds.iter().flatten() {
        let attributes = Attributes { id_map: Some(user_namespace.as_fd()), ..Attributes::default() };
        let mapped = mount::set_attributes(tree.as_fd(), &attributes, Depth::Recursive)
            .or_else(|_| mount::set_attributes(tree.as_fd(), &attributes, Depth::Single));
        match mapped {
            Ok(()) | Err(_) => {}
        }
    }
}
