// SPDX-License-Identifier: Apache-2.0
//! From an admitted image and a request to a complete [`Spec`]. Nothing is done to the host here but
//! looking; every default of a wall is decided here and nowhere else.

use std::ffi::CString;
use std::path::PathBuf;

use kernel::caps::Caps;
use runtime::cgroup::{Hierarchy, Resources};
use runtime::danger::Danger;
use runtime::spec::{
    Access, Asked, Durability, FileOwners, GivenFile, HostNames, IdRange, Init, Marks, NamespaceChoice,
    Process, Rlimit, Root, Spec, Stdio, Wall,
};

mod beside;
mod devices;
mod mounts;
mod names;
mod sysctls;

pub(crate) use beside::{beside, capabilities_beside};

use crate::admit::Admitted;
use crate::apparmor::{self, UNCONFINED};
use crate::error::{Error, Result};
use crate::limits;
use crate::request::{self, RunRequest};
use crate::standing::Standing;
use crate::volumes::Volumes;

pub(crate) use mounts::clean;

/// What the engine decided about the container before its spec is written.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) id: &'a str,
    pub(crate) slot: u32,
    /// The container's own directory.
    pub(crate) directory: PathBuf,
    /// Directories of the image's layers, the topmost first.
    pub(crate) layers: Vec<PathBuf>,
    pub(crate) standing: &'a Standing,
    /// Which bounds can be had.
    pub(crate) hierarchy: &'a Hierarchy,
    /// Where volumes are.
    pub(crate) volumes: &'a Volumes,
    /// The profile of a container that asks for none.
    pub(crate) label: Option<&'a str>,
    /// Rows and columns of the caller's terminal.
    pub(crate) window: (u16, u16),
}

/// The complete description of the container that `request` asks for.
pub(crate) fn prepare(admitted: &Admitted, request: &RunRequest, place: Place<'_>) -> Result<Spec> {
    let config = &admitted.image().config.config;
    held_together(&request.isolation, &place)?;
    own_ids(&request.isolation, &place)?;
    let hostname = names::host(request, place.id)?;
    let isolation = &request.isolation;
    let capabilities = capabilities(isolation);
    let resources = resources(request, place.hierarchy)?;
    Ok(Spec {
        id: place.id.to_owned(),
        process: process(request, config, &hostname, &place)?,
        root: root(request, &place),
        mounts: mounts::mounts(request, place.volumes)?,
        devices: devices::nodes(request)?,
        files: given_files(request, &hostname)?,
        shm_size: request.files.shm_size.unwrap_or(DEFAULT_SHM),
        namespaces: namespaces(isolation, &place),
        names: HostNames { host: hostname, domain: names::domain(request)? },
        sysctls: sysctls::checked(isolation)?,
        device_rules: devices::rules(request)?,
        capabilities,
        seccomp: crate::filter::choose(isolation, capabilities, &resources, admitted.foreign_abi())?,
        resources,
        landlock: wall(isolation.landlock_off.as_ref().or(isolation.privileged.as_ref())),
        no_new_privileges: wall(isolation.new_privileges.as_ref().or(isolation.privileged.as_ref())),
        masks: wall(isolation.unmasked.as_ref().or(isolation.privileged.as_ref())),
        view: wall(isolation.view_host.as_ref()),
        apparmor: label(isolation, place.label),
    })
}

/// # Errors
/// The first mount of `request` that cannot be.
pub(crate) fn check_mounts(request: &RunRequest, volumes: &Volumes) -> Result<()> {
    mounts::mounts(request, volumes).map(drop)
}

/// Something has to hold a container's processes together, so that they end as a whole.
fn held_together(isolation: &request::IsolationRequest, place: &Place<'_>) -> Result<()> {
    if isolation.pid_host.is_some() && place.hierarchy.places(place.id).is_empty() {
        return Err(Error::HostLacks {
            what: "a cgroup for --pid host".into(),
            reason: "with neither a pid namespace nor a cgroup of its own, the container could not be ended as a whole"
                .into(),
            remedy: "leave --pid host out, or start it in a delegated cgroup: `systemd-run --user --scope -p \
                     Delegate=yes bulkhead run ...`"
                .into(),
        });
    }
    Ok(())
}

/// The host's ids are the host's root's to give.
fn own_ids(isolation: &request::IsolationRequest, place: &Place<'_>) -> Result<()> {
    match (&isolation.userns_host, place.standing) {
        (Some(_), Standing::Rootless { .. }) => Err(Error::Invalid {
            what: "--userns host".into(),
            reason:
                "an ordinary user has none of the host's ids to give but their own, which root inside has"
                    .into(),
        }),
        _ => Ok(()),
    }
}

fn wall(lowered: Option<&Danger>) -> Wall<()> {
    lowered.map_or(Wall::Up(()), |danger| Wall::Down(danger.clone()))
}

