// SPDX-License-Identifier: Apache-2.0
//! The other engines, started so that this machine's own are neither used nor touched: own state,
//! own sockets, own cgroups, no bridge, no firewall rule. They are Debian's packages, found by full
//! path, because another program of the same name may come first on the search path.

mod bundle;
mod docker;
mod podman;

pub(crate) use bundle::Bundle;
pub(crate) use docker::Docker;
pub(crate) use podman::Podman;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::failure::{Result, While};

/// A directory for sockets, whose paths must stay short; gone when dropped.
#[derive(Debug)]
struct SocketDirectory(PathBuf);

impl SocketDirectory {
    fn make() -> Result<Self> {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("peer-{}-{serial}", std::process::id()));
        std::fs::create_dir(&path).cannot(|| format!("make {}", path.display()))?;
        Ok(Self(path))
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for SocketDirectory {
    fn drop(&mut self) {
        report(std::fs::remove_dir_all(&self.0), "remove", &self.0);
    }
}

/// Removes the empty cgroups named `name` from every hierarchy, deepest first.
fn remove_cgroups(name: &str) {
    for hierarchy in crate::leftovers::cgroup_mounts() {
        let mut found = crate::leftovers::directories(&hierarchy.join(name));
        found.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
        for path in found {
            report(std::fs::remove_dir(&path), "remove", &path);
        }
    }
}

/// Says what could not be cleaned up; there is nobody above a destructor to hear it.
fn report(result: std::io::Result<()>, doing: &str, path: &Path) {
    if let Err(error) = result {
        eprintln!("cannot {doing} {}: {error}", path.display());
    }
}
