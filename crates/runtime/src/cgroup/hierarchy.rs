// SPDX-License-Identifier: Apache-2.0
//! Which cgroup hierarchies this host has, and in which of them this user may bound containers.
//!
//! The host's root makes its cgroups at the top of each hierarchy. An ordinary user can only make
//! them below the cgroup that they are in, and only when the administrator or systemd delegated it
//! (cgroups(7), "Delegating a hierarchy to a less privileged user").

use std::path::{Path, PathBuf};

use kernel::rustix::fs::{Access, AtFlags, CWD, Mode};
use kernel::{Errno, rustix};

use super::{Error, Resources, Result, failed, write};

/// The hierarchies of this host.
#[derive(Debug)]
pub struct Hierarchy {
    trees: Vec<Tree>,
    placement: Placement,
}

/// Below which cgroup those of the containers are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// The top of each hierarchy: for the host's root.
    Top,
    /// The cgroup that this process is in, as far as it was delegated: for everybody else.
    Own,
}

/// One mounted hierarchy.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) version: Version,
    /// The name of its directory; empty for a pure v2 host's one tree.
    pub(super) name: String,
    /// The cgroup below which ours are made.
    pub(super) base: PathBuf,
    pub(super) controllers: Vec<String>,
    /// Why no cgroup can be made in it, when none can.
    pub(super) out_of_reach: Option<String>,
    /// Controllers that it has and cannot hand to containers, with the reason.
    pub(super) refused: Vec<(String, String)>,
}

/// cgroups(7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Version {
    One,
    #[default]
    Two,
}

impl Hierarchy {
    /// Reads what is mounted and whether this user may make cgroups there. Nothing is made.
    pub fn detect(placement: Placement) -> Result<Self> {
        let mounts = read("read the mounts", Path::new("/proc/self/mountinfo"))?;
        let own = match placement {
            Placement::Top => None,
            Placement::Own => Some(read("read this process's cgroups", Path::new("/proc/self/cgroup"))?),
        };
        let mut trees: Vec<Tree> = Vec::new();
        for mut tree in mounts.lines().filter_map(tree) {
            if trees.iter().any(|other| tree.is_same(other)) {
                continue;
            }
            if let Some(own) = &own {
                tree.base = tree.own(own);
            }
            trees.push(tree);
        }
        // A program on the v2 tree says more than version 1 can, so its controller is for want of that.
        if trees.iter().any(|tree| tree.version == Version::Two) {
            trees.retain(|tree| tree.controllers != [DEVICES]);
        }
        let pure = trees.len() == 1 && trees[0].version == Version::Two;
        for tree in &mut trees {
            if pure {
                tree.name = String::new();
            }
            tree.look(placement);
        }
        Ok(Self { trees, placement })
    }

    /// Makes our directory in each hierarchy and hands the controllers down to it; what cannot be had
    /// is remembered and told by [`Hierarchy::lacks`]. To be called before a container is planned.
    pub fn settle(&mut self) -> Result<()> {
        for tree in self.trees.iter_mut().filter(|tree| tree.out_of_reach.is_none()) {
            tree.settle()?;
        }
        Ok(())
    }

    /// The directories that the container `id` may have.
    pub fn places(&self, id: &str) -> Vec<PathBuf> {
        self.within_reach().map(|tree| tree.parent().join(id)).collect()
    }

    fn within_reach(&self) -> impl Iterator<Item = &Tree> {
        self.trees.iter().filter(|tree| tree.out_of_reach.is_none())
    }

    /// Why a limit of `controller` cannot be applied, if it cannot.
    pub fn lacks(&self, controller: &str) -> Option<String> {
        if self.within_reach().any(|tree| tree.has(controller)) {
            return None;
        }
        let reasons = self.trees.iter().find_map(|tree| {
            let refused = tree.refused.iter().find(|(name, _)| same(name, controller));
            refused.map(|(_, why)| why.clone()).or_else(|| {
                let why = tree.out_of_reach.as_ref()?;
                (tree.has(controller) || tree.version == Version::Two && tree.name.is_empty())
                    .then(|| why.clone())
            })
        });
        Some(
            reasons.unwrap_or_else(|| {
                format!("no cgroup hierarchy within reach has the controller {controller}")
            }),
        )
    }

    /// Why nothing can guard the devices of a container, if nothing can: neither a program on a v2 tree
    /// nor version 1's controller.
    pub fn lacks_devices(&self) -> Option<String> {
        if self.placement == Placement::Own {
            return Some("only the host's root may say which devices a cgroup may open".into());
        }
        let guarded = self.within_reach().any(|tree| tree.version == Version::Two || tree.has(DEVICES));
        (!guarded).then(|| "neither cgroup v2 nor version 1's controller devices is within reach".into())
    }

