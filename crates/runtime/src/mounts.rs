// SPDX-License-Identifier: Apache-2.0
//! Carries the plan of mounts out, inside the new mount namespace, by descriptor only.
//!
//! Every target is one openat2(2) beneath the container's root: [`crate::targets`] says where a mount
//! may land.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use kernel::mount::{self, Attributes, Depth, FsOption};
use kernel::root::Links;
use kernel::rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags};
use kernel::rustix::mount::MountAttrFlags;
use kernel::{Errno, Root};

use crate::cgroup::Views;
use crate::error::{Error, Result, Step};
use crate::nodes::{Made, Node};
use crate::plan::{MissingTarget, Operation};
use crate::stage::{EMPTY_DIRECTORY, EMPTY_FILE};
use crate::targets::{Targets, split};

/// What the launching process opened before the container's tree was entered.
#[derive(Debug)]
pub(crate) struct Sources {
    /// The staging file system, detached.
    pub(crate) stage: OwnedFd,
    /// Bind sources, detached and with their attributes, by the plan's index; tmpfs mounts have
    /// none.
    pub(crate) binds: Vec<Option<OwnedFd>>,
    /// Device nodes by path on the host.
    pub(crate) devices: Vec<(PathBuf, Node)>,
    /// Those that were made for the container.
    pub(crate) made: Option<Made>,
    /// How cgroups are shown.
    pub(crate) cgroups: Views,
}

/// The container's tree while it is being built.
#[derive(Debug)]
pub(crate) struct Tree {
    targets: Targets,
    stage: OwnedFd,
    proc: Option<OwnedFd>,
    dev: Option<OwnedFd>,
    terminals: Option<OwnedFd>,
    sources: Sources,
}

impl Tree {
    /// Lays the container's root over the old one, in a mount namespace that no longer passes
    /// anything on to the host.
    ///
    /// The staging area is attached to the old `/dev`, from which nothing is needed any more. It must
    /// not lie on the old `/` itself: leaving the old root unmounts the topmost mount there, and that
    /// has to be the old root with all that hangs below it.
    pub(crate) fn new(root: OwnedFd, sources: Sources) -> Result<Self> {
        let old = open_directory("/")?;
        let old_dev = open_directory("/dev")?;
        let private = Attributes { propagation: mount::PRIVATE, ..Attributes::default() };
        mount::set_attributes(old.as_fd(), &private, Depth::Recursive)
            .step(|| "make the mount namespace private")?;
        mount::attach(sources.stage.as_fd(), old_dev.as_fd()).step(|| "attach the staging area")?;
        sources.made.as_ref().map_or(Ok(()), |made| made.attach(sources.stage.as_fd()))?;
        mount::attach(root.as_fd(), old.as_fd()).step(|| "attach the root file system")?;
        // The descriptors of detached mounts stay good after attaching; they are the mounts.
        let stage =
            kernel::rustix::io::fcntl_dupfd_cloexec(&sources.stage, 3).step(|| "keep the staging area")?;
        let targets = Targets::new(Root::from_fd(root));
        Ok(Self { targets, stage, proc: None, dev: None, terminals: None, sources })
    }

    /// Carries out one operation.
    pub(crate) fn apply(&mut self, operation: &Operation) -> Result<()> {
        match operation {
            Operation::New { target, kind, options, attributes } => {
                self.mount_new(target, kind, options, *attributes)
            }
            Operation::Cgroups => self.mount_cgroups(),
            Operation::Device { source, target, .. } => self.bind_device(source, target),
            Operation::Link { at, to } => self.make_link(at, to),
            Operation::Given { index, target, attributes, missing } => {
                self.bind_given(*index, target, *attributes, *missing)
            }
            Operation::Bind { index, target, .. } => self.bind_source(*index, target),
            Operation::Hide(path) => self.hide(path),
            Operation::ReadOnly(path) => self.make_read_only(path),
            Operation::Sysctl { name, value } => self.write_sysctl(name, value),
            Operation::Workdir(path) => self.make_workdir(path),
            Operation::ReadOnlyRoot => {
                set(self.root().as_fd(), mount::RDONLY).step(|| "make the root file system read-only")
            }
        }
    }

