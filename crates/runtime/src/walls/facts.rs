// SPDX-License-Identifier: Apache-2.0
//! What the kernel tells about one process in `/proc/PID`, read once. Nothing here judges.

use std::collections::HashSet;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;

use kernel::caps::Caps;

/// Everything that was read.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) pid: i32,
    status: String,
    pub(super) uid_map: String,
    mounts: Vec<Mount>,
    limits: String,
    stat: String,
    cgroups: String,
    pub(super) label: Option<String>,
    /// Whether the namespace of that name is the reader's own.
    namespaces: Vec<(&'static str, Shared)>,
    /// Files on mounts of another mount namespace that it holds open.
    pub(super) foreign_files: Option<Vec<String>>,
    /// How many system call filters its parent, the monitor, has.
    pub(super) filters_of_parent: u32,
}

/// Whether a namespace is shared with the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shared {
    Yes,
    No,
    /// The kernel does not show it to this reader.
    Hidden,
}

/// One line of proc_pid_mountinfo(5).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mount {
    id: u64,
    pub(super) point: String,
    options: String,
    pub(super) kind: String,
}

impl Mount {
    fn parse(line: &str) -> Option<Self> {
        let (head, tail) = line.split_once(" - ")?;
        let fields: Vec<&str> = head.split(' ').collect();
        Some(Self {
            id: fields.first()?.parse().ok()?,
            point: (*fields.get(4)?).to_owned(),
            options: (*fields.get(5)?).to_owned(),
            kind: tail.split(' ').next()?.to_owned(),
        })
    }

    pub(super) fn has(&self, option: &str) -> bool {
        self.options.split(',').any(|word| word == option)
    }
}

impl Facts {
    /// Reads `/proc/PID`. Errors name the file: a report with holes would look like a good one.
    pub(super) fn read(pid: i32) -> Result<Self> {
        let text = |name: &str| read(&format!("/proc/{pid}/{name}"));
        let status = text("status")?;
        let mounts: Vec<Mount> = text("mountinfo")?.lines().filter_map(Mount::parse).collect();
        let parent = field(&status, "PPid").to_owned();
        let filters = read(&format!("/proc/{parent}/status"));
        // A parent outside this pid namespace has no status to read; then every filter counts.
        let filters = filters.ok().and_then(|text| field(&text, "Seccomp_filters").parse().ok());
        Ok(Self {
            pid,
            uid_map: text("uid_map")?,
            limits: text("limits")?,
            stat: text("stat")?,
            cgroups: text("cgroup")?,
            // Where there is no AppArmor there is no such file, or it cannot be read.
            label: text("attr/apparmor/current").ok(),
            namespaces: namespaces(pid)?,
            foreign_files: foreign_files(pid, &mounts)?,
            filters_of_parent: filters.unwrap_or(0),
            status,
            mounts,
        })
    }

    /// A line of `status`.
    pub(super) fn status(&self, key: &str) -> &str {
        field(&self.status, key)
    }

    pub(super) fn caps(&self, key: &str) -> Option<Caps> {
        u64::from_str_radix(self.status(key), 16).ok().map(Caps)
    }

    pub(super) fn mounts(&self) -> &[Mount] {
        &self.mounts
    }

    /// The topmost mount at `point`.
    pub(super) fn mount(&self, point: &str) -> Option<&Mount> {
        self.mounts.iter().rfind(|mount| mount.point == point)
    }

    pub(super) fn namespace(&self, name: &str) -> Option<Shared> {
        self.namespaces.iter().find(|(known, _)| *known == name).map(|(_, shared)| *shared)
    }

    /// The hard limit called `title` in `limits`; `None` inside is unlimited.
    pub(super) fn hard_limit(&self, title: &str) -> Option<Option<u64>> {
        let rest = self.limits.lines().find_map(|line| line.strip_prefix(title))?;
        match rest.split_whitespace().nth(1)? {
            "unlimited" => Some(None),
            number => number.parse().ok().map(Some),
        }
    }

