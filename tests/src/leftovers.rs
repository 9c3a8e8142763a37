// SPDX-License-Identifier: Apache-2.0
//! What a sandbox left on the machine.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What is left of the state root `root`: cgroups of `containers`, mounts below it, processes that serve
/// it, names, ranges of ids and half-made layers that belong to no container.
pub(crate) fn find(root: &Path, containers: &[String]) -> Vec<String> {
    let mut left = Vec::new();
    for parent in cgroup_parents() {
        let running = containers.iter().map(|id| parent.join(id));
        left.extend(running.filter(|path| path.exists()).map(|path| path.display().to_string()));
    }
    let below = root.to_str().unwrap();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    left.extend(mounts.lines().filter(|line| line.contains(below)).map(str::to_owned));
    left.extend(processes(below));
    for place in ["names", "slots", "staging"] {
        let entries = names(&root.join(place)).into_iter().map(|name| format!("{place}/{name}"));
        left.extend(entries.filter(|_| containers.is_empty()));
    }
    left
}

fn cgroup_parents() -> Vec<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let hierarchies = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        kind.starts_with("cgroup").then(|| Path::new(point).join("bulkhead"))
    });
    hierarchies.collect()
}

/// Processes that were started with this state root: monitors that should have ended.
fn processes(root: &str) -> Vec<String> {
    let numbers =
        names(Path::new("/proc")).into_iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    let serving = numbers.filter(|pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let called = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&environment)
            .split('\0')
            .any(|entry| entry.strip_prefix("BULKHEAD_ROOT=") == Some(root))
            || String::from_utf8_lossy(&called).contains(&format!("\0attend\0{root}\0"))
    });
    serving.map(|pid| format!("process {pid}")).collect()
}

/// What is in a directory; nothing when it is not there.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Removes a tree whose files may belong to anybody.
pub(crate) fn remove_tree(path: &Path) {
    let status = Command::new("rm").args(["-rf", "--one-file-system"]).arg(path).status().unwrap();
    assert!(status.success(), "cannot remove {}", path.display());
}
