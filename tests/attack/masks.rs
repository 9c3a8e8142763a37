// SPDX-License-Identifier: Apache-2.0
//! Files of the kernel that are hidden or read-only (CVE-2015-3630, CVE-2017-16539, CVE-2018-10892,
//! CVE-2025-31133). Root inside is root outside in these tests, so that only the masks are in the way.

use tests::Sandbox;

use crate::hostile::{self, INSIDE, helper_mount, open};

/// Fails without: `hide` in mounts.rs.
#[test]
fn hidden_files_say_nothing() {
    let sandbox = Sandbox::minimal();
    let script = format!(
        "for path in {}; do \
           [ -d $path ] && set -- $(ls $path) || set -- $(head -c 64 $path 2>/dev/null | tr '\\0' x); \
           [ $# -eq 0 ] || echo $path says \"$@\"; \
         done",
        HIDDEN.join(" ")
    );
    assert_eq!(sandbox.sh("--userns host", &script).ok(), "");
    let unmasked = sandbox.sh("--userns host --security-opt systempaths=unconfined", &script).ok();
    for path in ["/proc/timer_list", "/proc/iomem", "/proc/interrupts", "/sys/kernel/slab"] {
        if std::path::Path::new(path).exists() {
            assert!(unmasked.contains(path), "{path} proves nothing here");
        }
    }
}

/// CVE-2025-31133: what covers them is the engine's own, the same for all, and no device of the image's.
/// Fails without: the staging area's files in `hide`.
#[test]
fn the_covers_are_the_engines() {
    let sandbox = Sandbox::new();
    hostile::image(&sandbox, "minimal", |tree| hostile::link(tree, "dev/null", "/etc/passwd"));
    let script = "stat -c '%F %s' /proc/keys /proc/timer_list; stat -c %d:%i /proc/keys /proc/timer_list | uniq | wc -l";
    let said = sandbox.sh("--userns host", script).ok();
    assert_eq!(said, "regular empty file 0\nregular empty file 0\n1");
}

/// Nothing can be put there either. Fails without: `set(…, RDONLY)` in `hide`: the container's root would
/// own the covers.
#[test]
fn the_covers_cannot_be_written() {
    let sandbox = Sandbox::minimal();
    let flags = format!("--userns host -v {}", helper_mount());
    let script = format!(
        "{INSIDE} writable {}; for path in {}; do [ ! -d $path ] || ! touch $path/x 2>/dev/null || echo $path open; done",
        HIDDEN.join(" "),
        HIDDEN.join(" ")
    );
    assert_eq!(open(&sandbox.sh(&flags, &script).ok()), [""; 0]);
}

/// Row 128: host programs named by a writable file. Opened for writing, never written. Fails without:
/// `ReadOnly("/proc/sys")` of policies/paths.toml, `sysfs_access` in plan.rs.
#[test]
fn settings_of_the_host_cannot_be_opened_for_writing() {
    let sandbox = Sandbox::minimal();
    let flags = format!("--userns host -v {}", helper_mount());
    let find = "find /proc/sys /sys -type f -perm -200 2>/dev/null";
    let script =
        format!("{find} | head -n 4000 | xargs {INSIDE} writable; {INSIDE} writable {}", WRITABLE.join(" "));
    assert_eq!(open(&sandbox.sh(&flags, &script).ok()), [""; 0]);
    let unmasked = format!("{flags} --security-opt systempaths=unconfined");
    assert!(!open(&sandbox.sh(&unmasked, &script).ok()).is_empty(), "nothing is proved here");
}

/// A mask can be taken off by nobody inside. Fails without: `restrict_files` in confine.rs. Every
/// capability is given and the filter is off; only Landlock forbids to change mounts.
#[test]
fn masks_stay_on() {
    let sandbox = Sandbox::minimal();
    let script = "umount /proc/keys 2>/dev/null && echo off; umount -l /proc/sys 2>/dev/null && echo off; \
                  mount -o remount,rw,bind /proc/sys 2>/dev/null && echo rw; \
                  mount -t proc proc /home 2>/dev/null && echo new; true";
    let flags = "--cap-add ALL --security-opt seccomp=unconfined";
    assert_eq!(sandbox.sh(flags, script).ok(), "");
    let without = format!("{flags} --security-opt landlock=off");
    assert!(sandbox.sh(&without, script).ok().contains("off"));
}

const HIDDEN: &[&str] = &[
    "/proc/acpi",
    "/proc/asound",
    "/proc/bus",
    "/proc/config.gz",
    "/proc/driver",
    "/proc/dynamic_debug",
    "/proc/fs",
    "/proc/iomem",
    "/proc/ioports",
    "/proc/irq",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/latency_stats",
    "/proc/modules",
    "/proc/mtrr",
    "/proc/pagetypeinfo",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/slabinfo",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/vmallocinfo",
    "/proc/zoneinfo",
    "/proc/interrupts",
    "/proc/softirqs",
    "/proc/locks",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    "/sys/devices/virtual/dmi",
    "/sys/kernel/debug",
    "/sys/kernel/tracing",
    "/sys/kernel/security",
    "/sys/kernel/slab",
    "/sys/block",
    "/sys/module",
    "/sys/bus",
];
const WRITABLE: &[&str] = &[
    "/proc/sys/kernel/core_pattern",
    "/proc/sys/kernel/modprobe",
    "/proc/sys/kernel/hotplug",
    "/proc/sysrq-trigger",
    "/proc/sys/fs/binfmt_misc/register",
    "/proc/sys/kernel/poweroff_cmd",
    "/sys/kernel/uevent_helper",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/vm/drop_caches",
    "/proc/irq/default_smp_affinity",
    "/proc/scsi/scsi",
];