/// The AppArmor profile to enter.
fn label(isolation: &request::IsolationRequest, default: Option<&str>) -> Option<String> {
    match (&isolation.apparmor, &isolation.privileged) {
        // Without AppArmor in the kernel every program is unconfined by it already.
        (Some(profile), _) => Some(profile.clone()).filter(|name| name != UNCONFINED || apparmor::is_here()),
        (None, Some(_)) => None,
        (None, None) => default.map(str::to_owned),
    }
}

fn user(request: &RunRequest, config: &oci::config::Process) -> String {
    request.process.user.clone().unwrap_or_else(|| config.user.clone())
}

fn process(
    request: &RunRequest,
    config: &oci::config::Process,
    hostname: &str,
    place: &Place<'_>,
) -> Result<Process> {
    let terminal = request.terminal == request::Terminal::Allocate;
    let (rows, columns) = place.window;
    let missing = limits::missing(&request.limits, place.hierarchy);
    Ok(Process {
        args: c_strings(command(request, config)?)?,
        env: c_strings(environment(request, config, hostname, terminal))?,
        workdir: workdir(request, config)?,
        user: user(request, config),
        groups: request.process.groups.clone(),
        stdio: match (terminal, request.stdin) {
            (true, _) => Stdio::Terminal { rows, columns },
            (false, request::Stdin::Open) => Stdio::Inherit,
            (false, request::Stdin::Closed) => Stdio::NoInput,
        },
        rlimits: rlimits(request, &missing),
        oom_score_adj: missing.memory.as_ref().map(|_| limits::KILLED_FIRST),
        init: match request.process.init {
            request::Init::None => Init::Program,
            request::Init::Ours => Init::Ours,
        },
    })
}

/// Docker's rule: `--entrypoint` replaces the image's and drops its command; words after the image
/// replace the command.
pub(crate) fn command(request: &RunRequest, config: &oci::config::Process) -> Result<Vec<String>> {
    let mut words = match &request.process.entrypoint {
        Some(program) if program.is_empty() => Vec::new(),
        Some(program) => vec![program.clone()],
        None => config.entrypoint.clone(),
    };
    if !request.command.is_empty() {
        words.extend(request.command.iter().cloned());
    } else if request.process.entrypoint.is_none() {
        words.extend(config.cmd.iter().cloned());
    }
    if words.is_empty() {
        return Err(Error::Invalid {
            what: format!("no command was given for `{}`", request.image),
            reason: "the image has neither a command nor an entrypoint; name a program after the image"
                .into(),
        });
    }
    Ok(words)
}

/// The image's variables, then what Docker adds, then the person's; a bare name without a value
/// takes one away.
fn environment(
    request: &RunRequest,
    config: &oci::config::Process,
    hostname: &str,
    terminal: bool,
) -> Vec<String> {
    let mut variables = beside::Variables::default();
    variables.set("PATH", Some(DEFAULT_PATH));
    variables.set("HOSTNAME", Some(hostname));
    if terminal {
        variables.set("TERM", Some("xterm"));
    }
    for entry in &config.env {
        let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
        variables.set(name, Some(value));
    }
    for (name, value) in &request.process.env {
        variables.set(name, value.as_deref());
    }
    variables.lines()
}

fn workdir(request: &RunRequest, config: &oci::config::Process) -> Result<PathBuf> {
    let path = match &request.process.workdir {
        Some(path) => path.as_str(),
        None if config.working_dir.is_empty() => "/",
        None => config.working_dir.as_str(),
    };
    clean_workdir(path)
}

fn clean_workdir(path: &str) -> Result<PathBuf> {
    if !path.starts_with('/') {
        return Err(Error::Invalid {
            what: format!("the working directory '{path}' is invalid"),
            reason: "it needs to be an absolute path".into(),
        });
    }
    // As Docker does, by the letters: a directory that does not exist has no parent to go to.
    let mut clean = PathBuf::from("/");
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                clean.pop();
            }
            name => clean.push(name),
        }
    }
    Ok(clean)
}

fn rlimits(request: &RunRequest, missing: &limits::Missing) -> Vec<Rlimit> {
    let asked = request.process.ulimits.iter().map(|limit| Rlimit {
        name: limit.name.clone(),
        soft: limit.soft,
        hard: limit.hard,
        asked: Asked::ByPerson,
    });
    let mut limits: Vec<Rlimit> = asked.collect();
    let stand_in = missing.pids.as_ref().map(|_| ("nproc", limits::DEFAULT_PIDS, limits::DEFAULT_PIDS));
    for (name, soft, hard) in DEFAULT_RLIMITS.into_iter().chain(stand_in) {
        if !limits.iter().any(|limit| limit.name == name) {
            limits.push(Rlimit {
                name: name.into(),
                soft: Some(soft),
                hard: Some(hard),
                asked: Asked::ByDefault,
            });
        }
    }
    limits
}

fn root(request: &RunRequest, place: &Place<'_>) -> Root {
    Root {
        layers: place.layers.clone(),
        writable: place.directory.clone(),
        access: access(request.files.root),
        flags: wall(request.isolation.loose_mounts.as_ref()),
        durability: match request.afterwards {
            request::Afterwards::Remove => Durability::Volatile,
            request::Afterwards::Keep => Durability::Kept,
        },
        marks: match place.standing {
            Standing::Root => Marks::Trusted,
            Standing::Rootless { .. } => Marks::User,
        },
    }
}

