// SPDX-License-Identifier: Apache-2.0
//! The least that this kernel asks for a container: one clone3 with seven namespaces and a cgroup,
//! the id maps, a mount, pivot_root, proc, exec, wait. No wall but the namespaces, no record, no
//! image. `cargo xtask bench run` measures everything against it.
//!
//! `floor ROOTFS COMMAND [ARG...]` ends with the command's exit status.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::error::Error;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use kernel::fork::{Namespaces, Side, clone};
use kernel::mount::{Attributes, Depth, PRIVATE, attach, clone_tree, new_filesystem, pivot, set_attributes};
use kernel::rustix::fs::{CWD, Mode, OFlags, open};
use kernel::rustix::mount::MountAttrFlags;
use kernel::rustix::process::{WaitId, WaitIdOptions, waitid};

fn main() -> ExitCode {
    match run() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::from(125)
        }
    }
}

fn run() -> Result<u8, Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let rootfs = PathBuf::from(arguments.next().ok_or("usage: floor ROOTFS COMMAND [ARG...]")?);
    let program = arguments.next().ok_or("no command")?;
    let cgroup = Cgroup::make()?;
    let directory = cgroup.open()?;
    let (mut ready, mut go) = std::io::pipe()?;
    let child = match clone(ALL, directory.as_ref().map(AsFd::as_fd))? {
        Side::Child => {
            drop(go);
            ready.read_exact(&mut [0])?;
            let Err(error) = enter(&rootfs, Command::new(program).args(arguments));
            eprintln!("floor: {error}");
            // Without the destructors, which belong to the parent.
            std::process::exit(127);
        }
        Side::Parent(child) => child,
    };
    let process = Path::new("/proc").join(child.pid.to_string());
    std::fs::write(process.join("uid_map"), MAP)?;
    std::fs::write(process.join("gid_map"), MAP)?;
    go.write_all(&[1])?;
    let status = waitid(WaitId::PidFd(child.pidfd.as_fd()), WaitIdOptions::EXITED)?.ok_or("no status")?;
    Ok(u8::try_from(status.exit_status().unwrap_or(EXIT_BY_SIGNAL)).unwrap_or(u8::MAX))
}

fn enter(rootfs: &Path, command: &mut Command) -> Result<Infallible, Box<dyn Error>> {
    let path_only = OFlags::PATH | OFlags::CLOEXEC;
    let host = open("/", path_only, Mode::empty())?;
    set_attributes(
        host.as_fd(),
        &Attributes { propagation: PRIVATE, ..Attributes::default() },
        Depth::Recursive,
    )?;
    let root = clone_tree(CWD, rootfs, Depth::Single)?;
    attach(root.as_fd(), open(rootfs, path_only, Mode::empty())?.as_fd())?;
    let proc = new_filesystem("proc", &[], MountAttrFlags::empty())?;
    attach(proc.as_fd(), open(rootfs.join("proc"), path_only, Mode::empty())?.as_fd())?;
    pivot(root.as_fd())?;
    Err(command.exec().into())
}

/// A cgroup of the v2 hierarchy, removed when dropped; none where no such hierarchy is mounted.
struct Cgroup(Option<PathBuf>);

impl Cgroup {
    fn make() -> std::io::Result<Self> {
        let hierarchy = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
        let Some(top) = hierarchy.into_iter().find(|top| top.join("cgroup.procs").exists()) else {
            return Ok(Self(None));
        };
        let path = top.join(format!("floor-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self(Some(path)))
    }

    fn open(&self) -> std::io::Result<Option<std::fs::File>> {
        self.0.as_ref().map(std::fs::File::open).transpose()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.as_ref().map(std::fs::remove_dir) {
            eprintln!("floor: cannot remove its cgroup: {error}");
        }
    }
}

const ALL: Namespaces = Namespaces::USER
    .and(Namespaces::MOUNT)
    .and(Namespaces::PID)
    .and(Namespaces::IPC)
    .and(Namespaces::UTS)
    .and(Namespaces::NET)
    .and(Namespaces::CGROUP);

/// Root inside is an ordinary id outside, as in a real container.
const MAP: &str = "0 100000 65536";

const EXIT_BY_SIGNAL: i32 = 128;
