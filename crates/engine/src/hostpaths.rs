// SPDX-License-Identifier: Apache-2.0
//! Which paths of the host a container may be given.
//!
//! Some give whoever has them power over the host, whatever walls stand around the container: the root
//! directory, the kernel's own file systems, the state of an engine (this one's: CVE-2021-41091 and kin),
//! the socket of one (moby/moby#9976: who can talk to it is root). Those are refused unless a person says
//! why they are wanted, and then `inspect` and `walls` say so for as long as the container exists.

use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};
use crate::request::{Danger, Missing, MountRequest, MountSource};

/// Makes the source of a bind mount, if it is to be made, and turns its path into one without links: what
/// is opened later is what was looked at here, or nothing. Says which words let a dangerous one pass.
///
/// # Errors
/// A source that is not there, cannot be made, or is dangerous without `danger`.
pub(crate) fn settle(
    mount: &mut MountRequest,
    state: &Path,
    danger: Option<&Danger>,
) -> Result<Option<String>> {
    let MountSource::Bind { source, missing, .. } = &mut mount.source else { return Ok(None) };
    let state = state.canonicalize().unwrap_or_else(|_| state.to_owned());
    if *missing == Missing::MakeDirectory && !source.exists() {
        // Before anything is made there.
        allowed(&by_letters(source), &state, danger)?;
        std::fs::create_dir_all(&source).map_err(|error| Error::Invalid {
            what: format!("making the mount source {}", source.display()),
            reason: error.to_string(),
        })?;
    }
    let whole = match source.canonicalize() {
        Ok(whole) => whole,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            let path = source.clone();
            return Err(runtime::Error::SourceMissing { what: "mount source", path }.into());
        }
        Err(error) => {
            return Err(Error::Invalid {
                what: format!("opening the mount source {}", source.display()),
                reason: error.to_string(),
            });
        }
    };
    let lowered = allowed(&whole, &state, danger)?;
    *source = whole;
    Ok(lowered)
}

fn allowed(path: &Path, state: &Path, danger: Option<&Danger>) -> Result<Option<String>> {
    let Some(why) = why_dangerous(path, state) else { return Ok(None) };
    match danger {
        Some(danger) => Ok(Some(format!("{} ({})", danger.reason(), path.display()))),
        None => Err(Error::Invalid {
            what: format!("the mount source {}", path.display()),
            reason: format!(
                "{why}, so whoever is inside would have power over the host; --danger-bind WHY allows it and \
                 keeps the reason for `inspect` and `walls`"
            ),
        }),
    }
}

/// What a container with `path` would have.
fn why_dangerous(path: &Path, state: &Path) -> Option<String> {
    if path == Path::new("/") {
        return Some("it is the host's root directory".to_owned());
    }
    if let Some(place) = KERNEL.into_iter().find(|place| path.starts_with(place)) {
        return Some(format!("it is of the host's {place}"));
    }
    if path.starts_with(state) || state.starts_with(path) {
        return Some("the state of bulkhead is in it".to_owned());
    }
    let others = ENGINES.into_iter().map(Path::new);
    for place in others {
        let is_above = place.starts_with(path) && place.exists();
        if path.starts_with(place) || is_above {
            return Some(format!("{} of another engine is in it", place.display()));
        }
    }
    let named = |name: &&str| path.ends_with(name) || path.join(name).exists();
    SOCKETS.into_iter().find(named).map(|name| format!("the socket {name} of an engine is in it"))
}

/// Without `.` and `..`, which a path that is not there yet cannot be asked about.
fn by_letters(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                clean.pop();
            }
            Component::CurDir => {}
            other => clean.push(other),
        }
    }
    clean
}

const KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
/// State and run directories of other engines, where Debian and their own packages have them.
const ENGINES: [&str; 11] = [
    "/run/buildkit",
    "/run/containerd",
    "/run/containers",
    "/run/crio",
    "/run/docker",
    "/run/docker.sock",
    "/run/podman",
    "/var/lib/containerd",
    "/var/lib/containers",
    "/var/lib/docker",
    "/var/lib/kubelet",
];
/// Wherever they are: a rootless engine has its own below the person's run directory.
const SOCKETS: [&str; 7] = [
    "bulkhead.sock",
    "buildkitd.sock",
    "containerd.sock",
    "cri-dockerd.sock",
    "crio.sock",
    "docker.sock",
    "podman.sock",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let state = Path::new("/srv/bulkhead");
        for path in ["/", "/proc", "/proc/1", "/sys/fs/cgroup", "/dev/sda", "/srv", "/srv/bulkhead/volumes"] {
            assert!(why_dangerous(Path::new(path), state).is_some(), "{path}");
        }
        for path in ["/var/lib/docker/volumes", "/run/docker.sock", "/run/user/1/podman/podman.sock"] {
            assert!(why_dangerous(Path::new(path), state).is_some(), "{path}");
        }
        for path in ["/srv/bulkhead2", "/processes", "/home/ann", "/etc/hostname", "/usr"] {
            assert_eq!(why_dangerous(Path::new(path), state), None, "{path}");
        }
        assert_eq!(by_letters(Path::new("/a/./b/../../proc/x")), Path::new("/proc/x"));
    }
}