    /// The hierarchies that a container with these bounds needs: the v2 tree always, and of v1 those
    /// that bound something or guard devices.
    pub(super) fn needed(&self, resources: &Resources) -> impl Iterator<Item = &Tree> {
        let wanted = resources.controllers();
        self.within_reach().filter(move |tree| {
            tree.version == Version::Two
                || tree.has(DEVICES)
                || tree.controllers.iter().any(|name| wanted.contains(&name.as_str()))
        })
    }
}

impl Tree {
    pub(super) fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| same(name, controller))
    }

    /// Our directory in it.
    pub(super) fn parent(&self) -> PathBuf {
        self.base.join(PARENT)
    }

    fn is_same(&self, other: &Self) -> bool {
        self.version == other.version && self.controllers == other.controllers
    }

    /// The directory of the cgroup that `lines` (proc_pid_cgroup(5)) have this process in.
    fn own(&self, lines: &str) -> PathBuf {
        let found = lines.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let ours = match self.version {
                Version::Two => controllers.is_empty(),
                Version::One => {
                    controllers.split(',').any(|name| self.controllers.iter().any(|own| own == name))
                }
            };
            ours.then_some(path)
        });
        self.base.join(found.unwrap_or("/").trim_start_matches('/'))
    }

    fn look(&mut self, placement: Placement) {
        if self.version == Version::Two {
            let listed = std::fs::read_to_string(self.base.join("cgroup.controllers")).unwrap_or_default();
            self.controllers = listed.split_whitespace().map(str::to_owned).collect();
        }
        self.out_of_reach = writable(&self.base).err().map(|errno| match placement {
            Placement::Top => {
                format!("{} cannot be written: {}", self.base.display(), kernel::error::Describe(errno))
            }
            Placement::Own => format!("the cgroup {} is not delegated to this user", self.base.display()),
        });
    }

    /// Every step is safe to repeat: a command may have been killed between any two, and another may
    /// be doing the same now.
    fn settle(&mut self) -> Result<()> {
        let path = self.parent();
        match rustix::fs::mkdir(&path, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(failed("make the cgroup of all containers", &path, errno)),
        }
        if let Err(errno) = writable(&path) {
            let why = format!("{} cannot be written: {}", path.display(), kernel::error::Describe(errno));
            self.out_of_reach = Some(why);
            return Ok(());
        }
        match self.version {
            Version::Two => self.hand_down(&path),
            Version::One if self.has("cpuset") => self.copy_cpuset(&path),
            Version::One => Ok(()),
        }
    }

    /// A v2 cgroup gives its children the controllers that it names in `cgroup.subtree_control`.
    fn hand_down(&mut self, path: &Path) -> Result<()> {
        let file = path.join(HANDED_DOWN_FILE);
        let wanted: Vec<String> =
            HANDED_DOWN.iter().filter(|name| self.has(name)).map(|&name| name.to_owned()).collect();
        let listed = read("read the controllers of our cgroup", &file)?;
        let missing = wanted.iter().filter(|name| !listed.split_whitespace().any(|had| had == name.as_str()));
        for name in missing {
            if let Err(errno) = self.hand_on(name, &file) {
                self.refused.push((name.clone(), self.why_not(name, errno)));
            }
        }
        self.controllers.retain(|name| !self.refused.iter().any(|(refused, _)| refused == name));
        Ok(())
    }

    /// From the base to our own directory and on. A cgroup with processes in it hands nothing down ("no
    /// internal processes", cgroups(7)); when this process is the only one there, it moves aside.
    fn hand_on(&self, name: &str, ours: &Path) -> Result<(), Errno> {
        let word = format!("+{name}");
        let hand = || write(&self.base.join(HANDED_DOWN_FILE), &word).and_then(|()| write(ours, &word));
        match hand() {
            Err(Errno::BUSY) => {}
            other => return other,
        }
        let aside = self.base.join(ASIDE);
        match rustix::fs::mkdir(&aside, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
        write(&aside.join("cgroup.procs"), "0")?;
        hand()
    }

    fn why_not(&self, name: &str, errno: Errno) -> String {
        let base = self.base.display();
        match errno {
            Errno::BUSY => format!("other processes are in the cgroup {base}, so it hands no {name} on"),
            errno => format!("the cgroup {base} hands no {name} on: {}", kernel::error::Describe(errno)),
        }
    }

    /// A v1 cpuset starts empty and takes nobody before it has its parent's lists.
    fn copy_cpuset(&self, path: &Path) -> Result<()> {
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let (from, to) = (self.base.join(file), path.join(file));
            if read("read a cpuset", &to)?.trim().is_empty() {
                let value = read("read a cpuset", &from)?;
                write(&to, value.trim()).map_err(|errno| failed("set up a cpuset", &to, errno))?;
            }
        }
        Ok(())
    }
}

