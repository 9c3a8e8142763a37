// SPDX-License-Identifier: Apache-2.0
//! AppArmor profiles around containers, enforced by the kernel.

use std::process::Command;

use tests::Sandbox;

use crate::{WAIT, end, start, wall};

/// Loads a profile into the kernel; it stays there until the guest is switched off.
fn load(sandbox: &Sandbox, name: &str, rules: &str) {
    let text = format!("profile {name} flags=(attach_disconnected) {{\n{rules}\n}}\n");
    let file = sandbox.write(name, text);
    let output = Command::new("apparmor_parser").arg("--add").arg("--skip-cache").arg(file).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_profile_refuses_what_it_denies() {
    let sandbox = Sandbox::minimal();
    load(&sandbox, "lane-passwd", "  file,\n  capability,\n  deny /etc/passwd r,");
    let script = "cat /proc/self/attr/current /etc/group; cat /etc/passwd";
    let ended = sandbox.sh("--security-opt apparmor=lane-passwd", script).ended();
    assert!(ended.out.starts_with("lane-passwd (enforce)\n"), "{ended}");
    assert!(ended.out.contains("root:x:0:") && !ended.out.contains("/bin/sh"), "{ended}");
    assert!(ended.err.contains("'/etc/passwd': Permission denied"), "{ended}");
    // Without the profile nothing else refuses it.
    assert!(sandbox.sh("", "cat /etc/passwd").ok().contains("/bin/sh"));
}

#[test]
fn a_profile_holds_for_an_ordinary_users_container() {
    let sandbox = Sandbox::rootless(tests::Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    load(&sandbox, "lane-group", "  file,\n  capability,\n  deny /etc/group r,");
    let ended = sandbox
        .sh("--security-opt apparmor=lane-group", "cat /proc/self/attr/current; cat /etc/group")
        .ended();
    assert!(ended.out.contains("lane-group (enforce)"), "{ended}");
    assert!(ended.err.contains("'/etc/group': Permission denied"), "{ended}");
}

#[test]
fn an_unknown_profile_is_an_error_that_names_it() {
    let sandbox = Sandbox::minimal();
    let error = sandbox.sh("--security-opt apparmor=no-such-profile", "echo ran").fails(125);
    assert!(error.contains("no-such-profile"), "{error}");
    assert!(sandbox.containers().is_empty());
}

#[test]
fn walls_tell_the_profile() {
    let sandbox = Sandbox::minimal();
    load(&sandbox, "lane-walls", "  file,\n  capability,\n  signal,");
    for (flags, state, evidence) in [
        ("--security-opt apparmor=lane-walls", "up", "lane-walls (enforce)"),
        ("", "up", "bulkhead-default."),
        ("--security-opt apparmor=unconfined", "lowered", "unconfined"),
    ] {
        let call = start(&sandbox, flags, WAIT);
        let row = wall(&sandbox, "label");
        assert_eq!(row["state"], state, "{row}");
        assert!(row["evidence"].as_str().unwrap().contains(evidence), "{row}");
        end(call, &sandbox);
    }
}

/// The default profile is loaded without being asked for, and is a wall of its own: where all the others that
/// stand in a mount's way are down, it still refuses.
#[test]
fn the_default_profile_refuses_what_other_walls_no_longer_do() {
    let sandbox = Sandbox::minimal();
    let label = sandbox.sh("", "cat /proc/self/attr/current").ok();
    assert!(label.starts_with("bulkhead-default.") && label.ends_with(" (enforce)"), "{label}");
    let down = "--cap-add SYS_ADMIN --security-opt landlock=off --security-opt seccomp=unconfined";
    let script = "mkdir /m; mount -t tmpfs none /m && echo mounted; \
                  mount -o remount,rw /sys && echo writable; true";
    let ended = sandbox.sh(down, script).ended();
    assert!(ended.code == 0 && ended.out.is_empty(), "{ended}");
    assert!(ended.err.contains("Permission denied"), "{ended}");
    let unconfined = sandbox.sh(&format!("{down} --security-opt apparmor=unconfined"), script).ended();
    assert!(unconfined.out.contains("mounted"), "{unconfined}");
}

/// Ordinary programs notice nothing: signals, sockets, each other's /proc.
#[test]
fn the_default_profile_lets_a_container_live() {
    let sandbox = Sandbox::minimal();
    let script = "sleep 1000 & kill -TERM $!; wait $!; echo $?; cat /proc/1/comm; \
                  httpd -p 127.0.0.1:7000 -h /etc; wget -qO- http://127.0.0.1:7000/hostname";
    assert_eq!(sandbox.sh("--hostname here", script).ok(), "143\nsh\nhere");
}

#[test]
fn a_privileged_container_is_unconfined() {
    let sandbox = Sandbox::minimal();
    assert_eq!(sandbox.sh("--privileged", "cat /proc/self/attr/current").ok(), "unconfined");
}

/// An ordinary user's container enters what root's has loaded.
#[test]
fn the_default_profile_holds_for_an_ordinary_users_container() {
    let root = Sandbox::minimal();
    root.sh("", "true").ok();
    let sandbox = Sandbox::rootless(tests::Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    let label = sandbox.sh("", "cat /proc/self/attr/current").ok();
    assert!(label.starts_with("bulkhead-default.") && label.ends_with(" (enforce)"), "{label}");
}
