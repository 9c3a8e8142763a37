// SPDX-License-Identifier: Apache-2.0
//! `kill -9` at any moment, and a full disk: the next command finds nothing that should not be there.

use std::path::Path;
use std::time::{Duration, Instant};

use kernel::rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::{Background, Ids, Sandbox, eventually};

use crate::walls::started;

/// The monitor dies at moments spread over the whole start, most of them early.
#[test]
fn a_monitor_that_is_killed_at_any_moment_leaves_nothing() {
    let sandbox = Sandbox::minimal();
    let whole = time_to_start(&sandbox, &[]);
    for round in 0..ROUNDS {
        let running = sandbox.call(["run", "--rm", "minimal", "sleep", &nap(&sandbox)]).spawn();
        // A quarter in the first part, the rest over a little more than the whole start.
        let share = f64::from(round % 100) / 100.0;
        let moment = if round % 4 == 0 { whole.mul_f64(share / 5.0) } else { whole.mul_f64(share * 1.2) };
        kill_after(running, moment);
        assert_nothing_is_left(&sandbox, &format!("round {round}, killed after {moment:?}"));
    }
}

#[test]
fn the_same_for_an_ordinary_user() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    let whole = time_to_start(&sandbox, &[]);
    for round in 0..ROUNDS / 4 {
        let running = sandbox.call(["run", "--rm", "minimal", "sleep", &nap(&sandbox)]).spawn();
        let moment = whole.mul_f64(f64::from(round % 50) / 40.0);
        kill_after(running, moment);
        // The process that calls newuidmap ends by itself, a moment after the one that waits for it.
        eventually("no process is left", || processes(&sandbox).is_empty().then_some(()));
        assert_nothing_is_left(&sandbox, &format!("round {round}, killed after {moment:?}"));
    }
}

/// The new process dies before its program starts: the monitor lives and cleans up by itself.
#[test]
fn a_child_half_that_is_killed_ends_the_run() {
    let sandbox = Sandbox::minimal();
    let mut before_the_program = 0;
    for round in 0..ROUNDS / 4 {
        let running = sandbox.call(["run", "--rm", "minimal", "sleep", &nap(&sandbox)]).spawn();
        let monitor = running.pid();
        let child = child_at_once(monitor);
        // Another share of the way to its program in each round.
        let start = Instant::now();
        while start.elapsed() < Duration::from_micros(u64::from(round) * 200) {
            std::hint::spin_loop();
        }
        before_the_program += u32::from(!is_program(child));
        kill_process(Pid::from_raw(child).unwrap(), Signal::KILL).unwrap();
        let (code, _, errors) = running.end();
        assert!(code == 125 || code == 137, "round {round}: {code} {errors}");
        // Without a sweep: the monitor itself cleaned up.
        assert_eq!(sandbox.containers(), [""; 0], "round {round}: {code} {errors}");
        assert_nothing_is_left(&sandbox, &format!("round {round}"));
    }
    assert!(before_the_program > 0, "no round was early enough");
}

#[test]
fn a_kept_container_has_ended_with_137() {
    let sandbox = Sandbox::minimal();
    let mut running =
        sandbox.call(["run", "--name", "kept", "minimal", "sh", "-c", &ready(&sandbox)]).spawn();
    running.read_until("ready");
    kill_after(running, Duration::ZERO);
    let listed = sandbox.call(["ps", "-a", "--format", "json"]).ok();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["State"], "exited");
    assert!(listed["Status"].as_str().unwrap().starts_with("Exited (137) "), "{listed}");
    assert_eq!(processes(&sandbox), [""; 0]);
    sandbox.call(["rm", "kept"]).ok();
    assert_nothing_is_left(&sandbox, "after rm");
}

