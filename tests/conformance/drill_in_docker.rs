// SPDX-License-Identifier: Apache-2.0
//! The drill's probes in other engines' containers: the proof that they are not lenient.
//!
//! What Docker's default leaves open is known, probe by probe (research/hardening.md, section 4.3). A
//! probe that says *stopped* there although Docker leaves the thing open would be a false claim here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use tests::{Docker, Podman, binary, image, skip};

#[test]
fn what_docker_leaves_open_is_open() {
    let Some(docker) = ready() else { return skip("docker.io is not installed") };
    let found = by_name(&docker_drill(&docker, &[]));
    let open = open(&found);
    let left_open: BTreeSet<&str> = OPEN.iter().copied().filter(|id| !NO_BRIDGE.contains(id)).collect();
    let lenient: Vec<_> = left_open.iter().filter(|id| !open.contains(**id) && !lacks(&found, id)).collect();
    assert!(lenient.is_empty(), "stopped here, but open in Docker: {lenient:#?}\n{found:#?}");
    let strict: Vec<_> = open
        .iter()
        .filter(|id| !OPEN.contains(&id.as_str()) && !DEPENDS_ON_KERNEL.contains(&id.as_str()))
        .collect();
    assert!(strict.is_empty(), "open here, but stopped in Docker: {strict:#?}\n{found:#?}");
}

/// Five settings were measured on one kernel; on that kernel the counts must be the same.
#[test]
fn dockers_counts_are_those_that_were_measured() {
    let Some(docker) = ready() else { return skip("docker.io is not installed") };
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    if !release.starts_with("6.18.") || Path::new("/proc/modules").exists() {
        return skip("the reference was measured on another kernel");
    }
    let no_capability_is_missing = ["--cap-add", "ALL", "--cap-drop", "SYS_RESOURCE"];
    let no_filter = ["--security-opt", "seccomp=unconfined"];
    for (flags, attempts, all) in [
        (vec![], 75, 99),
        (no_filter.to_vec(), 64, 83),
        (no_capability_is_missing.to_vec(), 48, 63),
        ([&no_capability_is_missing[..], &no_filter[..]].concat(), 39, 54),
    ] {
        let summary = docker_drill(&docker, &flags)["summary"].clone();
        assert_eq!(summary["attempts"]["stopped"], attempts, "{flags:?}");
        // Without a bridge there is no route out: one more than was measured.
        assert_eq!(summary["all"]["stopped"], all + 1, "{flags:?}");
    }
    let summary = docker_drill(&docker, &HARDENED)["summary"].clone();
    assert_eq!(summary["attempts"]["stopped"], 78);
}

#[test]
fn a_person_gets_a_report_with_guesses() {
    let Some(docker) = ready() else { return skip("docker.io is not installed") };
    let lend = lend();
    let run = ["run", "--rm", "--network", "none", "-v", &lend, "minimal"];
    let text = docker.client([&run[..], &DRILL[..3]].concat());
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let guess = "guessed from errno and /proc (NoNewPrivs 0, Seccomp 2, CapEff 00000000a80425fb,";
    assert!(words.contains(guess), "{text}");
    let report = docker_drill(&docker, &[]);
    assert_eq!(report["summary"]["attempts"]["total"], 85);
    let found = by_name(&report);
    for (id, wall) in [
        ("keyctl", "seccomp"),
        ("reboot", "capabilities or seccomp"),
        ("w-core_pattern", "mounts"),
        ("open-kvm", "devices"),
        ("ns-pid", "pid_namespace"),
        ("nnp", "none"),
    ] {
        let probe = &found[id];
        assert_eq!(probe["wall"], wall, "{probe}");
        assert!(wall == "none" || probe["basis"] == "guess", "{probe}");
        // Why Bulkhead leaves something open is no excuse for another engine.
        assert_eq!(probe["why"], Value::Null);
    }
}

#[test]
fn what_podman_leaves_open_is_open() {
    let Some(podman) = Podman::prepare() else { return skip("podman is not installed") };
    podman.client(["import", image("minimal.tar").to_str().unwrap(), "minimal"]);
    let lend = lend();
    let words = ["--network", "none", "-v", &lend, "minimal"];
    let found = by_name(&read(&podman.run([&words[..], &DRILL].concat())));
    let open = open(&found);
    // Podman's profile lets user namespaces and keyrings through, and it bounds processes itself.
    for id in
        ["userns-root", "nnp", "unshare-user", "clone-user", "keyctl", "i386-abi", "rootfs-write", "r-uptime"]
    {
        assert!(open.contains(id), "{id}: {:?}", found[id]);
    }
    for id in ["pids-limit", "mount-tmpfs", "reboot", "w-core_pattern", "ns-pid", "leaked-fd"] {
        assert!(!open.contains(id), "{id}: {:?}", found[id]);
    }
}

