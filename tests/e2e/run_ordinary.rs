// SPDX-License-Identifier: Apache-2.0
//! `run` by an ordinary user: flags whose meaning is another one for them.

use tests::{Ids, Sandbox};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    sandbox
}

#[test]
fn the_hosts_network_and_name_are_everybodys() {
    let sandbox = sandbox();
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let ours = std::fs::read_dir("/sys/class/net").unwrap().count();
    // Everything that is mounted below the host's /sys comes along, and cannot be written.
    let script = "hostname; ls /sys/class/net | wc -l; grep ' /sys' /proc/mounts | grep -vc ' ro,'; ls /sys/fs/cgroup | wc -l";
    let ended = sandbox.sh("--network host", script).ended();
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[..3], [host.trim(), &ours.to_string(), "0"], "{ended}");
    assert_eq!(sandbox.sh("--uts host", "hostname").ok(), host.trim());
}

#[test]
fn the_hosts_ids_are_not_theirs_to_give() {
    let sandbox = sandbox();
    let error = sandbox.sh("--userns host", "true").fails(125);
    assert!(error.contains("--userns host: an ordinary user has none of the host's ids to give"), "{error}");
    let error = sandbox.sh("-u 70000", "true").fails(125);
    assert!(
        error.contains("user id 70000: the container has the ids 0 to 65535") && !error.contains("--userns"),
        "{error}"
    );
    assert_eq!(
        sandbox.sh("-u user --group-add 44", "id -u; grep Groups: /proc/self/status | cut -f 2").ok(),
        "1000\n44 1000 2000"
    );
}

#[test]
fn their_files_are_theirs_inside_and_out() {
    use std::os::unix::fs::MetadataExt as _;
    let sandbox = sandbox();
    let folder = sandbox.file("home/shared");
    let flags = format!("-v {}:/m", folder.display());
    assert_eq!(sandbox.sh(&flags, "stat -c %u:%g /m; touch /m/made").ok(), "0:0");
    let (folder, made) = (folder.metadata().unwrap(), folder.join("made").metadata().unwrap());
    assert_eq!((folder.uid(), made.uid()), (4242, 4242));
    // What they may not write outside, they may not write inside.
    let refused = sandbox.sh("-v /etc:/m", "touch /m/x 2>/dev/null || echo refused; stat -c %u /m");
    assert_eq!(refused.ok(), "refused\n65534");
    let error = sandbox.sh("-v /etc/made-by-nobody:/m", "true").fails(125);
    assert!(error.contains("making the mount source /etc/made-by-nobody"), "{error}");
}

#[test]
fn terminals_inits_and_read_only_roots() {
    let sandbox = sandbox();
    assert_eq!(sandbox.sh("-t --init", "tty; echo $$").ok().replace('\r', ""), "/dev/pts/0\n2");
    assert_eq!(
        sandbox.sh("--read-only --tmpfs /t:uid=1000,mode=700 -w /made -u user", "touch /t/x && pwd").ok(),
        "/made"
    );
    assert_eq!(sandbox.sh("-i", "cat").input("through").ok(), "through");
    assert_eq!(sandbox.sh("", "exit 9").fails(9).matches("error").count(), 0);
}
