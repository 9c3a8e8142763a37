// SPDX-License-Identifier: Apache-2.0
//! What of the host a container is given: opened while paths still mean the host's, handed to the child
//! as descriptors of detached mounts.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use kernel::mount::{self, Attributes, Depth};
use kernel::root::Links;
use kernel::rustix::fs::{FileType, Mode, OFlags};

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
        let locked = mount::NOSUID | mount::NODEV | mount::RDONLY;
        let attributes = attributes_of(operations, index).unwrap_or(locked);
        binds.push(match &mount.source {
            Source::Bind { path, depth } => {
                let place = without_links(Path::new("/"), path.strip_prefix("/").unwrap_or(path), path)?;
                Some(bind(place.as_fd(), path, *depth, attributes, mount.propagation)?)
            }
            Source::Within { directory, path } => {
                let place = without_links(directory, path, &directory.join(path))?;
                Some(bind(place.as_fd(), path, Depth::Single, attributes, mount.propagation)?)
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

fn open_bind(path: &Path, depth: Depth, attributes: u64, propagation: u64) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let place = kernel::rustix::fs::open(path, flags, Mode::empty());
    let place = place.step(|| format!("open the mount source {}", path.display()))?;
    bind(place.as_fd(), path, depth, attributes, propagation)
}

/// What `path` is beneath `directory`. A link on the way is refused: who looked at the path before saw
/// none, so somebody has just put it there, or it lies in a volume and is a container's.
fn without_links(directory: &Path, path: &Path, shown: &Path) -> Result<OwnedFd> {
    let step = || format!("open the mount source {}", shown.display());
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = kernel::rustix::fs::open(directory, flags, Mode::empty()).step(step)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW;
    match kernel::root::open_in(directory.as_fd(), path, flags, Mode::empty(), Links::Refuse) {
        Err(error) if matches!(error.errno, kernel::Errno::NOENT | kernel::Errno::NOTDIR) => {
            Err(Error::SourceMissing { what: "mount source", path: shown.to_owned() })
        }
        Err(error) if matches!(error.errno, kernel::Errno::LOOP | kernel::Errno::XDEV) => {
            Err(Error::Refused {
                what: format!("mount source `{}`", shown.display()),
                reason: "a link on the way could lead anywhere".into(),
            })
        }
        other => {
            let place = other.step(step)?;
            let stat = kernel::rustix::fs::fstat(&place).step(step)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => Err(Error::Refused {
                    what: format!("mount source `{}`", shown.display()),
                    reason: "it is a link, which could lead anywhere".into(),
                }),
                _ => Ok(place),
            }
        }
    }
}

/// Propagation counts here and not later: what is private once has no host to follow.
fn bind(
    place: BorrowedFd<'_>,
    path: &Path,
    depth: Depth,
    attributes: u64,
    propagation: u64,
) -> Result<OwnedFd> {
    let tree = mount::clone_tree(place, Path::new(""), depth)
        .step(|| format!("open the mount source {}", path.display()))?;
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
