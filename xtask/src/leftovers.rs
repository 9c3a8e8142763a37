// SPDX-License-Identifier: Apache-2.0
//! What a run left on this machine: the state before, compared with the state after.
//!
//! Looks at cgroups, mounts, network namespaces with a name, and processes of ours. It changes
//! nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Everything that a container engine can leave behind, each as a line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeSet<String>);

impl Snapshot {
    /// Reads the machine's state. `programs` is the directory whose programs count as ours.
    pub(crate) fn take(programs: &Path) -> Self {
        let mut lines = BTreeSet::new();
        for hierarchy in cgroup_mounts() {
            lines.extend(directories(&hierarchy).iter().map(|path| format!("cgroup {}", path.display())));
        }
        lines.extend(mount_points().map(|point| format!("mount {point}")));
        for directory in ["/run/netns", "/run/bulkhead", "/var/lib/bulkhead"] {
            lines.extend(entries(Path::new(directory)).iter().map(|path| format!("file {}", path.display())));
        }
        lines.extend(processes(programs));
        Self(lines)
    }

    /// What is there now and was not before.
    pub(crate) fn since(&self, before: &Self) -> Vec<String> {
        self.0.difference(&before.0).cloned().collect()
    }
}

/// Where cgroup hierarchies are mounted, of either version.
pub(crate) fn cgroup_mounts() -> Vec<PathBuf> {
    mount_table().filter(|(_, kind)| kind.starts_with("cgroup")).map(|(point, _)| PathBuf::from(point)).collect()
}

/// `top` and every directory below it.
pub(crate) fn directories(top: &Path) -> Vec<PathBuf> {
    if !top.is_dir() {
        return Vec::new();
    }
    let below = entries(top).into_iter().filter(|path| path.is_dir() && !path.is_symlink());
    let mut found: Vec<PathBuf> = below.flat_map(|path| directories(&path)).collect();
    found.push(top.to_path_buf());
    found
}

fn mount_points() -> impl Iterator<Item = String> {
    mount_table().map(|(point, _)| point)
}

/// Mount points and file system types of this mount namespace (proc_pid_mounts(5)).
fn mount_table() -> impl Iterator<Item = (String, String)> {
    let table = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let rows: Vec<_> = table
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?.to_owned(), words.next()?.to_owned()))
        })
        .collect();
    rows.into_iter()
}

/// Processes whose program lies under `programs`, but for this one and its parents.
fn processes(programs: &Path) -> Vec<String> {
    entries(Path::new("/proc"))
        .into_iter()
        .filter_map(|process| {
            let program = std::fs::read_link(process.join("exe")).ok()?;
            program.starts_with(programs).then(|| format!("process {} {}", process.display(), program.display()))
        })
        .collect()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}
