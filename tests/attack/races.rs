// SPDX-License-Identifier: Apache-2.0
//! One container changes a shared volume while another is being started on it (CVE-2019-19921,
//! CVE-2021-30465, CVE-2021-25741, CVE-2024-45310, CVE-2025-52881). Bounded in time; what must stay as it
//! was is compared by digest.

use std::time::{Duration, Instant};

use tests::Sandbox;

use crate::hostile::{self, Canary, INSIDE, Running, helper_mount};

/// A directory on the volume is exchanged with a link to a directory of the host, below which the other
/// container's mounts, devices and working directory are made. Fails without: `RESOLVE_IN_ROOT` in
/// kernel/root.rs.
#[test]
fn nothing_is_made_on_the_host() {
    let sandbox = Sandbox::minimal();
    let canary = Canary::new(&sandbox);
    let volume = shared_volume(&sandbox, canary.path());
    let racer = swap(&sandbox, &volume);
    let mount = format!("{volume}:/shared");
    let payload = format!("{}:/shared/dir/planted", payload(&sandbox));
    let rounds = during(RACE, || {
        let words = ["run", "--rm", "-v", &mount, "-v", &payload, "--device", "/dev/null:/shared/dir/device"];
        let words = words.into_iter().chain(["-w", "/shared/dir/work", "minimal", "true"]);
        let ended = sandbox.call(words).ended();
        assert!(matches!(ended.code, 0 | 125..=127), "{ended}");
    });
    drop(racer);
    assert!(rounds > 4, "only {rounds} rounds");
    canary.assert_untouched();
}

/// The link leads into proc instead. Fails without: `landed` in targets.rs.
#[test]
fn nothing_lands_on_proc() {
    let sandbox = Sandbox::minimal();
    let volume = shared_volume(&sandbox, "/proc/sys");
    let racer = swap(&sandbox, &volume);
    let mount = format!("{volume}:/shared");
    let payload = format!("{}:/shared/dir/kernel", payload(&sandbox));
    let rounds = during(RACE, || {
        let script = "ls /proc/sys/kernel/planted /proc/sys/fs/planted 2>/dev/null; true";
        let words = ["run", "--rm", "-v", &mount, "-v", &payload, "minimal", "sh", "-c", script];
        let ended = sandbox.call(words).ended();
        assert!(matches!(ended.code, 0 | 125), "{ended}");
        assert_eq!(ended.out, "");
    });
    drop(racer);
    assert!(rounds > 4, "only {rounds} rounds");
}

/// Files are copied out of and into a container that exchanges a directory with a link to one of the host
/// (CVE-2018-15664, CVE-2019-14271, CVE-2026-17106): neither is the host's file read nor written. Fails without:
/// `RESOLVE_IN_ROOT` in kernel/root.rs.
#[test]
fn copies_stay_in_the_container() {
    let sandbox = Sandbox::minimal();
    let canary = Canary::new(&sandbox);
    let volume = shared_volume(&sandbox, canary.path());
    std::fs::write(format!("{volume}/dir/file"), INSIDE_WORDS).unwrap();
    let given = sandbox.write("given", INSIDE_WORDS);
    let out = sandbox.file("out");
    let flags = format!("--name racer -v {volume}:/shared -v {}", helper_mount());
    let call = sandbox.sh(&flags, &format!("exec {INSIDE} swap /shared/dir /shared/link"));
    let racer = Running::start(&sandbox, call, "swapping");
    let (mut copied, place) = (0, "racer:/shared/dir/file");
    let rounds = during(RACE, || {
        let ended = sandbox.call(["cp", "-q", place, out.to_str().unwrap()]).ended();
        assert!(matches!(ended.code, 0 | 1), "{ended}");
        if ended.code == 0 {
            assert_eq!(std::fs::read_to_string(&out).unwrap(), INSIDE_WORDS);
            std::fs::remove_file(&out).unwrap();
            copied += 1;
        }
        let ended = sandbox.call(["cp", "-q", given.to_str().unwrap(), place]).ended();
        assert!(matches!(ended.code, 0 | 1), "{ended}");
    });
    drop(racer);
    assert!(rounds > 4 && copied > 0, "only {rounds} rounds, {copied} copies");
    canary.assert_untouched();
}

/// What a bind mount shows is decided once: a source that is exchanged meanwhile is one or the other, and
/// its covers, attributes and owners are of the same; one in which a link turns up after it was looked at is
/// refused. Fails without: the one open_tree(2) of `bind` in runtime/sources.rs: `nosuid` set on another
/// mount than the one attached.
#[test]
fn a_source_is_opened_once() {
    let sandbox = Sandbox::minimal();
    let volume = shared_volume(&sandbox, "other");
    std::fs::create_dir(format!("{volume}/other")).unwrap();
    let racer = swap(&sandbox, &volume);
    let mount = format!("{volume}/dir:/shared:ro");
    let rounds = during(RACE, || {
        let script = "grep ' /shared ' /proc/self/mountinfo; : > /shared/x && echo written";
        let ended = sandbox.call(["run", "--rm", "-v", &mount, "minimal", "sh", "-c", script]).ended();
        if ended.code == 125 && ended.err.contains("could lead anywhere") {
            return;
        }
        assert!(ended.out.contains(" ro,nosuid,nodev"), "{ended}");
        assert!(!ended.out.contains("written"), "{ended}");
    });
    drop(racer);
    assert!(rounds > 4, "only {rounds} rounds");
}

/// A volume with the directory `dir` and the link `link` to `to`.
fn shared_volume(sandbox: &Sandbox, to: &str) -> String {
    let volume = sandbox.file("shared");
    std::fs::create_dir_all(volume.join("dir/kernel")).unwrap();
    hostile::link(&volume, "link", to);
    volume.to_str().unwrap().to_owned()
}

/// A container that exchanges the two until the handle is dropped.
fn swap<'a>(sandbox: &'a Sandbox, volume: &str) -> Running<'a> {
    let flags = format!("-v {volume}:/shared -v {}", helper_mount());
    let call = sandbox.sh(&flags, &format!("exec {INSIDE} swap /shared/dir /shared/link"));
    Running::start(sandbox, call, "swapping")
}

/// A directory whose presence can be seen.
fn payload(sandbox: &Sandbox) -> String {
    let payload = sandbox.file("payload");
    std::fs::create_dir(&payload).unwrap();
    std::fs::write(payload.join("planted"), "x").unwrap();
    payload.to_str().unwrap().to_owned()
}

fn during(limit: Duration, mut round: impl FnMut()) -> u32 {
    let start = Instant::now();
    let mut rounds = 0;
    while start.elapsed() < limit {
        round();
        rounds += 1;
    }
    rounds
}

const INSIDE_WORDS: &str = "the container's own";
const RACE: Duration = Duration::from_secs(4);
