// SPDX-License-Identifier: Apache-2.0
//! Which walls a request lowers, by the names that `walls` and the drill use.

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
    ] {
        if let Some(danger) = danger {
            note(wall, danger.reason());
        }
    }
    for (_, danger) in &isolation.cap_add {
        note("capabilities", danger.reason());
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
    for danger in &request.limits.unbounded {
        note("cgroup", danger.reason());
    }
    lowered
}

/// What `--privileged` takes down.
const PRIVILEGED: [&str; 5] = ["capabilities", "seccomp", "landlock", "no_new_privs", "masks"];