fn access(access: request::RootAccess) -> Access {
    match access {
        request::RootAccess::ReadOnly => Access::ReadOnly,
        request::RootAccess::ReadWrite => Access::ReadWrite,
    }
}

fn given_files(request: &RunRequest, hostname: &str) -> Result<Vec<GivenFile>> {
    let host_network = request.isolation.network_host.is_some();
    let hosts = if host_network { host_file("/etc/hosts")? } else { hosts(hostname) };
    let resolver = if host_network { host_file("/etc/resolv.conf")? } else { Vec::new() };
    let files = [
        ("/etc/hostname", format!("{hostname}\n").into_bytes()),
        ("/etc/hosts", hosts),
        ("/etc/resolv.conf", resolver),
    ];
    // A person's own mount at the same place wins.
    let taken = |target: &str| request.files.mounts.iter().any(|mount| mount.target == target);
    Ok(files
        .into_iter()
        .filter(|(target, _)| !taken(target))
        .map(|(target, content)| GivenFile { target: target.into(), content })
        .collect())
}

fn hosts(hostname: &str) -> Vec<u8> {
    format!(
        "127.0.0.1\tlocalhost {hostname}\n::1\tlocalhost ip6-localhost ip6-loopback {hostname}\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
    )
    .into_bytes()
}

fn host_file(path: &str) -> Result<Vec<u8>> {
    match std::fs::read(path) {
        Ok(content) => Ok(content),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => {
            Err(Error::Invalid { what: format!("reading the host's {path}"), reason: error.to_string() })
        }
    }
}

fn namespaces(isolation: &request::IsolationRequest, place: &Place<'_>) -> NamespaceChoice {
    let user = match &isolation.userns_host {
        Some(danger) => Wall::Down(danger.clone()),
        None => Wall::Up(place.standing.range(place.slot)),
    };
    NamespaceChoice {
        user,
        pid: wall(isolation.pid_host.as_ref()),
        ipc: wall(isolation.ipc_host.as_ref()),
        uts: wall(isolation.uts_host.as_ref()),
        cgroup: wall(isolation.cgroupns_host.as_ref()),
        network: wall(isolation.network_host.as_ref()),
        time: wall(isolation.time_host.as_ref()),
    }
}

impl Standing {
    /// The ids of the container in `slot`.
    fn range(&self, slot: u32) -> IdRange {
        match self {
            Self::Root => IdRange { first: FIRST_ID + slot * RANGE, count: RANGE, files: FileOwners::Mapped },
            // The person's own ids were mapped when the engine entered its user namespace.
            Self::Rootless { count, .. } => IdRange { first: 0, count: *count, files: FileOwners::Outer },
        }
    }
}

pub(crate) fn resources(request: &RunRequest, hierarchy: &Hierarchy) -> Result<Resources> {
    let mut resources = request.limits.resources.clone();
    limits::fill_in(&mut resources, &request.limits, hierarchy)?;
    Ok(resources)
}

fn capabilities(isolation: &request::IsolationRequest) -> Caps {
    let named =
        |name: &str| if name == "ALL" { Caps::all() } else { Caps::named(name).unwrap_or(Caps::EMPTY) };
    if isolation.privileged.is_some() {
        return Caps::all();
    }
    let start = if isolation.cap_drop.iter().any(|name| name == "ALL") {
        Caps::EMPTY
    } else {
        runtime::policy::default_capabilities()
    };
    let added = isolation.cap_add.iter().fold(start, |set, (name, _)| set.with(named(name)));
    isolation.cap_drop.iter().filter(|name| *name != "ALL").fold(added, |set, name| set.without(named(name)))
}

fn c_strings(texts: Vec<String>) -> Result<Vec<CString>> {
    texts
        .into_iter()
        .map(|text| {
            CString::new(text).map_err(|error| Error::Invalid {
                what: "an argument or variable".into(),
                reason: format!("it has a zero byte at position {}", error.nul_position()),
            })
        })
        .collect()
}

/// The first host id of the first container. From here to 2^31 no distribution or systemd hands ids
/// out (systemd, UIDS-GIDS.md: 1879048192 to 2147483647 are unused).
pub(crate) const FIRST_ID: u32 = 0x7000_0000;
/// Ids of one container.
pub(crate) const RANGE: u32 = 65_536;
/// Docker's default for `/dev/shm`.
const DEFAULT_SHM: u64 = 64 << 20;
/// Docker's default.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Name, soft, hard. Programs that need more files raise the soft limit themselves; a core dump would
/// write the container's memory where the host's core_pattern says.
const DEFAULT_RLIMITS: [(&str, u64, u64); 2] = [("nofile", 1024, HARD_LIMITS[0].1), ("core", 0, 0)];
/// What a default container's hard limits are at most.
pub(crate) const HARD_LIMITS: [(&str, u64); 2] = [("nofile", 524_288), ("core", 0)];
