// SPDX-License-Identifier: Apache-2.0
//! The child half of a launch: one line per wall, in the only order that works.
//!
//! This runs in the new namespaces, single-threaded, in a copy of the launching process. Everything
//! of the host that it needs was opened before; from here on no path of the host is used. It ends in
//! execve(2) or in a report of what failed, never half confined.

mod clocks;
mod enter;
mod streams;

pub(crate) use enter::{Entered, enter_running};

use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use kernel::Root;
use kernel::caps::{self, Caps};
use kernel::fork::Namespaces;
use kernel::root::Links;
use kernel::rustix::fs::{Gid, Mode, OFlags, Uid};
use kernel::rustix::process::{
    DumpableBehavior, Signal, set_dumpable_behavior, set_parent_process_death_signal,
};

use crate::clock::Clock;
use crate::error::{Error, Result, Step};
use crate::landlock::{self, Apart, Own};
use crate::mounts::{Sources, Tree};
use crate::plan::Operation;
use crate::spec::{Asked, Init, Process, Spec, Wall};
use crate::user::{self, User};
use crate::wire::{self, Report};
use crate::{cgroup, rlimit};

/// What the child half brings along.
#[derive(Debug)]
pub(crate) struct Jail<'a> {
    pub(crate) spec: &'a Spec,
    /// What becomes of this process.
    pub(crate) process: &'a Process,
    /// The most that it may keep.
    pub(crate) capabilities: Caps,
    pub(crate) plan: &'a [Operation],
    pub(crate) sources: Option<Sources>,
    pub(crate) socket: OwnedFd,
    pub(crate) cgroups: Vec<OwnedFd>,
    pub(crate) memfd_noexec: Option<OwnedFd>,
    pub(crate) streams: [Option<OwnedFd>; 3],
    pub(crate) clock: Clock,
    pub(crate) tree: Option<Tree>,
    /// A running container that this process has entered, in place of a tree of its own making.
    pub(crate) entered: Option<Entered>,
    pub(crate) user: Option<User>,
    /// The capabilities that the program gets.
    pub(crate) kept: Caps,
}

/// Confines this process and becomes the container's program. Does not return: a failure is
/// reported and ends the process.
pub(crate) fn enter(mut jail: Jail<'_>) -> ! {
    let outcome = confine(&mut jail);
    end(&jail, outcome)
}

fn end(jail: &Jail<'_>, outcome: Result<Infallible>) -> ! {
    let failure = match outcome {
        Ok(never) => match never {},
        Err(error) => error,
    };
    let code = i32::from(failure.exit_code());
    // When even the report fails, the parent sees the socket close and this exit code.
    match wire::report(jail.socket.as_fd(), &Report::Failed(failure.into()), None) {
        Ok(()) | Err(_) => kernel::process::exit_now(code),
    }
}

fn confine(jail: &mut Jail<'_>) -> Result<Infallible> {
    jail.join_cgroups()?; // First: what follows is charged to the container.
    jail.forbid_memory_programs()?; // While our id is still the host's root, who owns the switch.
    jail.become_root_inside()?; // The parent writes the id maps; until then we are nobody here.
    jail.leave_session()?; // No terminal and no keys of whoever started us.
    jail.own_cgroup_namespace()?; // After joining: its root is the cgroup we are in now.
    jail.build_tree()?; // While we hold CAP_SYS_ADMIN in our namespace, and the old /proc is in sight.
    jail.own_clocks()?; // Through our own proc.
    jail.find_user()?; // In the image's files, with no more rights than the container's root.
    jail.connect_streams()?; // From our own devpts or the parent's pipes.
    jail.leave_old_root()?; // pivot_root: no path of the host exists from here on.
    jail.name_host()?;
    jail.bring_up_loopback()?;
    jail.enter_workdir()?; // Before the user changes, as Docker does; checked to be inside.
    jail.limit_process()?; // While hard limits may still be lowered and raised.
    jail.close_descriptors()?; // CVE-2024-21626: nothing of the host is open in the program.
    jail.forbid_new_privileges()?;
    jail.restrict_files()?; // Landlock: before capabilities go, so that it also holds without no_new_privs.
    jail.prepare_label()?; // The proc descriptor goes with exec; the profile is entered there.
    jail.set_identity()?;
    jail.bind_to_parent()?; // After set_identity, which would clear the death signal.
    jail.tell_times()?;
    jail.refuse_own_binary()?; // While openat2(2) is not the filter's to answer.
    jail.wait_for_guards()?; // The parent's part: the device program.
    jail.filter_system_calls()?; // Last, so that nothing above has to be on its list.
    jail.start_program()
}

