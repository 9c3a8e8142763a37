// SPDX-License-Identifier: Apache-2.0
//! What a sandbox left on the machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Cgroups of `containers`, mounts below `root`, and processes that hold files below it.
pub(crate) fn find(root: &Path, containers: &[String]) -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let hierarchies = mounts.lines().filter(|line| line.split(' ').nth(2).is_some_and(|kind| kind.starts_with("cgroup")));
    let mut left = Vec::new();
    for hierarchy in hierarchies.filter_map(|line| line.split(' ').nth(1)) {
        let running = containers.iter().map(|id| PathBuf::from(hierarchy).join("bulkhead").join(id));
        left.extend(running.filter(|path| path.exists()).map(|path| path.display().to_string()));
    }
    let below = root.to_str().unwrap();
    left.extend(mounts.lines().filter(|line| line.contains(below)).map(str::to_owned));
    left
}

/// Removes a tree whose files may belong to anybody.
pub(crate) fn remove_tree(path: &Path) {
    let status = Command::new("rm").args(["-rf", "--one-file-system"]).arg(path).status().unwrap();
    assert!(status.success(), "cannot remove {}", path.display());
}
