// SPDX-License-Identifier: Apache-2.0
//! `bulkhead drill`: the figures that are promised, and that the walls it names are the ones that hold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::Value;
use tests::{Ended, Ids, Sandbox, binary};

#[test]
fn by_default_it_stops_what_was_promised() {
    let report = default_report();
    assert!(stopped(report, "attempts") >= 84, "{report}");
    assert!(stopped(report, "all") >= 140, "{report}");
    assert_eq!(report["summary"]["attempts"]["total"], 85);
    assert_eq!(report["summary"]["all"]["total"], 156);
    for probe in probes(report).filter(|probe| probe["outcome"] != "stopped" && probe["class"] != "info") {
        assert_eq!(probe["outcome"], "open", "{probe}");
        assert!(probe["why"].is_string(), "no reason: {probe}");
    }
}

#[test]
fn read_only_and_as_nobody_it_stops_more() {
    let sandbox = Sandbox::new();
    let json = sandbox.call(["drill", "--quiet", "--format", "json", "--read-only", "--user", "65534"]).ok();
    let report = parsed(&json);
    assert!(stopped(&report, "attempts") >= 84 && stopped(&report, "all") >= 148, "{json}");
    assert_eq!(wall(&report, "rootfs-write"), "ordinary_user or read_only");
    assert_eq!(wall(&report, "setuid-any"), "ordinary_user");
}

#[test]
fn the_wall_that_holds_is_named() {
    let report = default_report();
    for (id, want) in [
        ("userns-root", "user"),
        ("nnp", "no_new_privs"),
        ("suid-mount", "mounts"),
        ("shm-exec", "mounts"),
        ("raw-icmp", "capabilities"),
        ("keyctl", "seccomp"),
        ("tiocsti", "seccomp"),
        ("unshare-mnt", "capabilities or seccomp"),
        ("mknod-blk", "user or capabilities or landlock or devices"),
        ("remount-proc-sys", "capabilities or landlock"),
        ("umount-mask", "capabilities or landlock"),
        ("w-panic", "user or masks"),
        ("r-iomem", "masks"),
        ("r-boot_id", "view"),
        ("r-loadavg", "view"),
        ("r-uptime", "time_namespace"),
        ("ns-pid", "pid_namespace"),
        ("ns-ipc", "ipc_namespace"),
        ("ns-uts", "uts_namespace"),
        ("ns-net", "network_namespace"),
        ("ns-time", "time_namespace"),
        ("ns-mnt", "mount_namespace"),
        ("host-pids", "pid_namespace"),
        ("chroot-break", "mount_namespace"),
        ("mem-limit", "cgroup"),
        ("pids-limit", "cgroup"),
        ("coredump", "rlimits"),
        ("leaked-fd", "launch"),
        ("exe-write", "kernel"),
    ] {
        assert_eq!(wall(report, id), want, "{id}");
        let never_lifted = ["shm-exec", "ns-mnt", "chroot-break", "leaked-fd", "exe-write"];
        let basis = if never_lifted.contains(&id) { "seen" } else { "lifted" };
        assert_eq!(probe(report, id)["basis"], basis, "{id}");
    }
    let unnamed: Vec<_> = probes(report).filter(|probe| probe["wall"] == "not known").collect();
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}

#[test]
fn every_name_in_the_report_is_documented() {
    let document = include_str!("../../docs/drill.md");
    let documented: BTreeSet<&str> = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name))
        .collect();
    assert_eq!(documented.len(), 23);
    for probe in probes(default_report()) {
        let walls: Vec<&str> =
            probe["walls"].as_array().unwrap().iter().map(|wall| wall.as_str().unwrap()).collect();
        assert!(walls.iter().all(|wall| documented.contains(wall)), "{probe}");
        let fixed = ["none", "absent here"].contains(&probe["wall"].as_str().unwrap());
        let joined = [" or ", " and "].map(|between| walls.join(between));
        assert!(fixed || joined.iter().any(|words| probe["wall"] == **words), "{probe}");
    }
}

