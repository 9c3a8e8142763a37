// SPDX-License-Identifier: Apache-2.0
//! How each wall is taken down for a moment, in a container to be thrown away.

use ::drill::Wall;
use kernel::rustix::process::{Resource, getrlimit};

use crate::Standing;
use crate::apparmor::UNCONFINED;
use crate::request::{Danger, RootAccess, RunRequest, SeccompRequest, Ulimit};

/// A wall, and how to take it down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lift {
    pub(super) wall: Wall,
    apply: fn(&mut RunRequest),
}

/// The walls that this engine can take down from the container of `base`, which runs as `user`.
pub(super) fn available(standing: &Standing, base: &RunRequest, user: &str) -> Vec<Lift> {
    let mut lifts = LIFTS.to_vec();
    if let Standing::Rootless { .. } = standing {
        // The host's user namespace is out of reach, and with it what belongs to its owner: a fresh proc is
        // mounted only by the owner of its pid namespace, sysfs by that of its network namespace.
        let lasting = [Wall::User, Wall::PidNamespace, Wall::NetworkNamespace];
        lifts.retain(|lift| !lasting.contains(&lift.wall));
    }
    if !is_root(user) {
        lifts.push(Lift {
            wall: Wall::OrdinaryUser,
            apply: |request| request.process.user = Some("0".into()),
        });
    }
    if crate::apparmor::is_here() {
        let unconfined = |request: &mut RunRequest| request.isolation.apparmor = Some(UNCONFINED.into());
        lifts.push(Lift { wall: Wall::Label, apply: unconfined });
    }
    if base.files.root == RootAccess::ReadOnly {
        let writable = |request: &mut RunRequest| request.files.root = RootAccess::ReadWrite;
        lifts.push(Lift { wall: Wall::ReadOnly, apply: writable });
    }
    lifts
}

/// `request` with the walls of `lifts` taken down.
pub(super) fn without<'a>(request: &RunRequest, lifts: impl IntoIterator<Item = &'a Lift>) -> RunRequest {
    let mut request = request.clone();
    for lift in lifts {
        (lift.apply)(&mut request);
    }
    request
}

fn is_root(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default();
    matches!(name, "" | "0" | "root")
}

fn danger() -> Option<Danger> {
    Some(Danger::asked_by(DRILL))
}

const LIFTS: [Lift; 17] = [
    Lift { wall: Wall::User, apply: |request| request.isolation.userns_host = danger() },
    Lift {
        wall: Wall::Capabilities,
        apply: |request| {
            request.isolation.cap_add = vec![("ALL".into(), Danger::asked_by(DRILL))];
            request.isolation.cap_drop.clear();
        },
    },
    Lift {
        wall: Wall::Seccomp,
        apply: |request| request.isolation.seccomp = SeccompRequest::Off(Danger::asked_by(DRILL)),
    },
    Lift { wall: Wall::Landlock, apply: |request| request.isolation.landlock_off = danger() },
    Lift { wall: Wall::NoNewPrivs, apply: |request| request.isolation.new_privileges = danger() },
    Lift { wall: Wall::Masks, apply: |request| request.isolation.unmasked = danger() },
    Lift { wall: Wall::View, apply: |request| request.isolation.view_host = danger() },
    Lift { wall: Wall::Devices, apply: |request| request.isolation.all_devices = danger() },
    Lift { wall: Wall::Mounts, apply: |request| request.isolation.loose_mounts = danger() },
    Lift { wall: Wall::Cgroup, apply: no_bounds },
    Lift { wall: Wall::Rlimits, apply: the_hosts_rlimits },
    Lift { wall: Wall::PidNamespace, apply: |request| request.isolation.pid_host = danger() },
    Lift { wall: Wall::IpcNamespace, apply: |request| request.isolation.ipc_host = danger() },
    Lift { wall: Wall::UtsNamespace, apply: |request| request.isolation.uts_host = danger() },
    Lift { wall: Wall::CgroupNamespace, apply: |request| request.isolation.cgroupns_host = danger() },
    Lift { wall: Wall::NetworkNamespace, apply: |request| request.isolation.network_host = danger() },
    Lift { wall: Wall::TimeNamespace, apply: |request| request.isolation.time_host = danger() },
];

fn no_bounds(request: &mut RunRequest) {
    let limits = &mut request.limits;
    limits.resources = Default::default();
    limits.unbounded =
        ["memory", "pids"].map(|bound| Danger::asked_by(format!("{DRILL}: no {bound} bound"))).into();
}

/// What this process has is what a program would have without a container.
fn the_hosts_rlimits(request: &mut RunRequest) {
    request.process.ulimits = [("nofile", Resource::Nofile), ("core", Resource::Core)]
        .map(|(name, resource)| {
            let limit = getrlimit(resource);
            Ulimit { name: name.to_owned(), soft: limit.current, hard: limit.maximum }
        })
        .into();
}

const DRILL: &str = "bulkhead drill";
