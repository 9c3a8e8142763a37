// SPDX-License-Identifier: Apache-2.0
//! Cgroups: no way to the host's, none to the container's own bounds.

use tests::Sandbox;

use crate::hostile::{INSIDE, helper_mount, open};

/// CVE-2023-25809. Fails without: `RDONLY` in `Cgroup::views`. Root inside is root outside.
#[test]
fn no_cgroup_file_can_be_opened_for_writing() {
    let sandbox = Sandbox::minimal();
    let flags = format!("--userns host -m 64m -v {}", helper_mount());
    let script = format!("find /sys/fs/cgroup -type f | xargs {INSIDE} writable");
    let said = sandbox.sh(&flags, &script).ok();
    assert!(said.lines().count() > 20, "{said}");
    assert_eq!(open(&said), [""; 0]);
}

/// What is above is not even named. Fails without: `own_cgroup_namespace` in confine.rs.
#[test]
fn the_containers_cgroup_is_its_root() {
    let sandbox = Sandbox::minimal();
    let said = sandbox.sh("-m 64m", "cut -d: -f3 /proc/self/cgroup | sort -u; ls /sys/fs/cgroup/..").ok();
    // Hierarchies that bound nothing are not joined; of them the namespace shows the host's own place.
    assert!(!said.contains("bulkhead"), "{said}");
    assert!(said.starts_with('/'), "{said}");
}

/// CVE-2022-0492: a v1 hierarchy of one's own names a program that the host starts. Fails without:
/// `own_cgroup_namespace` and the user namespace together. Every capability is given, filter and Landlock
/// are off.
#[test]
fn there_is_no_release_agent() {
    let sandbox = Sandbox::minimal();
    let flags = format!(
        "--cap-add ALL --security-opt seccomp=unconfined --security-opt landlock=off -v {}",
        helper_mount()
    );
    let script = format!(
        "mkdir /x; for kind in memory pids rdma cpu freezer; do \
           mount -t cgroup -o $kind none /x 2>/dev/null || continue; \
           {INSIDE} writable /x/release_agent; umount /x; done; \
         mount -t cgroup -o none,name=attack none /x 2>/dev/null && {INSIDE} writable /x/release_agent; true"
    );
    assert_eq!(open(&sandbox.sh(&flags, &script).ok()), [""; 0]);
}

/// CVE-2024-3056: shared memory is memory. Fails without: the memory bound of the cgroup.
#[test]
fn shared_memory_counts() {
    let sandbox = Sandbox::minimal();
    let script = "dd if=/dev/zero of=/dev/shm/x bs=1M count=200 2>/dev/null; [ $? = 0 ] && echo filled";
    let ended = sandbox.sh("-m 32m --memory-swap 32m --shm-size 400m", script).ended();
    assert!(!ended.out.contains("filled"), "{ended}");
    assert!(sandbox.sh("-m 600m --memory-swap 600m --shm-size 400m", script).ok().contains("filled"));
}
