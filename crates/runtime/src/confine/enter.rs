// SPDX-License-Identifier: Apache-2.0
//! Another program in a container that runs: the same walls, in the same order, around a process that
//! enters the namespaces instead of making them.
//!
//! Until execve(2) this is a copy of the monitor that the container could find in its pid namespace. It is
//! not dumpable from the first line on, so nothing inside may look into it, trace it or open its files
//! (CVE-2016-9962, CVE-2019-5736). What it needs of the host is opened before it enters.

use std::convert::Infallible;
use std::os::fd::{BorrowedFd, OwnedFd};

use kernel::Root;
use kernel::root::Links;
use kernel::rustix::fs::{Mode, OFlags, fstatfs};
use kernel::rustix::process::{DumpableBehavior, set_dumpable_behavior};
use kernel::rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use super::Jail;
use crate::error::{Error, Result, Step};
use crate::spec::{Spec, Wall};

/// A container that this process has entered.
#[derive(Debug)]
pub(crate) struct Entered {
    pub(crate) root: Root,
    /// The host's /proc: the container's own may be covered by what its mounts say (CVE-2019-16884).
    pub(crate) proc: OwnedFd,
}

impl Entered {
    /// The container's /dev/pts, if that is what lies there.
    pub(super) fn terminals(&self) -> Result<OwnedFd> {
        let step = || "open the container's terminals";
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let found = self.root.open_at("dev/pts", flags, Mode::empty(), Links::InRoot).step(step)?;
        if fstatfs(&found).step(step)?.f_type == DEVPTS {
            return Ok(found);
        }
        Err(Error::Refused {
            what: "a terminal in the container".into(),
            reason: "its /dev/pts holds no terminals".into(),
        })
    }
}

/// Enters the container whose first process is `first` and becomes the program. Does not return: a failure
/// is reported and ends the process.
pub(crate) fn enter_running(mut jail: Jail<'_>, first: BorrowedFd<'_>) -> ! {
    let outcome = confine(&mut jail, first);
    super::end(&jail, outcome)
}

fn confine(jail: &mut Jail<'_>, first: BorrowedFd<'_>) -> Result<Infallible> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).step(|| "hide this process's memory")?;
    jail.join_cgroups()?;
    jail.wait_for_guards()?; // The parent's part: hard limits, and how early memory runs out for us.
    jail.enter_namespaces(first)?;
    jail.take_root_ids()?;
    jail.leave_session()?;
    jail.find_user()?;
    jail.connect_streams()?;
    jail.enter_workdir()?;
    jail.limit_process()?;
    jail.close_descriptors()?;
    jail.forbid_new_privileges()?;
    jail.restrict_files()?;
    jail.prepare_label()?;
    jail.set_identity()?;
    jail.bind_to_parent()?;
    jail.refuse_own_binary()?;
    jail.filter_system_calls()?;
    jail.start_program()
}

impl Jail<'_> {
    /// All at once (setns(2) on a pidfd, Linux 5.8): the container's first process holds them together, and
    /// its root directory becomes ours.
    fn enter_namespaces(&mut self, first: BorrowedFd<'_>) -> Result<()> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let proc =
            kernel::rustix::fs::open("/proc", flags, Mode::empty()).step(|| "open the host's /proc")?;
        move_into_thread_name_spaces(first, namespaces(self.spec))
            .step(|| "enter the container's namespaces")?;
        let root = Root::open("/").step(|| "open the container's root")?;
        self.entered = Some(Entered { root, proc });
        Ok(())
    }
}

/// Those that the container has of its own, but for the pid namespace, in which this process was born.
fn namespaces(spec: &Spec) -> ThreadNameSpaceType {
    let choice = &spec.namespaces;
    let all = [
        (matches!(choice.user, Wall::Up(_)), ThreadNameSpaceType::USER),
        (choice.ipc.up().is_some(), ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION),
        (choice.uts.up().is_some(), ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME),
        (choice.network.up().is_some(), ThreadNameSpaceType::NETWORK),
        (choice.cgroup.up().is_some(), ThreadNameSpaceType::CONTROL_GROUP),
        (choice.time.up().is_some(), ThreadNameSpaceType::TIME),
    ];
    let own = all.into_iter().filter(|(own, _)| *own).map(|(_, namespace)| namespace);
    own.fold(ThreadNameSpaceType::MOUNT, ThreadNameSpaceType::union)
}

/// DEVPTS_SUPER_MAGIC (statfs(2)).
const DEVPTS: i64 = 0x1cd1;
