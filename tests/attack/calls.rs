// SPDX-License-Identifier: Apache-2.0
//! Entries to the kernel that the escapes of 2017 to 2026 went through. The bugs themselves are never
//! triggered: what is asserted is that the entry is shut.

use std::collections::BTreeSet;

use tests::Sandbox;

use crate::hostile::{INSIDE, answers, attack, helper_mount, open};

/// CVE-2018-18955, 2022-0185, 2022-2588, 2023-0386, 2024-1086, 2026-31431 (Copy Fail), 2026-43284 (Dirty
/// Frag), 2026-53362 and their kin. What is open without the filter, as far as this kernel has it, is shut
/// by it. Fails without: `filter_system_calls` in confine.rs.
#[test]
fn the_filter_shuts_what_is_open_without_it() {
    let sandbox = Sandbox::minimal();
    let unfiltered = "--userns host --security-opt seccomp=unconfined --security-opt landlock=off";
    let without: BTreeSet<String> =
        open(&attack(&sandbox, unfiltered, &["calls"]).ok()).into_iter().collect();
    let attempts = ["unshare-user", "keyctl", "io_uring", "userfaultfd", "vmsplice", "netlink-xfrm"];
    for name in attempts {
        assert!(without.contains(name), "{name} proves nothing here: {without:?}");
    }
    let said = attack(&sandbox, "--userns host --security-opt landlock=off", &["calls"]).ok();
    assert_eq!(open(&said), ["waitid"], "waitid stays: every shell needs it (CVE-2017-5123 is the kernel's)");
}

/// CVE-2026-31431 went past seccomp by the 32-bit socketcall. Fails without: the foreign ABIs in
/// seccomp/assemble.rs.
#[test]
fn there_is_no_foreign_abi() {
    let sandbox = Sandbox::minimal();
    let said = answers(&attack(&sandbox, "", &["calls"]).ok());
    for name in ["i386-alg", "i386-vsock", "i386-unix", "i386-getpid", "x32-getpid"] {
        assert_eq!(said[name], "ENOSYS", "{name}");
    }
}

/// A namespace of one's own, or a packet socket, is out of reach without the filter as well when the
/// capability is not there. Fails without: `limit_bounding` and `set_exactly` in confine.rs.
#[test]
fn without_the_filter_capabilities_hold() {
    let sandbox = Sandbox::minimal();
    let said = attack(&sandbox, "--userns host --security-opt seccomp=unconfined", &["calls"]).ok();
    let said = answers(&said);
    for name in ["af-packet", "raw-icmp", "bpf", "fsopen", "mount", "iptables"] {
        if let Some(answer) = said.get(name) {
            assert_ne!(answer, "open", "{name}");
        }
    }
}

/// Keyrings know no namespaces. Fails without: `new_session` in confine.rs, `leave_session`. The filter is
/// off, so that the helper may ask.
#[test]
fn the_session_keyring_is_the_containers_own() {
    let sandbox = Sandbox::minimal();
    let outside = std::process::Command::new(tests::helper("attack-inside")).arg("keyring").output().unwrap();
    let outside = String::from_utf8(outside.stdout).unwrap();
    let inside = attack(&sandbox, "--userns host --security-opt seccomp=unconfined", &["keyring"]).ok();
    assert!(inside.parse::<u32>().is_ok(), "{inside}");
    assert_ne!(inside, outside.trim());
    assert_eq!(attack(&sandbox, "", &["keyring"]).ok(), "EPERM");
}

/// Another process of the container's own is out of reach. Fails without: the refusals of ptrace and its
/// kin in policies/seccomp.toml.
#[test]
fn a_neighbour_in_the_container_cannot_be_traced() {
    let sandbox = Sandbox::minimal();
    let script = format!("sleep 60 & {INSIDE} process $!");
    let mount = helper_mount();
    let said = sandbox.sh(&format!("-v {mount}"), &script).ok();
    let said = answers(&said);
    for name in ["attach", "vm_readv", "getfd"] {
        assert_eq!(said[name], "EPERM", "{name}");
    }
}