/// A daemon with the image `minimal`.
fn ready() -> Option<Docker> {
    let docker = Docker::start()?;
    docker.client(["import", image("minimal.tar").to_str().unwrap(), "minimal"]);
    Some(docker)
}

fn lend() -> String {
    format!("{}:/bulkhead:ro", binary().display())
}

fn docker_drill(docker: &Docker, flags: &[&str]) -> Value {
    let lend = lend();
    let run = ["run", "--rm", "--network", "none", "-v", &lend];
    read(&docker.client([&run[..], flags, &["minimal"], &DRILL].concat()))
}

fn read(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}\n{json}"))
}

type Found = BTreeMap<String, Value>;

/// The compared probes.
fn by_name(report: &Value) -> Found {
    let probes = report["probes"].as_array().unwrap();
    probes.iter().map(|probe| (probe["id"].as_str().unwrap().to_owned(), probe.clone())).collect()
}

/// What is not known counts as open.
fn open(found: &Found) -> BTreeSet<String> {
    let open = found.iter().filter(|(_, probe)| probe["outcome"] != "stopped" && probe["class"] != "info");
    open.map(|(id, _)| id.clone()).collect()
}

/// Whether the kernel said that it has no such thing, or a switch of the host forbids it.
fn lacks(found: &Found, id: &str) -> bool {
    let evidence = found[id]["evidence"].as_str().unwrap();
    let legacy = "/proc/sys/dev/tty/legacy_tiocsti";
    ["ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ENOENT", "ENODEV", "ENXIO"]
        .iter()
        .any(|errno| evidence.contains(errno))
        || (id == "tiocsti" && std::fs::read_to_string(legacy).is_ok_and(|text| text.trim() == "0"))
}

const DRILL: [&str; 5] = ["/bulkhead", "drill", "--here", "--format", "json"];

/// Every flag that Docker offers for it.
const HARDENED: [&str; 14] = [
    "--read-only",
    "--cap-drop",
    "ALL",
    "--security-opt",
    "no-new-privileges",
    "--user",
    "65534",
    "--memory",
    "64m",
    "--pids-limit",
    "50",
    "--cpus",
    "1",
    "--cgroupns=private",
];

/// Docker's default leaves these open: research/hardening.md, section 4.3, column "Docker 20.10 default".
const OPEN: [&str; 57] = [
    "userns-root",
    "nnp",
    "suid-mount",
    "suid-make",
    "filecap-make",
    "rootfs-write",
    "wx-mmap",
    "memfd-exec",
    "setuid-any",
    "lowport",
    "ns-user",
    "ns-cgroup",
    "ns-time",
    "raw-icmp",
    "af-packet",
    "af-vsock",
    "nl-audit",
    "nl-netfilter",
    "nl-xfrm",
    "i386-vsock",
    "i386-abi",
    "net-route",
    "mknod-blk",
    "chroot",
    "io_uring",
    "ptrace",
    "modify_ldt",
    "memfd_secret",
    "attr-exec",
    "mem-limit",
    "pids-limit",
    "cpu-limit",
    "disk-quota",
    "coredump",
    "r-key-users",
    "r-iomem",
    "r-cmdline",
    "r-config",
    "r-slab",
    "r-interrupts",
    "r-diskstats",
    "r-partitions",
    "r-swaps",
    "r-loadavg",
    "r-uptime",
    "r-psi",
    "r-stat",
    "r-zoneinfo",
    "r-boot_id",
    "r-core_pattern",
    "r-crypto",
    "r-btf",
    "r-sysblock",
    "r-upperdir",
    "r-sysinfo",
    "r-ncpu",
    "tiocsti",
];

/// The test's daemon has no bridge, so its containers have no way out.
const NO_BRIDGE: [&str; 1] = ["net-route"];

/// The reference's kernel lacks these; Docker stops none of them.
const DEPENDS_ON_KERNEL: [&str; 6] = ["af-alg", "i386-alg", "r-modules", "r-dmi", "r-powercap", "x32-abi"];