/// Processes that the container left behind in the same cgroup, and a frozen one.
#[test]
fn what_the_program_started_is_ended_as_well_frozen_or_not() {
    let sandbox = Sandbox::minimal();
    for frozen in [false, true] {
        let (nap, ready) = (nap(&sandbox), ready(&sandbox));
        let script = format!("sleep {nap} & sleep {nap} & setsid sleep {nap} & {ready}");
        let running = started(&sandbox, "", &["sh", "-c", &script]);
        if frozen && let Some(switch) = crate::walls::cgroup_file(&sandbox, &["cgroup.freeze"]) {
            std::fs::write(switch, "1").unwrap();
        }
        kill_after(running, Duration::ZERO);
        assert_nothing_is_left(&sandbox, &format!("frozen: {frozen}"));
    }
}

/// Without a pid namespace the end of the first process does not end the others: the cgroup does.
#[test]
fn a_container_in_the_hosts_pid_namespace_is_ended_as_a_whole() {
    let sandbox = Sandbox::minimal();
    let (nap, ready) = (nap(&sandbox), ready(&sandbox));
    let script = format!("setsid sleep {nap} & setsid sleep {nap} & {ready}");
    let running = started(&sandbox, "--pid host", &["sh", "-c", &script]);
    kill_after(running, Duration::ZERO);
    assert_nothing_is_left(&sandbox, "--pid host");
}

#[test]
fn an_ordinary_user_without_a_cgroup_cannot_share_the_hosts_pid_namespace() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    let error = sandbox.run("--pid host minimal true").fails(125);
    assert!(error.contains("--pid host") && error.contains("cgroup"), "{error}");
}

/// The removal itself is cut off: the next command finishes it, and the name is free at once.
#[test]
fn a_removal_that_is_killed_is_finished_by_the_next_command() {
    let sandbox = Sandbox::minimal();
    for round in 0..20 {
        let many = "i=0; while [ $i -lt 300 ]; do mkdir -p /d/$i/e; i=$((i+1)); done";
        sandbox.call(["run", "--name", "kept", "minimal", "sh", "-c", many]).ok();
        let removal = sandbox.call(["rm", "kept"]).spawn();
        kill_after(removal, Duration::from_millis(round * 3));
        let listed = sandbox.call(["ps", "-a", "--format", "json"]).ok();
        if listed.contains("kept") {
            sandbox.call(["rm", "kept"]).ok();
        }
        assert_nothing_is_left(&sandbox, &format!("round {round}"));
    }
}

/// On a disk without room: a sentence, nothing left; and what is there can still be listed and removed.
#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    let image = tests::image("minimal.tar");
    let script = format!(
        r#"
        mkdir -p "$BULKHEAD_ROOT"; mount -t tmpfs -o size=16m,mode=700 none "$BULKHEAD_ROOT"
        "$0" import {image} minimal > /dev/null
        "$0" run --name kept minimal true
        "$0" run minimal sh -c {ready:?} > ready & monitor=$!
        until grep -q ready ready; do :; done
        dd if=/dev/zero of="$BULKHEAD_ROOT/full" bs=64k 2> /dev/null || :
        kill -9 $monitor; wait $monitor 2> /dev/null || :
        "$0" ps -a > listed
        "$0" run --rm minimal true 2> told && exit 3
        "$0" rm kept
        rm "$BULKHEAD_ROOT/full"
        ls "$BULKHEAD_ROOT/containers" > containers; ls "$BULKHEAD_ROOT/names" > names
        "$0" run --rm minimal echo fine
        "$0" ps -a --format json > listed
        umount -l "$BULKHEAD_ROOT"
        "#,
        image = image.display(),
        ready = ready(&sandbox),
    );
    let call = sandbox.call::<&str>([]).into_command();
    let mut command = std::process::Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-euc", &script]).arg(call.get_program());
    command
        .envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .current_dir(sandbox.file(""));
    let output = command.output().unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {shown}", output.status);
    let read = |name: &str| std::fs::read_to_string(sandbox.file(name)).unwrap();
    assert!(read("told").contains("No space left"), "{}", read("told"));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().last(), Some("fine"));
    // One container is left: the one whose end could not be written down before.
    assert_eq!((read("containers").lines().count(), read("names").lines().count()), (1, 1));
    let listed: Value = serde_json::from_str(&read("listed")).unwrap();
    assert!(listed["Status"].as_str().unwrap().starts_with("Exited (137) "), "{listed}");
}

