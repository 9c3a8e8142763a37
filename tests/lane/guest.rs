// SPDX-License-Identifier: Apache-2.0
//! The guest is what the other tests take it for.

use std::fs::read_to_string;

#[test]
fn cgroup_v2_is_alone_and_has_every_controller() {
    let mounts = read_to_string("/proc/mounts").unwrap();
    let kinds: Vec<_> = mounts.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert!(!kinds.contains(&"cgroup"), "{mounts}");
    let controllers = read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap();
    for name in ["cpuset", "cpu", "io", "memory", "pids"] {
        assert!(controllers.split_whitespace().any(|found| found == name), "{name} is not in {controllers}");
    }
}

#[test]
fn apparmor_is_enabled() {
    assert_eq!(read_to_string("/sys/module/apparmor/parameters/enabled").unwrap().trim(), "Y");
    assert!(read_to_string("/sys/kernel/security/lsm").unwrap().contains("apparmor"));
}
