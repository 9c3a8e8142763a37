// SPDX-License-Identifier: Apache-2.0
//! Kernel settings (CVE-2022-0811, CVE-2025-52881).

use tests::Sandbox;

use crate::hostile;

/// Settings of the whole host, with the values that they have, so that a hole would do no harm. Fails
/// without: the list of namespaced settings in engine/prepare/sysctls.rs.
#[test]
fn settings_of_the_host_are_refused() {
    let sandbox = Sandbox::minimal();
    for name in ["kernel.core_pattern", "vm.panic_on_oom", "fs.suid_dumpable", "kernel.randomize_va_space"] {
        let path = format!("/proc/sys/{}", name.replace('.', "/"));
        let value = std::fs::read_to_string(path).unwrap();
        assert_refused(&sandbox, &["--userns", "host"], &format!("{name}={}", value.trim()));
    }
    // With the host's namespace these are the host's, too.
    let forwarding = std::fs::read_to_string("/proc/sys/net/ipv4/ip_forward").unwrap();
    let setting = format!("net.ipv4.ip_forward={}", forwarding.trim());
    assert_refused(&sandbox, &["--userns", "host", "--network", "host"], &setting);
    let forced = std::fs::read_to_string("/proc/sys/kernel/shm_rmid_forced").unwrap();
    let setting = format!("kernel.shm_rmid_forced={}", forced.trim());
    assert_refused(&sandbox, &["--userns", "host", "--ipc", "host"], &setting);
}

/// CVE-2022-0811: a second setting smuggled into the first. Fails without: the characters that
/// engine/prepare/sysctls.rs allows.
#[test]
fn no_setting_hides_in_another() {
    let sandbox = Sandbox::minimal();
    let before = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
    for value in ["1+kernel.core_pattern=|/x", "1\nkernel.core_pattern=|/x", "1=1", "1\r"] {
        assert_refused(&sandbox, &[], &format!("kernel.shm_rmid_forced={value}"));
        assert_refused(&sandbox, &[], &format!("net.ipv4.ip_forward={value}"));
    }
    for name in ["net/../kernel.core_pattern", "net.ipv4.../kernel", "net.", "net..ipv4", "net.ipv4/../x"] {
        assert_refused(&sandbox, &[], &format!("{name}=1"));
    }
    assert_eq!(std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap(), before);
}

/// By a sentence of ours, and not by the kernel when it was tried.
fn assert_refused(sandbox: &Sandbox, flags: &[&str], setting: &str) {
    let start = ["run", "--rm"].into_iter().chain(flags.iter().copied());
    let ended = sandbox.call(start.chain(["--sysctl", setting, "minimal", "true"])).ended();
    assert_eq!(ended.code, 125, "{ended}");
    assert!(!ended.err.contains("set the sysctl"), "{ended}");
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