/// How long a run takes until its program has started.
fn time_to_start(sandbox: &Sandbox, flags: &[&str]) -> Duration {
    let script = ready(sandbox);
    let start = Instant::now();
    let words =
        ["run", "--rm"].into_iter().chain(flags.iter().copied()).chain(["minimal", "sh", "-c", &script]);
    let mut running = sandbox.call(words).spawn();
    running.read_until("ready");
    let whole = start.elapsed();
    drop(running);
    assert_nothing_is_left(sandbox, "the first of all");
    whole
}

/// The moment of a kill is what is tested, so this is a wait of a given length.
fn kill_after(running: Background, moment: Duration) {
    let start = Instant::now();
    while start.elapsed() < moment {
        std::thread::sleep(Duration::from_micros(100));
    }
    // One that is through already is killed, too: by then it is a zombie.
    running.signal(Signal::KILL);
    running.end();
}

/// The next command is `ps`; right after it nothing may be there.
#[track_caller]
fn assert_nothing_is_left(sandbox: &Sandbox, when: &str) {
    let before = sandbox.containers();
    assert_eq!(sandbox.call(["ps", "-a", "-q"]).ok(), "", "{when}");
    assert_eq!(sandbox.containers(), [""; 0], "{when}");
    for directory in ["names", "slots"] {
        let entries = std::fs::read_dir(sandbox.root().join(directory)).unwrap();
        assert_eq!(entries.count(), 0, "{when}: {directory}");
    }
    let left: Vec<String> = before.iter().flat_map(|id| cgroups(id)).collect();
    assert_eq!(left, [""; 0], "{when}");
    let below = sandbox.root();
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(below.to_str().unwrap()), "{when}: {mounts}");
    assert_eq!(processes(sandbox), [""; 0], "{when}");
}

fn cgroups(id: &str) -> Vec<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let points =
        mounts.lines().filter(|line| line.split(' ').nth(2).is_some_and(|kind| kind.starts_with("cgroup")));
    let places =
        points.filter_map(|line| line.split(' ').nth(1)).map(|point| format!("{point}/bulkhead/{id}"));
    places.filter(|path| Path::new(path).exists()).collect()
}

/// Command lines of processes of this sandbox's containers, in whatever half of a launch.
fn processes(sandbox: &Sandbox) -> Vec<String> {
    let number = nap(sandbox);
    let numbers =
        std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    let lines = numbers.filter_map(|number| {
        let line = std::fs::read(format!("/proc/{number}/cmdline")).ok()?;
        Some(format!("{number}: {}", String::from_utf8_lossy(&line).replace('\0', " ")))
    });
    lines.filter(|line| line.contains(&number)).collect()
}

/// How long this sandbox's containers sleep: a number of its own, by which its processes are found.
fn nap(sandbox: &Sandbox) -> String {
    let name = sandbox.file("").to_string_lossy().trim_end_matches('/').to_owned();
    let digits: String = name.bytes().rev().take(4).map(|byte| format!("{byte:03}")).collect();
    format!("9{digits}")
}

fn ready(sandbox: &Sandbox) -> String {
    format!("echo ready; exec sleep {}", nap(sandbox))
}

/// The child of `monitor`, within microseconds of its birth: its way to the program takes two milliseconds, so
/// nobody may sleep here.
fn child_at_once(monitor: i32) -> i32 {
    let start = Instant::now();
    loop {
        if let Some(child) = child_of(monitor) {
            return child;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "the monitor has no child");
        std::hint::spin_loop();
    }
}

fn child_of(monitor: i32) -> Option<i32> {
    let list = std::fs::read_to_string(format!("/proc/{monitor}/task/{monitor}/children")).ok()?;
    list.split_whitespace().next()?.parse().ok()
}

/// Whether the child runs its program by now.
fn is_program(child: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name.trim() == "sleep")
}

const ROUNDS: u32 = 200;
