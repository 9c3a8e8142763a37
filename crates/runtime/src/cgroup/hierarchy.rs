// SPDX-License-Identifier: Apache-2.0
//! Which cgroup hierarchies this host has, read from what is mounted.

use std::path::{Path, PathBuf};

use kernel::rustix::fs::Mode;
use kernel::{Errno, rustix};

use super::{Error, Resources, Result, failed, write};

/// The hierarchies of this host.
#[derive(Debug)]
pub struct Hierarchy {
    trees: Vec<Tree>,
    /// Why none can be used, when none can.
    unusable: Option<String>,
}

/// One mounted hierarchy.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) version: Version,
    /// The name of its directory; empty for a pure v2 host's one tree.
    pub(super) name: String,
    pub(super) point: PathBuf,
    pub(super) controllers: Vec<String>,
}

/// cgroups(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Version {
    One,
    Two,
}

impl Hierarchy {
    /// Reads `/proc/self/mountinfo` and asks whether this user may make cgroups.
    pub fn detect() -> Result<Self> {
        let path = Path::new("/proc/self/mountinfo");
        let text = std::fs::read_to_string(path)
            .map_err(|error| failed("read the mounts", path, Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        let mut trees: Vec<Tree> = text.lines().filter_map(tree).collect();
        let pure = trees.len() == 1 && trees[0].version == Version::Two;
        for tree in trees.iter_mut().filter(|tree| tree.version == Version::Two) {
            let listed = std::fs::read_to_string(tree.point.join("cgroup.controllers")).unwrap_or_default();
            tree.controllers = listed.split_whitespace().map(str::to_owned).collect();
            if pure {
                tree.name = String::new();
            }
        }
        let unusable = match trees.first() {
            None => Some("no cgroup hierarchy is mounted".to_owned()),
            Some(tree) => tree.parent().err().map(|_| format!("{} cannot be written by this user", tree.point.display())),
        };
        Ok(Self { trees, unusable })
    }

    /// Whether cgroups can be made at all.
    pub fn is_usable(&self) -> bool {
        self.unusable.is_none()
    }

    pub(super) fn trees(&self) -> &[Tree] {
        &self.trees
    }

    /// Why a limit cannot be applied, if it cannot.
    pub(super) fn lacks(&self, controller: &str) -> Option<String> {
        if let Some(why) = &self.unusable {
            return Some(why.clone());
        }
        let known = |tree: &Tree| tree.controllers.iter().any(|name| name == controller || (controller == "blkio" && name == "io"));
        (!self.trees.iter().any(known)).then(|| format!("no mounted cgroup hierarchy has the controller {controller}"))
    }

    /// The hierarchies that a container with these bounds needs: the v2 tree always, and of v1 those
    /// that bound something.
    pub(super) fn needed(&self, resources: &Resources) -> impl Iterator<Item = &Tree> {
        let wanted = resources.controllers();
        let usable = self.is_usable();
        self.trees.iter().filter(move |tree| {
            usable && (tree.version == Version::Two || tree.controllers.iter().any(|name| wanted.contains(&name.as_str())))
        })
    }
}

impl Tree {
    pub(super) fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }

    /// Our directory in it, made and set up when it is not there.
    pub(super) fn parent(&self) -> Result<PathBuf> {
        let path = self.point.join(PARENT);
        match rustix::fs::mkdir(&path, Mode::from_raw_mode(0o755)) {
            Ok(()) => self.set_up(&path)?,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed("make the cgroup of all containers", &path, errno)),
        }
        Ok(path)
    }

    /// v2 hands controllers down by name; v1's cpuset starts empty and wants its parent's lists.
    fn set_up(&self, path: &Path) -> Result<()> {
        match self.version {
            Version::Two => {
                let wanted: Vec<_> = self.controllers.iter().filter(|name| HANDED_DOWN.contains(&name.as_str())).collect();
                for directory in [&self.point, &path.to_owned()] {
                    for name in &wanted {
                        let file = directory.join("cgroup.subtree_control");
                        write(&file, &format!("+{name}")).map_err(|errno| failed("hand a controller down", &file, errno))?;
                    }
                }
            }
            Version::One if self.has("cpuset") => {
                for file in ["cpuset.cpus", "cpuset.mems"] {
                    let from = self.point.join(file);
                    let value = std::fs::read_to_string(&from)
                        .map_err(|error| failed("read a cpuset", &from, Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
                    write(&path.join(file), value.trim()).map_err(|errno| failed("set up a cpuset", &path.join(file), errno))?;
                }
            }
            Version::One => {}
        }
        Ok(())
    }
}

/// One line of proc_pid_mountinfo(5), when it is a hierarchy of use.
fn tree(line: &str) -> Option<Tree> {
    let (head, tail) = line.split_once(" - ")?;
    let point = PathBuf::from(head.split(' ').nth(4)?);
    let mut tail = tail.split(' ');
    let (kind, options) = (tail.next()?, tail.nth(1)?);
    let name = point.file_name()?.to_string_lossy().into_owned();
    match kind {
        "cgroup2" => Some(Tree { version: Version::Two, name, point, controllers: Vec::new() }),
        "cgroup" => {
            let controllers: Vec<String> =
                options.split(',').filter(|option| CONTROLLERS.contains(option)).map(str::to_owned).collect();
            (!controllers.is_empty()).then_some(Tree { version: Version::One, name, point, controllers })
        }
        _ => None,
    }
}

/// The name of our directory in every hierarchy.
pub(super) const PARENT: &str = "bulkhead";
const CONTROLLERS: [&str; 5] = ["memory", "pids", "cpu", "cpuset", "blkio"];
const HANDED_DOWN: [&str; 5] = ["memory", "pids", "cpu", "cpuset", "io"];

impl Resources {
    /// Refuses what makes no sense or cannot be had here.
    pub(super) fn check(&self, hierarchy: &Hierarchy) -> Result<()> {
        self.check_values()?;
        for (controller, flag) in self.asked() {
            if let Some(why) = hierarchy.lacks(controller) {
                return Err(Error::Limit { flag, reason: format!("it cannot be applied: {why}") });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_use() {
        let memory = tree("31 29 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory").unwrap();
        assert_eq!((memory.version, &memory.name[..], memory.controllers), (Version::One, "memory", vec!["memory".to_owned()]));
        assert!(tree("31 29 0:26 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd").is_none());
        assert_eq!(tree("31 29 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw").unwrap().version, Version::Two);
        assert!(tree("31 29 0:26 / / rw - ext4 /dev/vda rw").is_none());
    }
}
