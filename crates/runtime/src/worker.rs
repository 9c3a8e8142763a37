// SPDX-License-Identifier: Apache-2.0
//! A process that may do one thing: write files into one directory.
//!
//! Hostile bytes are read where nothing is to be had. [`run_confined`] starts a copy of this process that
//! has given up everything but its standard streams and the directory, and only then works:
//!
//! - namespaces of its own (user, mount, process, network, IPC, names, cgroup), in which the ids are ours;
//! - the directory as its root file system, without programs, devices or set-id bits, where no symbolic
//!   link is ever followed; nothing else is mounted;
//! - the capabilities to give files away, and no others; no way to gain any;
//! - Landlock: files can be made, written and removed there, nothing read, no socket, no signal;
//! - an allow list of some 40 system calls;
//! - limits on memory, descriptors and the size of a file.
//!
//! Each holds without the others.

mod calls;

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use kernel::caps::{self, Caps};
use kernel::fork::{Child, Namespaces, Side};
use kernel::mount::{self, Attributes, Depth};
use kernel::rustix::fs::{Mode, OFlags};
use kernel::rustix::mount::MountAttrFlags;
use kernel::rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitOptions, set_dumpable_behavior,
    set_parent_process_death_signal, setrlimit, waitpid,
};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use crate::error::{Error, Result, Step};

/// What a worker may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of memory.
    pub memory: u64,
}

/// The only files of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sees {
    /// Those of the working directory.
    WorkingDirectory,
    /// None.
    Nothing,
}

/// Runs `work` in a confined process, with what it `sees` as its root file system, and gives its exit
/// status. This process must have one thread. `work` finds every descriptor but the first three closed.
///
/// # Errors
/// A wall could not be put up (and nothing has worked), or the process was ended by a signal.
pub fn run_confined(sees: Sees, limits: Limits, work: impl FnOnce() -> i32) -> Result<i32> {
    set_parent_process_death_signal(Some(Signal::KILL)).step(|| "follow the parent's end")?;
    let (mut told, tell) = std::io::pipe().map_err(errno).step(|| "make a pipe")?;
    let namespaces = Namespaces::USER
        .and(Namespaces::MOUNT)
        .and(Namespaces::PID)
        .and(Namespaces::NET)
        .and(Namespaces::IPC)
        .and(Namespaces::UTS)
        .and(Namespaces::CGROUP);
    match kernel::fork::clone(namespaces, None).step(|| "start the worker")? {
        Side::Parent(child) => {
            drop(told);
            map_ids(&child)?;
            drop(tell);
            wait(&child)
        }
        Side::Child => {
            drop(tell);
            // The end of the pipe says that the ids are mapped, or that nobody is left who could.
            let mapped = told.read(&mut [0]).map_err(errno).step(|| "wait for the ids");
            kernel::process::serve_alone(|| {
                let confined = mapped.and_then(|_| confine(sees, limits));
                confined.map_or_else(|error| complain(&error), |()| work())
            })
        }
    }
}

/// One line per wall, in the only order that works.
fn confine(sees: Sees, limits: Limits) -> Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).step(|| "follow the parent's end")?;
    see_only(sees)?;
    limit(limits)?;
    kernel::rustix::thread::set_no_new_privs(true).step(|| "set no_new_privs")?;
    restrict_files()?;
    keep_capabilities()?;
    filter_system_calls()
}

/// The same ids as in our own user namespace, range by range.
fn map_ids(child: &Child) -> Result<()> {
    for name in ["uid_map", "gid_map"] {
        let step = || format!("map the worker's ids ({name})");
        let ours = std::fs::read_to_string(format!("/proc/self/{name}")).map_err(errno).step(step)?;
        let lines = ours.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let (inside, _, count) = (words.next()?, words.next()?, words.next()?);
            Some(format!("{inside} {inside} {count}\n"))
        });
        let map: String = lines.collect();
        // One write(2) for all of it (user_namespaces(7)).
        std::fs::write(format!("/proc/{}/{name}", child.pid), map).map_err(errno).step(step)?;
    }
    Ok(())
}

fn wait(child: &Child) -> Result<i32> {
    let status = waitpid(Pid::from_raw(child.pid), WaitOptions::empty()).step(|| "wait for the worker")?;
    match status.and_then(|(_, status)| status.exit_status()) {
        Some(code) => Ok(code),
        None => {
            let signal = status.and_then(|(_, status)| status.terminating_signal()).unwrap_or_default();
            let reason = format!("signal {signal} ended it");
            Err(Error::Refused { what: "the process without rights".into(), reason })
        }
    }
}