/// No wall claims what the host lacks, and nothing is called absent that the host has.
#[test]
fn absent_is_what_the_host_lacks() {
    let exists = |path: &str| std::path::Path::new(path).exists();
    for (id, path) in [
        ("dev-mem", "/dev/mem"),
        ("dev-kvm", "/dev/kvm"),
        ("dev-fuse", "/dev/fuse"),
        ("w-sysrq", "/proc/sysrq-trigger"),
        ("w-modprobe", "/proc/sys/kernel/modprobe"),
        ("w-panic", "/proc/sys/vm/panic_on_oom"),
        ("r-kcore", "/proc/kcore"),
        ("r-modules", "/proc/modules"),
        ("r-iomem", "/proc/iomem"),
        ("r-dmi", "/sys/class/dmi/id/product_name"),
    ] {
        assert_eq!(wall(default_report(), id) == "absent here", !exists(path), "{id}");
    }
    let absent = probes(default_report())
        .filter(|probe| probe["class"] != "info" && probe["wall"] == "absent here" && !is_later(probe))
        .count();
    assert_eq!(default_report()["summary"]["all"]["absent"], absent);
}

#[test]
fn a_wall_that_is_lifted_opens_what_it_held() {
    let sandbox = drilled();
    let closed = opened(&sandbox, &[]);
    for (flags, wanted) in [
        (
            &["--security-opt", "seccomp=unconfined"][..],
            &["af-vsock", "keyctl", "io_uring", "i386-abi", "unshare-user"][..],
        ),
        (&["--cap-add", "NET_RAW"], &["raw-icmp", "af-packet"]),
        (&["--cap-add", "SYS_CHROOT"], &["chroot"]),
        (&["--security-opt", "no-new-privileges=false"], &["nnp"]),
        (&["--security-opt", "systempaths=unconfined"], &["r-iomem", "r-key-users", "r-sysblock"]),
        (
            &["--security-opt", "view=host"],
            &["r-boot_id", "r-loadavg", "r-core_pattern", "r-uptime", "ns-time"],
        ),
        (&["--userns", "host"], &["userns-root", "ns-user"]),
        (&["--pid", "host"], &["ns-pid", "host-pids"]),
        (&["--ipc", "host"], &["ns-ipc"]),
        (&["--uts", "host"], &["ns-uts"]),
        (&["--network", "host"], &["ns-net"]),
        (&["--cgroupns", "host"], &["ns-cgroup"]),
        (&["--memory", "-1"], &["mem-limit"]),
        (&["--pids-limit", "-1"], &["pids-limit"]),
        (&["--ulimit", "core=1:1"], &["coredump"]),
    ] {
        let found = opened(&sandbox, flags);
        for id in wanted.iter().filter(|id| wall(default_report(), id) != "absent here") {
            assert!(!closed.contains(*id) && found.contains(*id), "{flags:?} does not open {id}: {found:?}");
        }
    }
    // What opens a wall must not open more than the wall.
    assert_eq!(
        opened(&sandbox, &["--cap-add", "SYS_CHROOT"]).difference(&closed).collect::<Vec<_>>(),
        ["chroot"]
    );
}

#[test]
fn a_bound_that_is_set_closes_what_was_open() {
    let sandbox = drilled();
    assert!(opened(&sandbox, &[]).contains("cpu-limit"));
    assert!(!opened(&sandbox, &["--cpus", "0.5"]).contains("cpu-limit"));
    assert!(!opened(&sandbox, &["--read-only"]).contains("rootfs-write"));
}

