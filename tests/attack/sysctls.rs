// SPDX-License-Identifier: Apache-2.0
//! Kernel settings (CVE-2022-0811, CVE-2025-52881).

use tests::Sandbox;

use crate::hostile;

/// Fails without: `sysctls` in engine/prepare.rs.
#[test]
fn only_namespaced_settings_with_plain_values() {
    let sandbox = Sandbox::minimal();
    let before = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    for setting in [
        "kernel.core_pattern=|/evil",
        "kernel.modprobe=/evil",
        "vm.panic_on_oom=1",
        "fs.suid_dumpable=2",
        "kernel.shm_rmid_forced=1+kernel.core_pattern=|/evil",
        "kernel.shm_rmid_forced=1\nkernel.core_pattern=|/evil",
        "net.ipv4.ip_forward=1=1",
        "net/../kernel.core_pattern=|/evil",
        "net.ipv4.../kernel=1",
        "net.=1",
    ] {
        let ended =
            sandbox.call(["run", "--rm", "--userns", "host", "--sysctl", setting, "minimal", "true"]).ended();
        assert_eq!(ended.code, 125, "{setting}: {ended}");
    }
    // With the host's namespace it would be the host's setting.
    let shared = "--network host --sysctl net.ipv4.ip_forward=1";
    sandbox.sh(shared, "true").fails(125);
    let shared = "--ipc host --sysctl kernel.shmmax=1";
    sandbox.sh(shared, "true").fails(125);
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap(), before);
}

/// A /proc of the image's own takes no write meant for the kernel. Fails without: the proc file system of
/// our own by which `write_sysctl` of mounts.rs writes.
#[test]
fn a_false_proc_takes_no_setting() {
    let sandbox = Sandbox::new();
    hostile::image(&sandbox, "minimal", |tree| {
        let folder = tree.join("proc/sys/net/ipv4");
        std::fs::create_dir_all(&folder).unwrap();
        hostile::link(&folder, "ip_forward", "/false");
        std::fs::write(tree.join("false"), "false\n").unwrap();
    });
    let said = sandbox.sh("--sysctl net.ipv4.ip_forward=1", "cat /proc/sys/net/ipv4/ip_forward /false").ok();
    assert_eq!(said, "1\nfalse");
}
