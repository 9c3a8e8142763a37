// SPDX-License-Identifier: Apache-2.0
//! What a run left on this machine: the state before, compared with the state after.
//!
//! Looks at cgroups, mounts, network namespaces with a name, directories of tests, and processes of
//! ours. It changes nothing.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Everything that a container engine can leave behind, each as a line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeSet<String>);

impl Snapshot {
    /// What is there and stays: the kernel removes some things a moment after it was asked, and other
    /// programs of this machine come and go.
    pub(crate) fn lasting(programs: &Path) -> Self {
        let mut lasting = Self::take(programs);
        for _ in 0..LOOKS {
            std::thread::sleep(PAUSE);
            let now = Self::take(programs);
            lasting.0.retain(|line| now.0.contains(line));
        }
        lasting
    }

    /// Reads the machine's state. `programs` is the directory whose programs count as ours.
    pub(crate) fn take(programs: &Path) -> Self {
        let mut lines = BTreeSet::new();
        for hierarchy in cgroup_mounts() {
            let ours = directories(&hierarchy).into_iter().filter(|path| is_an_engines(path));
            lines.extend(ours.map(|path| format!("cgroup {}", path.display())));
        }
        lines.extend(mount_points().map(|point| format!("mount {point}")));
        for directory in ["/run/netns", "/run/bulkhead", "/var/lib/bulkhead"] {
            lines.extend(entries(Path::new(directory)).iter().map(|path| format!("file {}", path.display())));
        }
        for directory in ["/tmp", "/var/tmp"] {
            let ours = entries(Path::new(directory)).into_iter().filter(|path| is_an_engines(path));
            lines.extend(ours.map(|path| format!("file {}", path.display())));
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
    mount_table()
        .filter(|(_, kind)| kind.starts_with("cgroup"))
        .map(|(point, _)| PathBuf::from(point))
        .collect()
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

/// Whether a part of the path has a name that we, or the peers that we start, give. Other cgroups
/// belong to the machine's own sessions and services, which come and go as they like.
fn is_an_engines(path: &Path) -> bool {
    path.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        ["bulkhead", "peer-", "libpod"].iter().any(|name| part.starts_with(name))
    })
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

/// Processes whose program lies under `programs`, but for this one.
fn processes(programs: &Path) -> Vec<String> {
    let own = std::process::id().to_string();
    let is_another = |path: &PathBuf| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name != own && name.bytes().all(|byte| byte.is_ascii_digit()))
    };
    entries(Path::new("/proc"))
        .into_iter()
        .filter(is_another)
        .filter_map(|process| {
            let program = std::fs::read_link(process.join("exe")).ok()?;
            program
                .starts_with(programs)
                .then(|| format!("process {} {}", process.display(), program.display()))
        })
        .collect()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.filter_map(|entry| Some(entry.ok()?.path())).collect()
}

/// Together three seconds.
const LOOKS: u32 = 6;
const PAUSE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_told_and_nothing_else() {
        let state = |lines: &[&str]| Snapshot(lines.iter().map(|line| (*line).to_owned()).collect());
        let (before, after) = (state(&["mount /", "mount /old"]), state(&["mount /", "cgroup /bulkhead/1"]));
        assert_eq!(after.since(&before), ["cgroup /bulkhead/1"]);
    }

    #[test]
    fn cgroups_of_engines_are_told_by_their_names() {
        assert!(is_an_engines(Path::new("/sys/fs/cgroup/bulkhead/0123")));
        assert!(is_an_engines(Path::new("/var/tmp/bulkhead-test-x")));
        assert!(is_an_engines(Path::new("/sys/fs/cgroup/memory/peer-docker-7")));
        assert!(!is_an_engines(Path::new("/sys/fs/cgroup/user.slice/session-3.scope")));
    }
}
