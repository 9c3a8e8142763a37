// SPDX-License-Identifier: Apache-2.0
//! A kernel that lacks some of what newer ones have: what stands in for it, and what is told.

use std::fs::read_to_string;

use tests::Sandbox;

use crate::{WAIT, end, start, walls};

/// overlayfs takes layers by descriptor since Linux 6.13; before, they are joined by name.
#[test]
fn layers_are_joined_and_no_path_of_the_host_shows() {
    let sandbox = Sandbox::minimal();
    let mounts = sandbox.sh("", "echo new > /etc/new; rm /etc/group; ls /etc; cat /proc/self/mountinfo").ok();
    assert!(mounts.contains("\nnew\n") && !mounts.contains("\ngroup\n"), "{mounts}");
    assert!(mounts.contains(" - overlay "), "{mounts}");
    assert!(!mounts.contains("bulkhead") && !mounts.contains("/var/"), "{mounts}");
    // The next container sees nothing of it.
    assert!(sandbox.sh("", "ls /etc").ok().contains("group"));
}

#[test]
fn joining_layers_leaves_no_mount_on_the_host() {
    let sandbox = Sandbox::minimal();
    let call = start(&sandbox, "", WAIT);
    let table = format!("/proc/{}/mounts", call.pid());
    for table in ["/proc/self/mounts", &table] {
        let mounts = read_to_string(table).unwrap();
        assert!(!mounts.contains(sandbox.root().to_str().unwrap()), "{table}: {mounts}");
    }
    end(call, &sandbox);
}

/// execve(2) enters a time namespace since Linux 6.3.
#[test]
fn clocks_start_with_the_container() {
    let before = read_to_string("/proc/uptime").unwrap();
    let before: f64 = before.split(' ').next().unwrap().parse().unwrap();
    let sandbox = Sandbox::minimal();
    let script = "cut -d ' ' -f 1 /proc/uptime; readlink /proc/self/ns/time";
    let told = sandbox.sh("", script).ok();
    let (uptime, namespace) = told.split_once('\n').unwrap();
    assert!(uptime.parse::<f64>().unwrap() < before, "{uptime} in the container, {before} before it");
    assert_ne!(namespace, std::fs::read_link("/proc/self/ns/time").unwrap().to_str().unwrap());
}

/// What a kernel lacks is no wall that somebody lowered.
#[test]
fn no_wall_is_lowered_without_being_asked() {
    let sandbox = Sandbox::minimal();
    let call = start(&sandbox, "", WAIT);
    let walls = walls(&sandbox);
    end(call, &sandbox);
    let lowered: Vec<_> = walls.iter().filter(|row| row["state"] == "lowered").collect();
    assert!(lowered.is_empty(), "{lowered:#?}");
}
