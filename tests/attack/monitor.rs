// SPDX-License-Identifier: Apache-2.0
//! The process that stays outside, as seen by a container that may see all processes.

use tests::Sandbox;

use crate::hostile::{Running, answers, attack};

/// Root inside is root outside, and all processes are in sight. Fails without: `set_identity` in
/// confine.rs: the kernel lets nobody look into a process that holds more capabilities.
#[test]
fn it_holds_more_capabilities() {
    let sandbox = Sandbox::minimal();
    let monitor = running(&sandbox);
    let flags = "--pid host --userns host --security-opt seccomp=unconfined --security-opt landlock=off";
    assert_shut(&sandbox, flags, &monitor);
}

/// The same with every capability. Fails without: `restrict_files` in confine.rs: a Landlock domain cannot
/// trace what is outside.
#[test]
fn it_is_outside_the_landlock_domain() {
    let sandbox = Sandbox::minimal();
    let monitor = running(&sandbox);
    let flags = "--pid host --userns host --security-opt seccomp=unconfined --cap-add ALL";
    assert_shut(&sandbox, flags, &monitor);
}

/// A signal does not reach it. Fails without: the ids of the container's own (`namespaces` in launch.rs).
#[test]
fn it_cannot_be_signalled() {
    let sandbox = Sandbox::minimal();
    let monitor = running(&sandbox);
    let flags = "--pid host --security-opt landlock=off --security-opt seccomp=unconfined";
    let told = sandbox.sh(flags, &format!("kill -9 {}", monitor.pid())).fails(1);
    assert!(told.contains("not permitted"), "{told}");
}

fn running(sandbox: &Sandbox) -> Running<'_> {
    Running::start(sandbox, sandbox.sh("", "echo ready; sleep 300"), "ready")
}

fn assert_shut(sandbox: &Sandbox, flags: &str, monitor: &Running<'_>) {
    let said = answers(&attack(sandbox, flags, &["process", &monitor.pid().to_string()]).ok());
    // The kernel lets CAP_PERFMON read maps, auxv and environ, whatever Landlock says.
    for name in ["attach", "vm_readv", "getfd", "mem", "exe", "exe-write", "root", "cwd", "fd/0", "ns/mnt"] {
        assert_ne!(said[name], "open", "{name}");
    }
}
