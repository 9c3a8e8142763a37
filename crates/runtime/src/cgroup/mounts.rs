// SPDX-License-Identifier: Apache-2.0
//! Which cgroup hierarchies are mounted, and where the caller is in each: the two tables of /proc
//! as values. Nothing is guessed from well-known paths.

use std::path::{Component, Path, PathBuf};

use super::Controller;

/// One mounted hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) kind: Kind,
    /// Where it is mounted.
    pub(super) point: PathBuf,
    /// Which directory of the hierarchy is mounted there.
    pub(super) root: PathBuf,
    /// `major:minor` of the file system, which tells a mount apart from one that covers it.
    pub(super) device: (u32, u32),
}

/// The version of a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// v1, with the controllers that are bound to it.
    Legacy(Vec<Controller>),
    /// v2.
    Unified,
}

/// The cgroup mounts in the text of `/proc/self/mountinfo`, in mount order. v1 hierarchies without
/// a controller that we use (systemd's own, freezer, net_cls ...) are left out.
pub(super) fn cgroup_mounts(mountinfo: &str) -> Vec<Mount> {
    mountinfo.lines().filter_map(parse_mount).collect()
}

/// Where a process is in the hierarchy of `kind`, from the text of its `/proc/PID/cgroup`.
pub(super) fn own_path(table: &str, kind: &Kind) -> Option<PathBuf> {
    table.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let found = match kind {
            Kind::Unified => number == "0" && controllers.is_empty(),
            Kind::Legacy(wanted) => {
                wanted.iter().any(|one| controllers.split(',').any(|name| name == one.legacy_name()))
            }
        };
        found.then(|| PathBuf::from(path))
    })
}

/// The directories from the top of the mount down to the caller's own, as paths below the mount
/// point (the first is empty). `None` when the mount does not show the caller's own cgroup.
pub(super) fn ancestors(root: &Path, own: &Path) -> Option<Vec<PathBuf>> {
    // A path that climbs belongs to another cgroup namespace than ours.
    if own.components().chain(root.components()).any(|part| part == Component::ParentDir) {
        return None;
    }
    let below = own.strip_prefix(root).ok()?;
    let mut path = PathBuf::new();
    let mut all = vec![path.clone()];
    for part in below.components() {
        path.push(part);
        all.push(path.clone());
    }
    Some(all)
}

/// One line, as proc_pid_mountinfo(5) draws it:
/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.
fn parse_mount(line: &str) -> Option<Mount> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ').skip(2);
    let (device, root, point) = (head.next()?, head.next()?, head.next()?);
    let mut tail = tail.split(' ');
    let (file_system, options) = (tail.next()?, tail.nth(1)?);
    let kind = match file_system {
        "cgroup2" => Kind::Unified,
        "cgroup" => Kind::Legacy(controllers(options)?),
        _ => return None,
    };
    let (major, minor) = device.split_once(':')?;
    Some(Mount {
        kind,
        point: unescape(point),
        root: unescape(root),
        device: (major.parse().ok()?, minor.parse().ok()?),
    })
}

/// The controllers among a v1 hierarchy's options; `None` when there is none we use.
fn controllers(options: &str) -> Option<Vec<Controller>> {
    let named = |one: &Controller| options.split(',').any(|word| word == one.legacy_name());
    let found: Vec<Controller> = Controller::ALL.into_iter().filter(named).collect();
    (!found.is_empty()).then_some(found)
}

/// mountinfo writes space, tab, newline and backslash as three octal digits after a backslash.
fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
28 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
41 31 0:38 / /mnt/with\\040space rw,relatime - cgroup2 cgroup2 rw,nsdelegate
";

    #[test]
    fn mounts_are_read_with_their_controllers() {
        let mounts = cgroup_mounts(HYBRID);
        let told: Vec<_> = mounts.iter().map(|one| (one.kind.clone(), one.point.to_str().unwrap(), one.device)).collect();
        assert_eq!(
            told,
            [
                (Kind::Legacy(vec![Controller::Cpu, Controller::CpuAccounting]), "/sys/fs/cgroup/cpu,cpuacct", (0, 29)),
                (Kind::Legacy(vec![Controller::Memory]), "/sys/fs/cgroup/memory", (0, 32)),
                (Kind::Unified, "/mnt/with space", (0, 38)),
            ]
        );
    }

    #[test]
    fn own_places_are_found_by_hierarchy() {
        let table = "9:name=systemd:/\n4:memory:/a/b\n2:cpu,cpuacct:/c\n0::/user.slice/x:y\n";
        let legacy = |one| Kind::Legacy(vec![one]);
        assert_eq!(own_path(table, &legacy(Controller::Memory)), Some("/a/b".into()));
        assert_eq!(own_path(table, &legacy(Controller::CpuAccounting)), Some("/c".into()));
        assert_eq!(own_path(table, &legacy(Controller::Pids)), None);
        assert_eq!(own_path(table, &Kind::Unified), Some("/user.slice/x:y".into()), "a colon may be in a path");
    }

    #[test]
    fn ancestors_run_from_the_top_of_the_mount() {
        let told = |root: &str, own: &str| {
            ancestors(Path::new(root), Path::new(own))
                .map(|all| all.iter().map(|one| one.to_str().unwrap().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(told("/", "/"), Some(vec![String::new()]));
        assert_eq!(told("/", "/a/b"), Some(vec![String::new(), "a".into(), "a/b".into()]));
        assert_eq!(told("/docker/1", "/docker/1/x"), Some(vec![String::new(), "x".into()]));
        assert_eq!(told("/docker/1", "/docker/12"), None, "a name that merely starts alike");
        assert_eq!(told("/docker/1", "/"), None);
        assert_eq!(told("/", "/../other"), None, "outside of our cgroup namespace");
        assert_eq!(told("/..", "/"), None);
    }

    #[test]
    fn lines_that_are_no_mounts_are_passed_over() {
        for line in ["", "x", "1 2 3:4 / /x rw - cgroup2", "1 2 34 / /x rw - cgroup2 a rw", " - cgroup2 cgroup2 rw"] {
            assert_eq!(parse_mount(line), None, "{line:?}");
        }
    }
}
