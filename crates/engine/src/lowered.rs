// SPDX-License-Identifier: Apache-2.0
//! Which walls a request lowers, by the names that `walls` and the drill use.

use crate::prepare::HARD_LIMITS;
use runtime::seccomp::ForeignAbi;

use crate::admit::Admitted;
use crate::apparmor::UNCONFINED;
use crate::request::{RunRequest, SeccompRequest};

/// Pairs of a wall's name and the words that lower it.
pub(crate) fn walls(request: &RunRequest) -> Vec<(String, String)> {
    let isolation = &request.isolation;
    let mut lowered = Vec::new();
    let mut note = |wall: &str, reason: &str| lowered.push((wall.to_owned(), reason.to_owned()));
    if let Some(danger) = &isolation.privileged {
        for wall in PRIVILEGED {
            note(wall, danger.reason());
        }
    }
    for (wall, danger) in [
        ("user", &isolation.userns_host),
        ("namespaces", &isolation.pid_host),
        ("namespaces", &isolation.ipc_host),
        ("namespaces", &isolation.uts_host),
        ("namespaces", &isolation.cgroupns_host),
        ("namespaces", &isolation.network_host),
        ("landlock", &isolation.landlock_off),
        ("no_new_privs", &isolation.new_privileges),
        ("masks", &isolation.unmasked),
        ("view", &isolation.view_host),
        ("namespaces", &isolation.time_host),
    ] {
        if let Some(danger) = danger {
            note(wall, danger.reason());
        }
    }
    for (_, danger) in &isolation.cap_add {
        note("capabilities", danger.reason());
    }
    for opened in crate::filter::opened(isolation) {
        note("seccomp", &opened);
    }
    if let SeccompRequest::Off(danger) = &isolation.seccomp {
        note("seccomp", danger.reason());
    }
    if let SeccompRequest::Profile { path, .. } = &isolation.seccomp {
        note("seccomp", &format!("--security-opt seccomp={}", path.display()));
    }
    for device in &request.files.devices {
        note("devices", &format!("--device {}", device.source.display()));
    }
    for limit in &request.process.ulimits {
        let most = HARD_LIMITS.iter().find(|(name, _)| *name == limit.name).map(|(_, most)| *most);
        let beyond = most.is_some_and(|most| limit.hard.is_none_or(|hard| hard > most));
        if beyond {
            let hard = limit.hard.map_or("unlimited".to_owned(), |hard| hard.to_string());
            note("rlimits", &format!("--ulimit {}={hard}", limit.name));
        }
    }
    if isolation.apparmor.as_deref() == Some(UNCONFINED) {
        note("label", "--security-opt apparmor=unconfined");
    }
    for danger in &request.limits.unbounded {
        note("cgroup", danger.reason());
    }
    lowered
}

/// What the image asks for by being for another machine.
pub(crate) fn by_image(admitted: &Admitted) -> Option<(String, String)> {
    let words = format!("an image for {} (opens the 32-bit ABI)", admitted.image().config.architecture);
    (admitted.foreign_abi() == ForeignAbi::Allowed).then(|| ("seccomp".to_owned(), words))
}

/// Paths of the host that were mounted although they give power over it.
pub(crate) fn by_mounts(dangers: &[String]) -> Vec<(String, String)> {
    dangers.iter().map(|words| ("mounts".to_owned(), words.clone())).collect()
}

/// What `--privileged` takes down.
const PRIVILEGED: [&str; 7] =
    ["capabilities", "seccomp", "landlock", "no_new_privs", "masks", "devices", "label"];