    /// Fields 6 and 7 of `stat`: the session, and the controlling terminal's number.
    pub(super) fn session(&self) -> Option<(i32, i32)> {
        let mut fields = self.stat.rsplit(')').next()?.split_whitespace().skip(3);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    }

    /// In how many hierarchies it is in the cgroup of the container `id`.
    pub(super) fn memberships(&self, id: &str) -> usize {
        let ours = |line: &&str| line.split('/').any(|part| part == id);
        self.cgroups.lines().filter(ours).count()
    }
}

fn field<'a>(status: &'a str, key: &str) -> &'a str {
    status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':')).map_or("", str::trim)
}

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| Error::new(error.kind(), format!("{path}: {error}")))
}

fn namespaces(pid: i32) -> Result<Vec<(&'static str, Shared)>> {
    let mut list = Vec::new();
    for name in NAMESPACES {
        let Ok(ours) = std::fs::read_link(format!("/proc/self/ns/{name}")) else { continue };
        let path = format!("/proc/{pid}/ns/{name}");
        let shared = match std::fs::read_link(&path) {
            Ok(theirs) if theirs == ours => Shared::Yes,
            Ok(_) => Shared::No,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Shared::Hidden,
            Err(error) => return Err(Error::new(error.kind(), format!("{path}: {error}"))),
        };
        list.push((name, shared));
    }
    Ok(list)
}

/// Open files, and the working directory, whose mount is none of the process's own mount namespace
/// (CVE-2024-21626). Nothing when the kernel does not show them to this reader.
fn foreign_files(pid: i32, mounts: &[Mount]) -> Result<Option<Vec<String>>> {
    let own: HashSet<u64> = mounts.iter().map(|mount| mount.id).collect();
    let directory = format!("/proc/{pid}/fd");
    let list = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(None),
        other => other.map_err(|error| Error::new(error.kind(), format!("{directory}: {error}")))?,
    };
    let mut foreign = Vec::new();
    for entry in list {
        let entry = entry?;
        // A file that was closed meanwhile is none that stays open.
        let Ok(target) = std::fs::read_link(entry.path()) else { continue };
        let number = entry.file_name();
        let about = read(&format!("/proc/{pid}/fdinfo/{}", number.to_string_lossy()));
        let mount = about.ok().and_then(|text| field(&text, "mnt_id").parse().ok());
        if is_path(&target) && mount.is_some_and(|mount: u64| !own.contains(&mount)) {
            foreign.push(format!("{} ({})", number.to_string_lossy(), target.display()));
        }
    }
    Ok(Some(foreign))
}

/// Pipes, sockets and memory files live on mounts of the kernel's own, which nobody can walk.
fn is_path(target: &Path) -> bool {
    let text = target.to_string_lossy();
    text.starts_with('/') && !MEMORY.iter().any(|prefix| text.starts_with(prefix))
}

/// namespaces(7).
const NAMESPACES: [&str; 8] = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup", "time"];
/// What stands for a path in files without one.
const MEMORY: [&str; 3] = ["/memfd:", "/dmabuf:", "/dev/zero (deleted)"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_can_be_read() {
        let facts = Facts::read(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert_eq!(facts.namespace("mnt"), Some(Shared::Yes));
        assert_eq!(facts.foreign_files, Some(Vec::new()));
        assert!(facts.mount("/").is_some());
        assert!(facts.hard_limit("Max open files").is_some());
        assert!(facts.session().is_some());
        assert_eq!(facts.memberships("no such cgroup"), 0);
    }

    #[test]
    fn a_line_of_mountinfo() {
        let line = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        let mount = Mount::parse(line).unwrap();
        assert_eq!((mount.id, &mount.point[..], &mount.kind[..]), (36, "/mnt2", "ext3"));
        assert!(mount.has("noatime") && !mount.has("ro"));
    }
}