    /// Our own proc file system, for writes that must not meet a false one (CVE-2015-3631).
    pub(crate) fn proc(&self) -> Option<BorrowedFd<'_>> {
        self.proc.as_ref().map(AsFd::as_fd)
    }

    /// The container's root directory.
    pub(crate) fn root(&self) -> &Root {
        self.targets.root()
    }

    /// Our own `/dev`, whatever a person mounted over it.
    pub(crate) fn dev(&self) -> Option<BorrowedFd<'_>> {
        self.dev.as_ref().map(AsFd::as_fd)
    }

    /// Our own `/dev/pts`, whatever a person mounted over it.
    pub(crate) fn terminals(&self) -> Option<BorrowedFd<'_>> {
        self.terminals.as_ref().map(AsFd::as_fd)
    }

    fn mount_new(
        &mut self,
        target: &Path,
        kind: &'static str,
        options: &[(String, Option<String>)],
        attributes: u64,
    ) -> Result<()> {
        let mut options: Vec<_> = options
            .iter()
            .map(|(key, value)| value.as_ref().map_or(FsOption::Flag(key), |text| FsOption::Text(key, text)))
            .collect();
        let lacks_mode =
            kind == "tmpfs" && !options.iter().any(|option| matches!(option, FsOption::Text("mode", _)));
        let mode = lacks_mode.then(|| self.mode_of(target)).transpose()?;
        options.extend(mode.as_deref().map(|mode| FsOption::Text("mode", mode)));
        let attributes = MountAttrFlags::from_bits_retain(u32::try_from(attributes).unwrap_or(u32::MAX));
        let tree = mount::new_filesystem(kind, &options, attributes)
            .step(|| format!("make a {kind} file system for {}", target.display()))?;
        let place = self.targets.directory(target)?;
        mount::attach(tree.as_fd(), place.as_fd())
            .step(|| format!("mount {kind} on {}", target.display()))?;
        self.remember(target, tree)
    }

    /// Keeps the first mount on each of our own places: it is ours, whatever covers it later.
    fn remember(&mut self, target: &Path, tree: OwnedFd) -> Result<()> {
        let place = match target.to_str() {
            Some("/proc") => &mut self.proc,
            Some("/dev") => &mut self.dev,
            Some("/dev/pts") => &mut self.terminals,
            Some("/sys" | "/dev/shm" | "/dev/mqueue") => return self.targets.protect(tree.as_fd()),
            _ => return Ok(()),
        };
        if place.is_none() {
            self.targets.protect(tree.as_fd())?;
            *place = Some(tree);
        }
        Ok(())
    }

    /// The permission bits of the directory `target`, so that a tmpfs over `/root` is as private as
    /// `/root` was; 1777 when there is none yet.
    fn mode_of(&self, target: &Path) -> Result<String> {
        let step = || format!("look at {}", target.display());
        let relative = target.strip_prefix("/").unwrap_or(target);
        match self.open_directory(relative) {
            Ok(place) => {
                let stat = kernel::rustix::fs::fstat(&place).step(step)?;
                Ok(format!("{:o}", Mode::from_raw_mode(stat.st_mode).bits() & 0o7777))
            }
            Err(error) if error.errno == Errno::NOENT => Ok("1777".to_owned()),
            Err(error) => Err(error).step(step),
        }
    }

    fn mount_cgroups(&mut self) -> Result<()> {
        let locked = MountAttrFlags::from_bits_retain(
            u32::try_from(mount::NOSUID | mount::NODEV | mount::NOEXEC | mount::RDONLY).unwrap_or(u32::MAX),
        );
        let place = match self.targets.open("/sys/fs/cgroup", Links::Refuse) {
            Ok(place) => place,
            // A kernel without cgroups; what needed them failed earlier.
            Err(error) if error.errno == Errno::NOENT => return Ok(()),
            Err(error) => return Err(error).step(|| "open /sys/fs/cgroup".to_owned()),
        };
        match std::mem::take(&mut self.sources.cgroups) {
            Views::None => Ok(()),
            Views::FreshV2 => {
                let tree =
                    mount::new_filesystem("cgroup2", &[], locked).step(|| "make a view of the cgroup")?;
                self.targets.protect(tree.as_fd())?;
                mount::attach(tree.as_fd(), place.as_fd()).step(|| "mount the view of the cgroup")
            }
            Views::Trees(views) => {
                let options = [FsOption::Text("mode", "755"), FsOption::Text("size", "64k")];
                let writable = locked.difference(MountAttrFlags::MOUNT_ATTR_RDONLY);
                let frame =
                    mount::new_filesystem("tmpfs", &options, writable).step(|| "make the cgroup folder")?;
                self.targets.protect(frame.as_fd())?;
                mount::attach(frame.as_fd(), place.as_fd()).step(|| "mount the cgroup folder")?;
                for view in views {
                    let name = OsStr::new(&view.name);
                    kernel::rustix::fs::mkdirat(&frame, name, Mode::from_raw_mode(0o755))
                        .step(|| format!("make the folder of cgroup {}", view.name))?;
                    let place = kernel::root::open_in(
                        frame.as_fd(),
                        Path::new(name),
                        OFlags::PATH,
                        Mode::empty(),
                        Links::Refuse,
                    )
                    .step(|| format!("open the folder of cgroup {}", view.name))?;
                    self.targets.protect(view.tree.as_fd())?;
                    mount::attach(view.tree.as_fd(), place.as_fd())
                        .step(|| format!("mount the view of cgroup {}", view.name))?;
                }
                set(frame.as_fd(), mount::RDONLY).step(|| "make the cgroup folder read-only")
            }
        }
    }

    /// A node below `/dev`, which is fresh, so the file to bind on is made without looking first.
    fn bind_device(&mut self, source: &Path, target: &Path) -> Result<()> {
        let Some(at) = self.sources.devices.iter().position(|(path, _)| path == source) else {
            return Err(Error::SourceMissing { what: "device", path: source.to_owned() });
        };
        let node = match (self.sources.devices.swap_remove(at).1, &self.sources.made) {
            (Node::Host(node), _) => node,
            (Node::Made(name), Some(made)) => made.take(&name)?,
            (Node::Made(_), None) => {
                return Err(Error::SourceMissing { what: "device", path: source.to_owned() });
            }
        };
        let place = match target.strip_prefix("/dev") {
            Ok(name) if name.components().count() == 1 => self.new_device_file(name),
            _ => self.targets.file(target),
        }?;
        self.targets.protect(node.as_fd())?;
        mount::attach(node.as_fd(), place.as_fd()).step(|| format!("bind the device {}", target.display()))
    }

    fn new_device_file(&self, name: &Path) -> Result<OwnedFd> {
        let step = || format!("make /dev/{}", name.display());
        let Some(dev) = &self.dev else {
            return Err(kernel::Error::new("no /dev yet", Errno::NOENT)).step(step);
        };
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
        match kernel::rustix::fs::openat(dev, name, flags, Mode::from_raw_mode(0o644)) {
            // A person's device in the place of one of the usual ones covers it.
            Err(Errno::EXIST) => kernel::root::open_in(
                dev.as_fd(),
                name,
                OFlags::PATH | OFlags::NOFOLLOW,
                Mode::empty(),
                Links::Refuse,
            )
            .step(step),
            other => other.step(step),
        }
    }

    fn make_link(&self, at: &Path, to: &str) -> Result<()> {
        let (parent, name) = split(at)?;
        let parent = self
            .targets
            .open(parent, Links::Refuse)
            .step(|| format!("open the folder of {}", at.display()))?;
        kernel::rustix::fs::symlinkat(to, &parent, name).step(|| format!("make the link {}", at.display()))
    }

    fn bind_given(&self, index: usize, target: &Path, attributes: u64, missing: MissingTarget) -> Result<()> {
        let place = match missing {
            MissingTarget::Make => self.targets.file(target)?,
            MissingTarget::Skip => match self.targets.open(target, Links::Refuse) {
                Ok(place) => place,
                Err(error) if error.errno == Errno::NOENT => return Ok(()),
                Err(error) => return Err(error).step(|| format!("open {}", target.display())),
            },
        };
        let tree = mount::clone_tree(self.stage.as_fd(), Path::new(&index.to_string()), Depth::Single)
            .step(|| format!("take the staged file for {}", target.display()))?;
        set(tree.as_fd(), attributes).step(|| format!("protect {}", target.display()))?;
        mount::attach(tree.as_fd(), place.as_fd()).step(|| format!("bind {}", target.display()))
    }

    fn bind_source(&mut self, index: usize, target: &Path) -> Result<()> {
        let Some(tree) = self.sources.binds.get_mut(index).and_then(Option::take) else {
            return Err(Error::SourceMissing { what: "mount source", path: target.to_owned() });
        };
        let place = match file_type(tree.as_fd()).step(|| "look at a mount source")? {
            FileType::Directory => self.targets.directory(target)?,
            _ => self.targets.file(target)?,
        };
        mount::attach(tree.as_fd(), place.as_fd()).step(|| format!("bind {}", target.display()))?;
        self.remember(target, tree)
    }

    fn hide(&self, path: &Path) -> Result<()> {
        let place = match self.targets.open(path, Links::Refuse) {
            Ok(place) => place,
            // Not in this kernel; or a link (`/sys/class/...`), whose target is hidden by its own name.
            Err(error) if matches!(error.errno, Errno::NOENT | Errno::LOOP) => return Ok(()),
            Err(error) => return Err(error).step(|| format!("open {}", path.display())),
        };
        let cover = match file_type(place.as_fd()).step(|| format!("look at {}", path.display()))? {
            FileType::Directory => EMPTY_DIRECTORY,
            FileType::Symlink => return Ok(()),
            _ => EMPTY_FILE,
        };
        let tree = mount::clone_tree(self.stage.as_fd(), Path::new(cover), Depth::Single)
            .step(|| format!("take the cover of {}", path.display()))?;
        // With --userns host its owner is the container's root.
        set(tree.as_fd(), mount::RDONLY).step(|| format!("protect the cover of {}", path.display()))?;
        mount::attach(tree.as_fd(), place.as_fd()).step(|| format!("hide {}", path.display()))
    }

    fn make_read_only(&self, path: &Path) -> Result<()> {
        let place = match self.targets.open(path, Links::Refuse) {
            Ok(place) => place,
            Err(error) if error.errno == Errno::NOENT => return Ok(()),
            Err(error) => return Err(error).step(|| format!("open {}", path.display())),
        };
        let tree = mount::clone_tree(place.as_fd(), Path::new(""), Depth::Recursive)
            .step(|| format!("take a copy of {}", path.display()))?;
        let attributes = Attributes { set: mount::RDONLY, ..Attributes::default() };
        mount::set_attributes(tree.as_fd(), &attributes, Depth::Recursive)
            .step(|| format!("make {} read-only", path.display()))?;
        mount::attach(tree.as_fd(), place.as_fd()).step(|| format!("cover {}", path.display()))
    }

    fn make_workdir(&self, path: &Path) -> Result<()> {
        // With the dot, so that `/` is not the empty path and a file is no directory.
        let relative = path.strip_prefix("/").unwrap_or(path).join(".");
        let made = match self.open_directory(&relative) {
            Err(error) if error.errno == Errno::NOENT => self.root().make_dir_all(&relative).map(drop),
            other => other.map(drop),
        };
        made.map_err(|error| Error::Workdir { path: path.to_owned(), reason: error.to_string() })
    }

    fn open_directory(&self, relative: &Path) -> kernel::Result<OwnedFd> {
        self.root().open_at(relative, OFlags::PATH | OFlags::DIRECTORY, Mode::empty(), Links::InRoot)
    }

    fn write_sysctl(&self, name: &str, value: &str) -> Result<()> {
        let step = || format!("set the sysctl {name} to `{value}`");
        let Some(proc) = self.proc() else {
            return Err(kernel::Error::new("no proc file system", Errno::NOENT)).step(step);
        };
        let path = PathBuf::from("sys").join(name.replace('.', "/"));
        match kernel::root::open_in(proc, &path, OFlags::WRONLY, Mode::empty(), Links::SameMount) {
            Ok(file) => {
                kernel::rustix::io::write(&file, value.as_bytes()).step(step)?;
                Ok(())
            }
            Err(error) if error.errno == Errno::NOENT && OWN_SYSCTLS.contains(&name) => Ok(()),
            Err(error) => Err(error).step(step),
        }
    }
}

fn open_directory(path: &str) -> Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    kernel::rustix::fs::open(path, flags, Mode::empty()).step(|| format!("open the old {path}"))
}

fn set(mount: BorrowedFd<'_>, attributes: u64) -> kernel::Result<()> {
    mount::set_attributes(mount, &Attributes { set: attributes, ..Attributes::default() }, Depth::Single)
}

/// The type of what a path descriptor refers to.
pub(crate) fn file_type(fd: BorrowedFd<'_>) -> kernel::Result<FileType> {
    let stat = kernel::rustix::fs::statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::TYPE)
        .map_err(|errno| kernel::Error::new("statx", errno))?;
    Ok(FileType::from_raw_mode(u32::from(stat.stx_mode)))
}

/// Values of our own, for which a kernel may lack the file.
const OWN_SYSCTLS: [&str; 1] = ["net.ipv4.ping_group_range"];