/// One line of proc_pid_mountinfo(5), when it is a hierarchy of use that no other mount covers.
fn tree(line: &str) -> Option<Tree> {
    let (tree, device) = parse(line)?;
    let stat = rustix::fs::stat(&tree.base).ok()?;
    let found = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
    (found == device).then_some(tree)
}

/// The tree, and the number of its file system.
fn parse(line: &str) -> Option<(Tree, (u32, u32))> {
    let (head, tail) = line.split_once(" - ")?;
    let head: Vec<&str> = head.split(' ').collect();
    let (major, minor) = head.get(2)?.split_once(':')?;
    let device = (major.parse().ok()?, minor.parse().ok()?);
    let base = PathBuf::from(head.get(4)?);
    let mut tail = tail.split(' ');
    let (kind, options) = (tail.next()?, tail.nth(1)?);
    let (version, controllers) = match kind {
        "cgroup2" => (Version::Two, Vec::new()),
        "cgroup" => {
            let known = options.split(',').filter(|option| CONTROLLERS.contains(option));
            (Version::One, known.map(str::to_owned).collect())
        }
        _ => return None,
    };
    let useless = version == Version::One && controllers.is_empty();
    let name = base.file_name()?.to_string_lossy().into_owned();
    let tree = Tree { version, name, base, controllers, out_of_reach: None, refused: Vec::new() };
    (!useless).then_some((tree, device))
}

/// v2 has other names for two controllers.
fn same(name: &str, controller: &str) -> bool {
    name == controller || (name, controller) == ("io", "blkio")
}

fn writable(path: &Path) -> Result<(), Errno> {
    rustix::fs::accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)
}

fn read(step: &'static str, path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map_err(|error| failed(step, path, Errno::from_io_error(&error).unwrap_or(Errno::IO)))
}

/// The name of our directory in every hierarchy.
const PARENT: &str = "bulkhead";
/// Where processes of ours go that stand in the way of handing controllers down.
const ASIDE: &str = "bulkhead-monitors";
const HANDED_DOWN_FILE: &str = "cgroup.subtree_control";
const CONTROLLERS: [&str; 6] = ["memory", "pids", "cpu", "cpuset", "blkio", DEVICES];
/// Version 1's guard of devices.
pub(super) const DEVICES: &str = "devices";
/// Those first that bound whole processes only. A cgroup with processes in it refuses to hand them down
/// (which tells that this process has to move aside), but not the others; having handed down one of
/// those, it would keep its processes from moving into a cgroup below.
const HANDED_DOWN: [&str; 5] = ["memory", "io", "pids", "cpu", "cpuset"];

impl Resources {
    /// Refuses what makes no sense or cannot be had here.
    pub(super) fn check(&self, hierarchy: &Hierarchy) -> Result<()> {
        self.check_values()?;
        for (controller, flag) in self.asked() {
            if let Some(reason) = hierarchy.lacks(controller) {
                return Err(Error::NotHere { flag, reason });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<Tree> {
        parse(line).map(|(tree, _)| tree)
    }

    #[test]
    fn mounts_of_use() {
        let (memory, device) =
            parse("31 29 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory").unwrap();
        assert_eq!(
            (memory.version, &memory.name[..], memory.controllers, device),
            (Version::One, "memory", vec!["memory".to_owned()], (0, 26))
        );
        assert!(
            parsed("31 29 0:26 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd").is_none()
        );
        assert_eq!(
            parsed("31 29 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw").unwrap().version,
            Version::Two
        );
        assert!(parsed("31 29 0:26 / / rw - ext4 /dev/vda rw").is_none());
    }

    #[test]
    fn an_ordinary_users_place_is_below_their_own_cgroup() {
        let lines = "4:memory:/user.slice/ann\n3:cpu,cpuacct:/\n0::/user.slice/user-1000.slice/run-1.scope\n";
        let own = |line: &str| parsed(line).unwrap().own(lines);
        let unified = "31 29 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw";
        assert_eq!(own(unified), Path::new("/sys/fs/cgroup/user.slice/user-1000.slice/run-1.scope"));
        let memory = "31 29 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory";
        assert_eq!(own(memory), Path::new("/sys/fs/cgroup/memory/user.slice/ann"));
        let cpu = "31 29 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct";
        assert_eq!(own(cpu), Path::new("/sys/fs/cgroup/cpu/"));
    }
}
