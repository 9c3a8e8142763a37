// SPDX-License-Identifier: Apache-2.0
//! Why an attempt stays open by default, and what closes it.

/// The reason for the attempt `id`, when it stays open by design.
pub(crate) fn reason(id: &str) -> Option<&'static str> {
    REASONS.iter().find(|(name, _)| *name == id).map(|(_, reason)| *reason)
}

const REASONS: &[(&str, &str)] = &[
    ("rootfs-write", "programs write where they are installed; --read-only closes it"),
    (
        "suid-make",
        "packages install such files; the bit is dead here (nosuid mounts, no_new_privs); --read-only or a user other than root closes it",
    ),
    (
        "setuid-any",
        "entrypoints drop from root to a service user, within the container's own ids; --user or --cap-drop SETUID closes it",
    ),
    (
        "lowport",
        "web servers bind port 80 as packaged, in a network of their own; --cap-drop NET_BIND_SERVICE closes it",
    ),
    ("wx-mmap", "just-in-time compilers (Java, Node, .NET) need it"),
    ("memfd-exec", "vm.memfd_noexec came with Linux 6.3, and only the host's root can set it"),
    ("mem-limit", "no bound is set: an ordinary user's engine has no cgroup, or none was asked for"),
    ("pids-limit", "no bound is set: an ordinary user's engine has no cgroup, or none was asked for"),
    ("r-sysinfo", "without a bound on memory the host's figure is the true one"),
    (
        "attr-exec",
        "the file cannot be covered for every process; without a label system it does nothing, and with one the label is set already",
    ),
    ("r-ncpu", "without --cpus the container may use every processor, and is told so"),
    ("cpu-limit", "an idle processor helps nobody, and shares are fair under load; --cpus bounds it"),
    ("disk-quota", "this file system has no quota for a directory; --read-only with --tmpfs bounds it"),
    ("listmount", "it lists the container's own mounts, as /proc/self/mountinfo does"),
    ("ns-net", "--network host was asked for"),
    ("sock-diag", "`ss` lists the container's own sockets with it"),
];
