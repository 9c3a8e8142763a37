// SPDX-License-Identifier: Apache-2.0
//! Namespaces and the kernel's walls. Whatever takes one down is kept in the words that asked for it.

use std::path::PathBuf;

use clap::Args;
use engine::request::{Danger, IsolationRequest, SeccompRequest};

use super::{Surroundings, complaint};
use crate::failure::Failure;
use crate::flags::namespaces::{self, Namespace};
use crate::flags::security::{self, Seccomp, SecurityOpt};
use crate::flags::{capabilities, sysctls};

/// What separates the container from the host.
#[derive(Debug, Args)]
#[command(next_help_heading = "Walls")]
#[group(id = "walls", multiple = true)]
pub(crate) struct Flags {
    /// Take every wall down: what runs inside has power over the host
    #[arg(long)]
    privileged: bool,
    /// Keep a capability, or ALL; may be given more than once
    #[arg(long, value_name = "CAPABILITY", value_parser = capabilities::parse)]
    cap_add: Vec<String>,
    /// Take a capability away, or ALL; may be given more than once
    #[arg(long, value_name = "CAPABILITY", value_parser = capabilities::parse)]
    cap_drop: Vec<String>,
    /// seccomp=FILE|unconfined, no-new-privileges=false, landlock=off, systempaths=unconfined,
    /// apparmor=PROFILE, view=host; may be given more than once
    #[arg(long, value_name = "NAME=VALUE", value_parser = security::parse)]
    security_opt: Vec<SecurityOpt>,
    /// A kernel setting that belongs to a namespace; may be given more than once
    #[arg(long, value_name = "NAME=VALUE", value_parser = sysctls::parse)]
    sysctl: Vec<(String, String)>,
    /// User ids: private, or host, where root inside is root outside
    #[arg(long, value_name = "MODE", value_parser = namespaces::parse)]
    userns: Option<Namespace>,
    /// Processes: private, or host, which shows those of the host
    #[arg(long, value_name = "MODE", value_parser = namespaces::parse)]
    pid: Option<Namespace>,
    /// Shared memory and message queues: private or host
    #[arg(long, value_name = "MODE", value_parser = namespaces::parse)]
    ipc: Option<Namespace>,
    /// Host name: private or host
    #[arg(long, value_name = "MODE", value_parser = namespaces::parse)]
    uts: Option<Namespace>,
    /// Cgroups: private or host
    #[arg(long, value_name = "MODE", value_parser = namespaces::parse)]
    cgroupns: Option<Namespace>,
    /// The network: none (the default), or the host's own
    #[arg(long, visible_alias = "net", value_name = "NETWORK", value_parser = namespaces::network)]
    network: Option<Namespace>,
}

impl Flags {
    pub(crate) fn request(self, around: &Surroundings<'_>) -> Result<IsolationRequest, Failure> {
        let mut request = IsolationRequest {
            privileged: self.privileged.then(|| Danger::asked_by("--privileged")),
            userns_host: host(self.userns, "--userns host"),
            pid_host: host(self.pid, "--pid host"),
            ipc_host: host(self.ipc, "--ipc host"),
            uts_host: host(self.uts, "--uts host"),
            cgroupns_host: host(self.cgroupns, "--cgroupns host"),
            network_host: host(self.network, "--network host"),
            cap_add: self.cap_add.into_iter().map(capability).collect(),
            cap_drop: self.cap_drop,
            sysctls: self.sysctl,
            ..IsolationRequest::default()
        };
        for option in self.security_opt {
            apply(&mut request, option, around)?;
        }
        Ok(request)
    }
}

fn host(namespace: Option<Namespace>, words: &str) -> Option<Danger> {
    match namespace {
        Some(Namespace::Host) => Some(Danger::asked_by(words)),
        Some(Namespace::Private) | None => None,
    }
}

fn capability(name: String) -> (String, Danger) {
    let danger = Danger::asked_by(format!("--cap-add {name}"));
    (name, danger)
}

/// One option; of several for the same wall the last one counts.
fn apply(
    request: &mut IsolationRequest,
    option: SecurityOpt,
    around: &Surroundings<'_>,
) -> Result<(), Failure> {
    let asked = |words: &str| Some(Danger::asked_by(format!("--security-opt {words}")));
    match option {
        SecurityOpt::Seccomp(which) => request.seccomp = seccomp(which, around)?,
        SecurityOpt::NoNewPrivileges(true) => request.new_privileges = None,
        SecurityOpt::NoNewPrivileges(false) => request.new_privileges = asked("no-new-privileges=false"),
        SecurityOpt::LandlockOff => request.landlock_off = asked("landlock=off"),
        SecurityOpt::Unmasked => request.unmasked = asked("systempaths=unconfined"),
        SecurityOpt::AppArmor(profile) => request.apparmor = Some(profile),
        SecurityOpt::HostView => {
            request.view_host = asked("view=host");
            request.time_host = asked("view=host");
        }
    }
    Ok(())
}

fn seccomp(which: Seccomp, around: &Surroundings<'_>) -> Result<SeccompRequest, Failure> {
    Ok(match which {
        Seccomp::BuiltIn => SeccompRequest::Default,
        Seccomp::Unconfined => SeccompRequest::Off(Danger::asked_by("--security-opt seccomp=unconfined")),
        Seccomp::File(path) => profile(around.here.join(path))?,
    })
}

/// The text of a profile; whether it is one is the engine's to say.
fn profile(path: PathBuf) -> Result<SeccompRequest, Failure> {
    match std::fs::read_to_string(&path) {
        Ok(json) => Ok(SeccompRequest::Profile { path, json }),
        Err(error) => {
            let what = format!("cannot read the seccomp profile {}: {error}", path.display());
            Err(complaint("--security-opt", &what))
        }
    }
}
