// SPDX-License-Identifier: Apache-2.0
//! The parent half of a launch: from a [`Spec`] to a running, confined process.
//!
//! The order is chosen for speed as well: the new process starts early and joins its cgroups while
//! this one maps its ids and joins the layers.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use kernel::caps::Caps;
use kernel::fork::{Child, Namespaces, Side};
use kernel::rustix::fs::{Mode, OFlags};
use kernel::rustix::process::{Pid, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::cgroup::{Cgroup, Hierarchy};
use crate::clock::Clock;
use crate::confine::{self, Jail};
use crate::error::{Error, Result, Step};
use crate::mounts::Sources;
use crate::plan::{self, Operation, StagedFile};
use crate::spec::{FileOwners, IdRange, Process, Spec, Stdio, Wall};
use crate::stage::Stage;
use crate::view::View;
use crate::wire::{self, Report};
use crate::{cgroup, rlimit, rootfs, sources};

/// A container whose program runs.
#[derive(Debug)]
pub struct Running {
    /// Its first process.
    pub child: Child,
    /// Its cgroup, to be removed when it has ended.
    pub cgroup: Cgroup,
    /// Our ends of its standard streams: input, output, errors.
    pub streams: [Option<OwnedFd>; 3],
    /// The master side of its terminal.
    pub terminal: Option<OwnedFd>,
    /// Answers to system calls about its limits, and the files that show them.
    pub view: Option<View>,
}

/// Starts the container that `spec` describes. When this returns, the program runs (its execve has
/// succeeded); on any error nothing is left: no process, no cgroup, no mount.
///
/// `meanwhile` is called with the new process's number while that process builds its walls: the
/// place for what the caller has to write down, which costs no time there.
pub fn launch(
    spec: &Spec,
    hierarchy: &Hierarchy,
    clock: &mut Clock,
    meanwhile: impl FnOnce(i32),
) -> Result<Running> {
    let owner = outer_root(spec);
    rootfs::make_writable(&spec.root, owner)?;
    let cgroup = Cgroup::create(hierarchy, &spec.id, &spec.resources)?;
    clock.stamp("cgroup made");
    let meanwhile = |cgroup: &Cgroup, pid| {
        meanwhile(pid);
        cgroup.guard_devices(hierarchy, &spec.device_rules)
    };
    let started = start(spec, cgroup, owner, clock, meanwhile);
    clock.stamp("program started");
    started
}

fn start(
    spec: &Spec,
    cgroup: Cgroup,
    owner: (u32, u32),
    clock: &mut Clock,
    meanwhile: impl FnOnce(&Cgroup, i32) -> cgroup::Result<()>,
) -> Result<Running> {
    let mut cgroup = Guard::new(cgroup);
    let Gathered { mut view, stage, operations, sources } = gather(spec, cgroup.get(), owner, clock)?;
    let (ours, theirs) = kernel::socket::pair().step(|| "make the launch socket")?;
    let memfd_noexec = open_memfd_noexec()?;
    let cgroups = cgroup.get().join()?;
    let (streams, inner) = pipes(spec.process.stdio, owner)?;
    let side = rlimit::under_default_nproc(&spec.process.rlimits, || {
        kernel::fork::clone(namespaces(spec), cgroup.get().clone_into())
    })?
    .step(|| "start a process in its namespaces")?;
    let child = match side {
        Side::Parent(child) => Started::new(child),
        Side::Child => {
            drop(ours);
            confine::enter(Jail {
                spec,
                process: &spec.process,
                capabilities: spec.capabilities,
                plan: &operations,
                cgroups,
                memfd_noexec,
                sources: Some(sources),
                socket: theirs,
                streams: inner,
                clock: clock.fresh(),
                tree: None,
                entered: None,
                user: None,
                kept: Caps::EMPTY,
            })
        }
    };
    clock.stamp("process made");
    drop((theirs, inner, memfd_noexec, cgroups));
    map_ids(spec, child.get())?;
    offer_to_memory_killer(&spec.process, child.get())?;
    rlimit::raise(pid(child.get()), &spec.process.rlimits)?;
    tell(&ours, None, clock)?;
    let user_namespace = user_namespace(spec, child.get())?;
    sources::map_owners(&sources, user_namespace.as_ref());
    let root = rootfs::mount(&spec.root, user_namespace.as_ref().map(AsFd::as_fd))?;
    clock.stamp("root file system mounted");
    tell(&ours, Some(root.tree.as_fd()), clock)?;
    drop((root, sources)); // While the child is busy with its mounts: unmounting clones takes time.
    meanwhile(cgroup.get(), child.get().pid)?;
    tell(&ours, None, clock)?;
    let heard = listen(&ours, clock)?;
    if let (Some(view), Some(listener)) = (&mut view, heard.listener) {
        view.answer_on(listener);
    }
    if let Some(view) = &mut view {
        view.keep(stage.into_iter().skip(spec.files.len()).collect());
    }
    Ok(Running { child: child.keep(), cgroup: cgroup.keep(), streams, terminal: heard.terminal, view })
}

/// What a launch needs of the host, before there is a process.
struct Gathered {
    view: Option<View>,
    /// The staged files, open for writing.
    stage: Vec<OwnedFd>,
    operations: Vec<Operation>,
    sources: Sources,
}

fn gather(spec: &Spec, cgroup: &Cgroup, owner: (u32, u32), clock: &mut Clock) -> Result<Gathered> {
    let view = match spec.view {
        Wall::Up(()) => Some(View::new(&spec.resources)?),
        Wall::Down(_) => None,
    };
    clock.stamp("view drawn");
    let files = staged_files(spec, view.as_ref());
    let stage = Stage::new(&files, spec.files.len(), owner)?;
    let targets: Vec<PathBuf> = files.into_iter().map(|file| file.target).collect();
    let operations = plan::mounts(spec, &targets, spec.files.len());
    let mut sources = sources::open(spec, &operations, stage.tree)?;
    sources.cgroups = cgroup.views()?;
    clock.stamp("sources opened");
    Ok(Gathered { view, stage: stage.files, operations, sources })
}

/// Tells the child to go on. When it is gone already, the reason that it left is the error.
fn tell(socket: &OwnedFd, fd: Option<BorrowedFd<'_>>, clock: &mut Clock) -> Result<()> {
    match wire::go_on(socket.as_fd(), fd) {
        Err(Error::Step { source, .. }) if source.errno == kernel::Errno::PIPE => {
            listen(socket, clock)?;
            Err(Error::Died { how: "it gave no reason".into() })
        }
        other => other,
    }
}

/// What the child sent before its program started.
#[derive(Debug, Default)]
struct Heard {
    terminal: Option<OwnedFd>,
    listener: Option<OwnedFd>,
}

fn listen(socket: &OwnedFd, clock: &mut Clock) -> Result<Heard> {
    let mut heard = Heard::default();
    while let Some((report, fd)) = wire::hear(socket.as_fd())? {
        match report {
            Report::Terminal => heard.terminal = fd,
            Report::Listener => heard.listener = fd,
            Report::Times(times) => clock.take_in(times),
            Report::Failed(failure) => return Err(failure.into()),
            Report::Entering(_) => return Err(Error::Died { how: "it said what only others say".into() }),
        }
    }
    Ok(heard)
}

/// The host ids of the container's root.
pub(crate) fn outer_root(spec: &Spec) -> (u32, u32) {
    match spec.namespaces.user {
        Wall::Up(range) => (range.first, range.first),
        Wall::Down(_) => (0, 0),
    }
}

fn namespaces(spec: &Spec) -> Namespaces {
    let choice = &spec.namespaces;
    let mut all = Namespaces::MOUNT;
    for (wall, namespace) in [
        (choice.user.up().is_some(), Namespaces::USER),
        (choice.pid.up().is_some(), Namespaces::PID),
        (choice.ipc.up().is_some(), Namespaces::IPC),
        (choice.uts.up().is_some(), Namespaces::UTS),
        (choice.network.up().is_some(), Namespaces::NET),
    ] {
        if wall {
            all = all.and(namespace);
        }
    }
    all
}

fn map_ids(spec: &Spec, child: &Child) -> Result<()> {
    let Wall::Up(range) = spec.namespaces.user else { return Ok(()) };
    let IdRange { first, count, .. } = range;
    for file in ["uid_map", "gid_map"] {
        let path = format!("/proc/{}/{file}", child.pid);
        let step = || format!("map ids {first} to {} for the container", first.saturating_add(count - 1));
        let file =
            kernel::rustix::fs::open(&path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).step(step)?;
        kernel::rustix::io::write(&file, id_map(range).as_bytes()).step(step)?;
    }
    Ok(())
}

/// Says how early the host's memory killer is to take the container: never later than it would have
/// taken us, which few may ask for.
pub(crate) fn offer_to_memory_killer(process: &Process, child: &Child) -> Result<()> {
    let Some(score) = process.oom_score_adj else { return Ok(()) };
    let step = || format!("set the container's oom_score_adj to {score}");
    let path = format!("/proc/{}/oom_score_adj", child.pid);
    let inherited = std::fs::read_to_string(&path).ok().and_then(|text| text.trim().parse::<i32>().ok());
    if inherited.is_some_and(|inherited| inherited >= score) {
        return Ok(());
    }
    let file = kernel::rustix::fs::open(&path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty()).step(step)?;
    kernel::rustix::io::write(&file, score.to_string().as_bytes()).step(step).map(drop)
}

/// The lines of a map file (user_namespaces(7)). An ordinary user's own id and their subordinate ids
/// were mapped in two pieces, and no line may cross the seam between them.
fn id_map(IdRange { first, count, files }: IdRange) -> String {
    match files {
        FileOwners::Outer if count > 1 => format!("0 {first} 1\n1 {} {}\n", first + 1, count - 1),
        _ => format!("0 {first} {count}\n"),
    }
}

/// The switch that the child sets for its own pid namespace. Kernels before 6.3 have none, and only
/// the host's root may open it.
fn open_memfd_noexec() -> Result<Option<OwnedFd>> {
    match kernel::rustix::fs::open(
        "/proc/sys/vm/memfd_noexec",
        OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::empty(),
    ) {
        Ok(file) => Ok(Some(file)),
        Err(kernel::Errno::NOENT | kernel::Errno::ACCESS | kernel::Errno::ROFS) => Ok(None),
        Err(errno) => Err(errno).step(|| "open vm.memfd_noexec"),
    }
}

/// The container's user namespace, when files carry ids that have to be mapped through it.
fn user_namespace(spec: &Spec, child: &Child) -> Result<Option<OwnedFd>> {
    match spec.namespaces.user {
        Wall::Up(IdRange { files: FileOwners::Mapped, .. }) => {
            let path = format!("/proc/{}/ns/user", child.pid);
            let flags = OFlags::RDONLY | OFlags::CLOEXEC;
            kernel::rustix::fs::open(&path, flags, Mode::empty())
                .step(|| "open the container's user namespace")
                .map(Some)
        }
        _ => Ok(None),
    }
}

fn staged_files(spec: &Spec, view: Option<&View>) -> Vec<StagedFile> {
    let given = spec
        .files
        .iter()
        .map(|file| StagedFile { target: file.target.clone(), content: file.content.clone() });
    let shown = view.into_iter().flat_map(View::files);
    given.chain(shown).collect()
}

pub(crate) type Streams = [Option<OwnedFd>; 3];

/// Pipes for the standard streams: our ends and the container's. The container never gets the
/// caller's own descriptors: those may be a terminal of the host, or a file that could be opened
/// again through /proc/self/fd with other rights.
pub(crate) fn pipes(stdio: Stdio, owner: (u32, u32)) -> Result<(Streams, Streams)> {
    if let Stdio::Terminal { .. } = stdio {
        return Ok(([None, None, None], [None, None, None]));
    }
    let pipe = || -> Result<(OwnedFd, OwnedFd)> {
        let step = || "make a pipe for the standard streams";
        let (read, write) =
            kernel::rustix::pipe::pipe_with(kernel::rustix::pipe::PipeFlags::CLOEXEC).step(step)?;
        let (user, group) =
            (kernel::rustix::fs::Uid::from_raw(owner.0), kernel::rustix::fs::Gid::from_raw(owner.1));
        kernel::rustix::fs::fchown(&read, Some(user), Some(group)).step(step)?;
        Ok((read, write))
    };
    let (output_read, output_write) = pipe()?;
    let (error_read, error_write) = pipe()?;
    let (ours, theirs) = match stdio {
        Stdio::Inherit => {
            let (read, write) = pipe()?;
            (Some(write), Some(read))
        }
        _ => (None, None),
    };
    for end in [ours.as_ref(), Some(&output_read), Some(&error_read)].into_iter().flatten() {
        never_wait(end.as_fd())?;
    }
    Ok(([ours, Some(output_read), Some(error_read)], [theirs, Some(output_write), Some(error_write)]))
}

/// Our end of a pipe does not block: the container can open the other side of it through
/// /proc/self/fd, and take away or fill what poll(2) just told us about. Its own ends are other open
/// files, with flags of their own.
fn never_wait(end: BorrowedFd<'_>) -> Result<()> {
    let step = || "make our end of a pipe non-blocking";
    let flags = kernel::rustix::fs::fcntl_getfl(end).step(step)?;
    kernel::rustix::fs::fcntl_setfl(end, flags | OFlags::NONBLOCK).step(step)
}

/// A started child that is killed and reaped unless the launch succeeds.
pub(crate) struct Started(Option<Child>);

impl Started {
    pub(crate) fn new(child: Child) -> Self {
        Self(Some(child))
    }

    pub(crate) fn get(&self) -> &Child {
        self.0.as_ref().expect("taken only by keep")
    }

    pub(crate) fn keep(mut self) -> Child {
        self.0.take().expect("taken only here")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if let Some(child) = &self.0 {
            end(child.pidfd.as_fd());
        }
    }
}

/// Kills and reaps. Both can only fail when the process is gone already.
fn end(pidfd: BorrowedFd<'_>) {
    match pidfd_send_signal(pidfd, Signal::KILL) {
        Ok(()) | Err(_) => {}
    }
    match waitid(WaitId::PidFd(pidfd), WaitIdOptions::EXITED) {
        Ok(_) | Err(_) => {}
    }
}

/// A cgroup that is removed unless the launch succeeds.
struct Guard(Option<Cgroup>);

impl Guard {
    fn new(cgroup: Cgroup) -> Self {
        Self(Some(cgroup))
    }

    fn get(&self) -> &Cgroup {
        self.0.as_ref().expect("taken only by keep")
    }

    fn keep(&mut self) -> Cgroup {
        self.0.take().expect("taken only here")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(cgroup) = self.0.take() {
            match cgroup.remove() {
                // The error that brought us here is the one to tell; what stays is found by the
                // next command's sweep.
                Ok(()) | Err(_) => {}
            }
        }
    }
}

/// The pid of `child` in the form that rustix wants.
pub fn pid(child: &Child) -> Option<Pid> {
    Pid::from_raw(child.pid)
}