impl Jail<'_> {
    fn join_cgroups(&mut self) -> Result<()> {
        cgroup::join_self(&self.cgroups)?;
        self.cgroups.clear();
        self.clock.stamp("child: cgroups joined");
        Ok(())
    }

    fn become_root_inside(&mut self) -> Result<()> {
        wire::wait(self.socket.as_fd())?;
        self.take_root_ids()?;
        self.clock.stamp("child: ids mapped");
        Ok(())
    }

    fn take_root_ids(&self) -> Result<()> {
        let (root_user, root_group) = (Uid::ROOT, Gid::ROOT);
        match kernel::rustix::thread::set_thread_groups(&[]) {
            // An ordinary user who maps only itself may not drop its groups (user_namespaces(7)).
            Ok(()) | Err(kernel::Errno::PERM) => {}
            Err(errno) => return Err(errno).step(|| "drop the groups of the host"),
        }
        kernel::rustix::thread::set_thread_res_gid(root_group, root_group, root_group)
            .step(|| "become the container's root group")?;
        kernel::rustix::thread::set_thread_res_uid(root_user, root_user, root_user)
            .step(|| "become the container's root")
    }

    /// Anonymous memory files get no execute bit unless their creator asks for it by name, which the
    /// filter refuses (memfd_create(2), `vm.memfd_noexec`, Linux 6.3). The kernel asks twice: for the
    /// file's owner, which is the host's root, and for CAP_SYS_ADMIN over our new pid namespace.
    /// Between clone3 and taking our place in the id map we are both.
    fn forbid_memory_programs(&mut self) -> Result<()> {
        if let (Some(file), Wall::Up(())) = (self.memfd_noexec.take(), &self.spec.namespaces.pid) {
            kernel::rustix::io::write(&file, b"1").step(|| "set vm.memfd_noexec")?;
        }
        Ok(())
    }

    fn leave_session(&self) -> Result<()> {
        kernel::rustix::process::setsid().step(|| "start a session")?;
        kernel::process::default_signals();
        kernel::process::SignalMask::empty().apply().step(|| "unblock signals")?;
        kernel::rustix::process::umask(Mode::from_raw_mode(0o022));
        kernel::keyring::new_session().step(|| "start a session keyring")
    }

    fn own_cgroup_namespace(&self) -> Result<()> {
        match self.spec.namespaces.cgroup {
            Wall::Up(()) => kernel::fork::unshare(Namespaces::CGROUP).step(|| "enter a cgroup namespace"),
            Wall::Down(_) => Ok(()),
        }
    }

    fn build_tree(&mut self) -> Result<()> {
        let Some(root) = wire::wait(self.socket.as_fd())? else {
            return Err(Error::Died { how: "no root file system arrived".into() });
        };
        self.clock.stamp("child: root file system here");
        let Some(sources) = self.sources.take() else {
            return Err(Error::Died { how: "the tree was built before".into() });
        };
        let mut tree = Tree::new(root, sources)?;
        for operation in self.plan {
            tree.apply(operation)?;
        }
        self.tree = Some(tree);
        self.clock.stamp("child: mounts");
        Ok(())
    }

    fn tree(&self) -> Result<&Tree> {
        self.tree.as_ref().ok_or_else(|| Error::Died { how: "the tree is not built".into() })
    }

    /// The container's root directory.
    fn root(&self) -> Result<&Root> {
        match &self.entered {
            Some(entered) => Ok(&entered.root),
            None => Ok(self.tree()?.root()),
        }
    }

    fn proc(&self) -> Result<BorrowedFd<'_>> {
        if let Some(entered) = &self.entered {
            return Ok(entered.proc.as_fd());
        }
        self.tree()?.proc().ok_or_else(|| Error::Died { how: "no proc file system".into() })
    }

    /// Our own `/dev`: a person's mount over it may hold anything (CVE-2026-88265).
    fn dev(&self) -> Result<BorrowedFd<'_>> {
        self.tree()?.dev().ok_or_else(|| Error::Died { how: "no /dev".into() })
    }

    fn find_user(&mut self) -> Result<()> {
        let process = self.process;
        let user = user::look_up(self.root()?, &process.user, &process.groups)?;
        if let Wall::Up(range) = self.spec.namespaces.user {
            user.check_range(range)?;
        }
        self.user = Some(user);
        Ok(())
    }

    fn user(&self) -> Result<&User> {
        self.user.as_ref().ok_or_else(|| Error::Died { how: "no user was looked up".into() })
    }

    fn leave_old_root(&mut self) -> Result<()> {
        kernel::mount::pivot(self.tree()?.root().as_fd()).step(|| "enter the root file system")?;
        self.clock.stamp("child: pivoted");
        Ok(())
    }

    fn name_host(&self) -> Result<()> {
        if let Wall::Down(_) = self.spec.namespaces.uts {
            return Ok(());
        }
        kernel::rustix::system::sethostname(self.spec.names.host.as_bytes()).step(|| "set the host name")?;
        if self.spec.names.domain.is_empty() {
            return Ok(());
        }
        kernel::rustix::system::setdomainname(self.spec.names.domain.as_bytes())
            .step(|| "set the domain name")
    }

    fn bring_up_loopback(&self) -> Result<()> {
        match self.spec.namespaces.network {
            Wall::Up(()) => kernel::process::loopback_up().step(|| "bring the loopback link up"),
            Wall::Down(_) => Ok(()),
        }
    }

    fn enter_workdir(&self) -> Result<()> {
        let path = &self.process.workdir;
        let failed = |reason: String| Error::Workdir { path: path.clone(), reason };
        let root = self.root()?;
        let relative = path.strip_prefix("/").unwrap_or(path);
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let dir = root
            .open_at(relative.join("."), flags, Mode::empty(), Links::InRoot)
            .map_err(|error| failed(error.to_string()))?;
        kernel::rustix::process::fchdir(&dir).map_err(|errno| failed(errno.to_string()))?;
        // getcwd(2) says "(unreachable)" for a directory outside the root (CVE-2024-21626).
        let here = kernel::rustix::process::getcwd(Vec::new()).map_err(|errno| failed(errno.to_string()))?;
        if here.as_bytes().starts_with(b"/") {
            Ok(())
        } else {
            Err(failed("it lies outside the container".into()))
        }
    }

    fn limit_process(&self) -> Result<()> {
        for limit in &self.process.rlimits {
            match rlimit::set(limit) {
                Err(Error::Step { source, .. })
                    if limit.asked == Asked::ByDefault && source.errno == kernel::Errno::PERM => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn close_descriptors(&self) -> Result<()> {
        kernel::process::close_on_exec_from(3).step(|| "close the launching process's files")
    }

    fn forbid_new_privileges(&self) -> Result<()> {
        match self.spec.no_new_privileges {
            Wall::Up(()) => kernel::rustix::thread::set_no_new_privs(true).step(|| "set no_new_privs"),
            Wall::Down(_) => Ok(()),
        }
    }

    fn restrict_files(&self) -> Result<()> {
        match self.spec.landlock {
            Wall::Up(()) => landlock::restrict(self.apart()),
            Wall::Down(_) => Ok(()),
        }
    }

    fn apart(&self) -> Apart {
        let own = |wall: &Wall<()>| if wall.up().is_some() { Own::Yes } else { Own::No };
        let choice = &self.spec.namespaces;
        match self.entered {
            Some(_) => Apart::ByNamespaces { processes: own(&choice.pid), network: own(&choice.network) },
            None => Apart::FromAll,
        }
    }

    fn prepare_label(&self) -> Result<()> {
        let Some(profile) = &self.spec.apparmor else { return Ok(()) };
        let step = || format!("enter the AppArmor profile {profile} at exec");
        let path = Path::new("thread-self/attr/apparmor/exec");
        set_dumpable_behavior(DumpableBehavior::Dumpable).step(step)?;
        let file = kernel::root::open_in(self.proc()?, path, OFlags::WRONLY, Mode::empty(), Links::SameMount)
            .step(step);
        set_dumpable_behavior(DumpableBehavior::NotDumpable).step(step)?;
        kernel::rustix::io::write(file?, format!("exec {profile}").as_bytes()).step(step)?;
        Ok(())
    }

    fn set_identity(&mut self) -> Result<()> {
        let user = self.user()?.clone();
        let kept = self.capabilities.common(caps::permitted().step(|| "read the capabilities")?);
        caps::limit_bounding(kept).step(|| "limit the capabilities")?;
        let groups: Vec<Gid> = user.groups.iter().map(|&gid| Gid::from_raw(gid)).collect();
        match kernel::rustix::thread::set_thread_groups(&groups) {
            // As in become_root_inside: only with a single mapped id, where there are no other groups.
            Err(kernel::Errno::PERM) if user.groups == [0] => {}
            other => other.step(|| format!("set the groups {:?}", user.groups))?,
        }
        let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
        // Changing the user would take CAP_SYS_ADMIN away, which the filter may still need.
        kernel::rustix::thread::set_keep_capabilities(true).step(|| "keep the capabilities for a moment")?;
        kernel::rustix::thread::set_thread_res_gid(gid, gid, gid)
            .step(|| format!("become group {}", user.gid))?;
        kernel::rustix::thread::set_thread_res_uid(uid, uid, uid)
            .step(|| format!("become user {}", user.uid))?;
        self.kept = if user.uid == 0 { kept } else { Caps::EMPTY };
        caps::set_exactly(self.kept.with(self.needed_by_filter())).step(|| "set the capabilities")?;
        set_dumpable_behavior(DumpableBehavior::NotDumpable).step(|| "hide this process's memory")
    }

    /// Without no_new_privs only CAP_SYS_ADMIN may load a filter (seccomp(2)): it is kept until then.
    fn needed_by_filter(&self) -> Caps {
        match (&self.spec.no_new_privileges, &self.spec.seccomp) {
            (Wall::Down(_), Wall::Up(_)) => caps::SYS_ADMIN,
            _ => Caps::EMPTY,
        }
    }

    /// The container must not outlive its monitor unnoticed.
    fn bind_to_parent(&self) -> Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL)).step(|| "follow the monitor's end")?;
        // A parent that died before that line would not be noticed: its end of the socket tells.
        let mut polled =
            [kernel::rustix::event::PollFd::new(&self.socket, kernel::rustix::event::PollFlags::empty())];
        let now = kernel::rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        kernel::rustix::event::poll(&mut polled, Some(&now)).step(|| "look for the monitor")?;
        if polled[0].revents().contains(kernel::rustix::event::PollFlags::HUP) {
            return Err(Error::Died { how: "the monitor is gone".into() });
        }
        Ok(())
    }

    fn tell_times(&mut self) -> Result<()> {
        if !self.clock.is_on() {
            return Ok(());
        }
        self.clock.stamp("child: confined");
        wire::report(self.socket.as_fd(), &Report::Times(self.clock.raw()), None)
    }

    fn wait_for_guards(&self) -> Result<()> {
        wire::wait(self.socket.as_fd()).map(drop)
    }

    fn filter_system_calls(&self) -> Result<()> {
        let Some(program) = self.spec.seccomp.up() else { return Ok(()) };
        let step = || "load the system call filter";
        let filter: Vec<_> =
            program.raw().map(|(code, jt, jf, k)| kernel::seccomp::Instruction { code, jt, jf, k }).collect();
        if program.notifies() {
            let listener = kernel::seccomp::load_with_listener(&filter).step(step)?;
            wire::report(self.socket.as_fd(), &Report::Listener, Some(listener.as_fd()))?;
        } else {
            kernel::seccomp::load(&filter).step(step)?;
        }
        if self.needed_by_filter() == Caps::EMPTY {
            return Ok(());
        }
        caps::set_exactly(self.kept).step(|| "drop the capability that loaded the filter")
    }

    fn refuse_own_binary(&self) -> Result<()> {
        crate::exec::refuse_ways_out(&self.process.args, &self.process.env)
    }

    fn start_program(&self) -> Result<Infallible> {
        let user = self.user()?;
        let mut env = self.process.env.clone();
        if !env.iter().any(|entry| entry.as_bytes().starts_with(b"HOME="))
            && let Ok(home) = CString::new(format!("HOME={}", user.home))
        {
            env.push(home);
        }
        if self.process.init == Init::Ours {
            crate::init::become_init()?;
        }
        crate::exec::execute(&self.process.args, &env)
    }
}