/// shocker opens /etc/hosts, which nobody writes to here; making a file is a deadly sin there.
/// What flags change is told beside the default: what they open, what they close, and nothing without flags.
#[test]
fn what_flags_open_is_told() {
    assert_eq!(default_report()["compared"], Value::Null);
    let sandbox = drilled();
    let ids = |list: &Value| -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let told = |flags: &[&str]| {
        let words = [&["drill", "--quiet", "--format", "json"], flags].concat();
        parsed(&sandbox.call(words).ok())["compared"].clone()
    };
    let open = told(&["--security-opt", "seccomp=unconfined"]);
    assert_eq!(
        (&open["attempts"]["stopped"], &open["attempts"]["total"]),
        (&85.into(), &85.into()),
        "{open}"
    );
    let opened = ids(&open["opened"]);
    assert!(opened.contains("keyctl") && ids(&open["closed"]).is_empty(), "{open}");
    let closed = told(&["--read-only"]);
    assert!(ids(&closed["opened"]).is_empty() && !ids(&closed["closed"]).is_empty(), "{closed}");
}

#[test]
fn what_hangs_or_crashes_is_not_known_and_not_stopped() {
    let sandbox = Sandbox::minimal();
    let pipe = sandbox.file("pipe");
    kernel::rustix::fs::mknodat(
        kernel::rustix::fs::CWD,
        &pipe,
        kernel::rustix::fs::FileType::Fifo,
        kernel::rustix::fs::Mode::from_raw_mode(0o666),
        0,
    )
    .unwrap();
    let (program, pipe) =
        (format!("{}:/bulkhead:ro", binary().display()), format!("{}:/etc/hosts", pipe.display()));
    let run = ["run", "--rm", "-v", &program, "-v", &pipe, "--ulimit", "fsize=0:0", "minimal", "/bulkhead"];
    let report = parsed(&sandbox.call(run.into_iter().chain(["drill", "--here", "--format", "json"])).ok());
    for (id, seen) in [("shocker", "it did not end in time"), ("suid-make", "killed by signal 25")] {
        let probe = probe(&report, id);
        assert_eq!((&probe["outcome"], &probe["wall"]), (&"unknown".into(), &"not known".into()), "{probe}");
        assert!(probe["evidence"].as_str().unwrap().contains(seen), "{probe}");
    }
    let attempts = probes(&report).filter(|probe| probe["class"] == "attempt" && !is_later(probe));
    let stopped_ones = attempts.filter(|probe| probe["outcome"] == "stopped").count();
    assert_eq!(report["summary"]["attempts"]["stopped"], stopped_ones);
}

#[test]
fn the_report_goes_out_and_the_progress_beside_it() {
    let ended = &DEFAULT.1;
    assert_eq!(ended.code, 0);
    assert!(ended.out.starts_with('{') && serde_json::from_str::<Value>(&ended.out).is_ok());
    let steps: Vec<&str> = ended.err.lines().collect();
    assert_eq!(steps.first(), Some(&"every wall up"));
    assert!(steps.contains(&"without seccomp") && steps.contains(&"only landlock"), "{steps:?}");
    assert_eq!(steps.last(), Some(&"every wall lifted"));
}

#[test]
fn the_text_is_for_a_person() {
    let sandbox = Sandbox::minimal();
    let text = sandbox.call(["drill", "--quiet", "--cpus", "1", "minimal"]).ok();
    assert!(text.starts_with("Bulkhead stops 8"), "{text}");
    assert!(text.contains("Tried from a container of minimal"), "{text}");
    assert!(text.contains("Docker's default, where it was measured: 75 of 85 and 99 of 156."), "{text}");
    assert!(text.contains("\nNot stopped (") && text.contains("\nStopped, by what stopped it"), "{text}");
    assert!(!text.contains("  cpu-limit  "), "a bound was asked for:\n{text}");
}

#[test]
fn here_goes_alone() {
    let sandbox = Sandbox::new();
    for flags in [&["--user", "1"][..], &["--read-only"], &["-m", "64m"], &["--cap-add", "ALL"], &["minimal"]]
    {
        let words = sandbox.call(["drill", "--here"].iter().chain(flags)).fails(125);
        assert!(words.contains("cannot be used together with"), "{words}");
    }
}