fn see_only(sees: Sees) -> Result<()> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let open = |name: &str| kernel::rustix::fs::open(name, flags, Mode::empty());
    let root = open("/").step(|| "open the root")?;
    let private = Attributes { propagation: mount::PRIVATE, ..Attributes::default() };
    mount::set_attributes(root.as_fd(), &private, Depth::Recursive).step(|| "part with the host's mounts")?;
    let target: OwnedFd = open(".").step(|| "open the directory")?;
    let (tree, kept) = match sees {
        Sees::WorkingDirectory => (mount::clone_tree(target.as_fd(), Path::new(""), Depth::Single), 0),
        Sees::Nothing => (mount::new_filesystem("tmpfs", &[], MountAttrFlags::empty()), mount::RDONLY),
    };
    let tree = tree.step(|| "take the directory as a mount")?;
    let without = mount::NOEXEC | mount::NOSUID | mount::NODEV | mount::NOSYMFOLLOW;
    let attributes = Attributes { set: without | kept, ..Attributes::default() };
    mount::set_attributes(tree.as_fd(), &attributes, Depth::Single)
        .step(|| "keep programs and links out of use")?;
    mount::attach(tree.as_fd(), target.as_fd()).step(|| "mount the directory")?;
    mount::pivot(tree.as_fd()).step(|| "leave the host's files")
}

fn limit(limits: Limits) -> Result<()> {
    let all = [
        (Resource::Fsize, limits.file),
        (Resource::As, limits.memory),
        (Resource::Nofile, DESCRIPTORS),
        (Resource::Core, 0),
    ];
    for (resource, most) in all {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).step(|| "limit the worker")?;
    }
    set_dumpable_behavior(DumpableBehavior::NotDumpable).step(|| "hide the worker's memory")
}

/// Before Linux 5.19 every domain forbids hard links between directories, which layers have. There the root
/// file system alone says what can be reached.
fn restrict_files() -> Result<()> {
    if older_than(5, 19) {
        return Ok(());
    }
    let refused = |reason: String| Error::Refused { what: "Landlock".into(), reason };
    let root = PathFd::new("/").map_err(|error| refused(error.to_string()))?;
    match build(root).map_err(|error| refused(error.to_string()))? {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        RulesetStatus::NotEnforced => Err(refused("the kernel enforces nothing of it".into())),
    }
}

fn build(root: PathFd) -> Result<RulesetStatus, RulesetError> {
    let needed = AccessFs::WriteFile
        | AccessFs::ReadDir
        | AccessFs::RemoveDir
        | AccessFs::RemoveFile
        | AccessFs::MakeChar
        | AccessFs::MakeDir
        | AccessFs::MakeReg
        | AccessFs::MakeFifo
        | AccessFs::MakeSym;
    let domain = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V2))?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rule(PathBeneath::new(root, needed | AccessFs::Refer | AccessFs::Truncate))?
        .no_new_privs(false)
        .restrict_self()?;
    Ok(domain.ruleset)
}

/// A release that cannot be read is taken for a new one, whose walls must go up.
fn older_than(major: u32, minor: u32) -> bool {
    let name = kernel::rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers = release.split(|letter: char| !letter.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(one)), Some(Ok(two))) => (one, two) < (major, minor),
        _ => false,
    }
}

fn keep_capabilities() -> Result<()> {
    let kept = KEPT.iter().filter_map(|name| Caps::named(name)).fold(Caps::EMPTY, Caps::with);
    caps::limit_bounding(kept).step(|| "limit the capabilities")?;
    caps::set_exactly(kept).step(|| "set the capabilities")
}

fn filter_system_calls() -> Result<()> {
    let step = || "load the system call filter";
    let program = calls::program()
        .map_err(|error| Error::Refused { what: "the worker's filter".into(), reason: error.to_string() })?;
    let filter: Vec<_> =
        program.raw().map(|(code, jt, jf, k)| kernel::seccomp::Instruction { code, jt, jf, k }).collect();
    kernel::seccomp::load(&filter).step(step)
}

/// Standard output is the worker's own, for its answer; what keeps it from working is told there in its
/// place. The result is the exit status then.
pub fn complain(error: &dyn std::error::Error) -> i32 {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    match kernel::rustix::io::write(kernel::rustix::stdio::stdout(), text.as_bytes()) {
        // Whoever started us sees the status in any case.
        Ok(_) | Err(_) => UNCONFINED_STATUS,
    }
}

fn errno(error: std::io::Error) -> kernel::Errno {
    kernel::Errno::from_io_error(&error).unwrap_or(kernel::Errno::IO)
}

/// The exit status when a wall could not be put up.
pub const UNCONFINED_STATUS: i32 = 125;

/// To give files to the image's owners with set-id bits and file capabilities, and to fill directories
/// whose modes forbid it. Whiteouts need no `MKNOD` (Linux 5.8).
const KEPT: [&str; 5] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "SETFCAP"];
const DESCRIPTORS: u64 = 300;
/// The version whose rules this module was written for.
const NEWEST: ABI = ABI::V6;