#[test]
fn an_image_that_is_not_here_is_an_error() {
    let words = Sandbox::new().call(["drill", "--quiet", "nothing-of-the-kind"]).fails(1);
    assert!(words.contains("nothing-of-the-kind"), "{words}");
}

#[test]
fn an_ordinary_user_drills_as_well() {
    let sandbox = Sandbox::rootless(Ids::Range);
    let report = parsed(&sandbox.call(["drill", "--quiet", "--format", "json"]).ok());
    assert_eq!(report["engine"], "Bulkhead without root");
    assert!(stopped(&report, "attempts") >= 84, "{report}");
    assert_eq!(wall(&report, "userns-root"), "user");
    assert_eq!(wall(&report, "bpf"), "user");
    assert_eq!(wall(&report, "keyctl"), "seccomp");
    let unnamed: Vec<_> = probes(&report).filter(|probe| probe["wall"] == "not known").collect();
    assert!(unnamed.is_empty(), "{unnamed:#?}");
    let notes = report["notes"].to_string();
    assert!(notes.contains("user namespace") && !notes.contains("could not be run"), "{notes}");
}

/// One drill with nothing said, for all tests that look at it.
fn default_report() -> &'static Value {
    &DEFAULT.0
}

static DEFAULT: LazyLock<(Value, Ended)> = LazyLock::new(|| {
    let ended = Sandbox::new().call(["drill", "--format", "json"]).ended();
    (parsed(&ended.out), ended)
});

/// With the image of the drill.
fn drilled() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.call(["drill", "--quiet", "--output", "/dev/null"]).ok();
    sandbox
}

/// What is not stopped in one container with `flags`.
fn opened(sandbox: &Sandbox, flags: &[&str]) -> BTreeSet<String> {
    let facts = format!("BULKHEAD_DRILL_FACTS={}", facts());
    let run = ["run", "--rm", "--env", &facts];
    let findings = parsed(&sandbox.call([&run[..], flags, &["bulkhead/drill"]].concat()).ok());
    let open = findings.as_array().unwrap().iter().filter(|finding| finding["outcome"] != "stopped");
    open.map(|finding| finding["id"].as_str().unwrap().to_owned()).collect()
}

/// What an engine tells of the host.
fn facts() -> String {
    let text = |path: &str| std::fs::read_to_string(path).unwrap();
    let uptime: f64 = text("/proc/uptime").split(' ').next().unwrap().parse().unwrap();
    let namespaces: BTreeMap<&str, u64> = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup", "time"]
        .map(|name| {
            let link = std::fs::read_link(format!("/proc/self/ns/{name}")).unwrap();
            let link = link.to_str().unwrap().to_owned();
            (name, link[name.len() + 2..link.len() - 1].parse().unwrap())
        })
        .into();
    serde_json::json!({
        "memory": null, "uptime": uptime as u64, "boot_id": text("/proc/sys/kernel/random/boot_id"),
        "cmdline": text("/proc/cmdline"), "processors": null, "namespaces": namespaces, "id_map": null, "disk": null,
    })
    .to_string()
}

fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn stopped(report: &Value, class: &str) -> u64 {
    report["summary"][class]["stopped"].as_u64().unwrap()
}

/// The compared ones and the later ones.
fn probes(report: &Value) -> impl Iterator<Item = &Value> {
    ["probes", "more"].into_iter().flat_map(|list| report[list].as_array().unwrap())
}

fn probe<'a>(report: &'a Value, id: &str) -> &'a Value {
    probes(report).find(|probe| probe["id"] == id).unwrap_or_else(|| panic!("no probe {id}"))
}

fn wall<'a>(report: &'a Value, id: &str) -> &'a str {
    probe(report, id)["wall"].as_str().unwrap()
}

fn is_later(probe: &Value) -> bool {
    default_report()["more"].as_array().unwrap().iter().any(|later| later["id"] == probe["id"])
}
