// SPDX-License-Identifier: Apache-2.0
//! Bounds under each view of cgroups that a host may give: v1 and v2 side by side, v1 alone, v2 alone.
//!
//! A view is made in a mount namespace of the call's own; the machine's mounts stay as they are.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tests::{Killed, Sandbox, helper, skip};

use crate::walls::{cgroup_file, end, places, started, walls};

/// What a host mounts at /sys/fs/cgroup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    AsItIs,
    /// The v2 tree alone, with whatever controllers v1 leaves it.
    UnifiedOnly,
    /// The v1 trees alone.
    LegacyOnly,
    /// No hierarchy at all.
    Nothing,
}

impl View {
    /// Makes it, as far as this machine can.
    fn script(self) -> &'static str {
        match self {
            Self::AsItIs => ":",
            Self::UnifiedOnly => "mount -t cgroup2 none /sys/fs/cgroup",
            Self::LegacyOnly => "umount /sys/fs/cgroup/unified",
            Self::Nothing => "mount -t tmpfs none /sys/fs/cgroup",
        }
    }

    /// A call of the binary under this view.
    fn call(self, sandbox: &Sandbox, words: &[&str]) -> Output {
        let call = sandbox.call(words).into_command();
        let mut command = Command::new("unshare");
        let script = format!("{}; exec \"$0\" \"$@\"", self.script());
        command.args(["--mount", "--propagation", "private", "sh", "-euc", &script]);
        command.arg(call.get_program()).args(call.get_args()).stdin(Stdio::null());
        command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.output().unwrap()
    }

    fn ok(self, sandbox: &Sandbox, words: &[&str]) -> (String, String) {
        let output = self.call(sandbox, words);
        let (out, errors) = texts(&output);
        assert!(output.status.success(), "{self:?} {words:?}: {} {errors}", output.status);
        (out, errors)
    }

    fn fails(self, sandbox: &Sandbox, words: &[&str]) -> String {
        let output = self.call(sandbox, words);
        let (out, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(125), "{self:?} {words:?}: {out} {errors}");
        errors
    }
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    (text(&output.stdout), text(&output.stderr))
}

#[test]
fn limits_are_set_under_every_view_that_has_the_controllers() {
    if !is_hybrid() {
        return skip("v1 and v2 are not both here");
    }
    let sandbox = Sandbox::minimal();
    let script = "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes pids/pids.max cpu/cpu.cfs_quota_us \
                  cpu/cpu.shares cpuset/cpuset.cpus";
    let flags = "-m 64m --pids-limit 20 --cpus 0.5 --cpu-shares 512 --cpuset-cpus 0";
    let words: Vec<&str> = ["run", "--rm"].into_iter().chain(flags.split(' ')).collect();
    for view in [View::AsItIs, View::LegacyOnly] {
        let (out, errors) = view.ok(&sandbox, &[&words[..], &["minimal", "sh", "-c", script]].concat());
        assert_eq!(
            (out.split_whitespace().collect::<Vec<_>>().join(" "), &errors[..]),
            ("67108864 20 50000 512 0".to_owned(), "")
        );
        let (out, _) = view.ok(&sandbox, &["run", "--rm", "minimal", "cat", "/sys/fs/cgroup/pids/pids.max"]);
        assert_eq!(out, "2048", "{view:?}");
    }
}

/// A default that cannot be had is told, and what was asked for and cannot be had is an error that
/// names the controller's flag. Nothing is left by either.
#[test]
fn where_a_controller_is_missing_the_default_is_told_and_a_wish_refused() {
    if !is_hybrid() {
        return skip("the v2 tree alone has every controller here");
    }
    let sandbox = Sandbox::minimal();
    for view in [View::UnifiedOnly, View::Nothing] {
        let (out, notes) = view
            .ok(&sandbox, &["run", "--rm", "minimal", "sh", "-c", "ulimit -u; cat /proc/self/oom_score_adj"]);
        assert_eq!(out, "2048\n500", "{view:?}");
        for words in ["memory and processes", "controller memory", "RLIMIT_NPROC", "oom_score_adj"] {
            assert!(notes.contains(words), "{view:?} {words}: {notes}");
        }
        for (flag, value, controller) in [
            ("--memory", "64m", "memory"),
            ("--pids-limit", "20", "pids"),
            ("--cpus", "0.5", "cpu"),
            ("--cpu-shares", "512", "cpu"),
            ("--cpuset-cpus", "0", "cpuset"),
            ("--blkio-weight", "500", "blkio"),
        ] {
            let error = view.fails(&sandbox, &["run", "--rm", flag, value, "minimal", "true"]);
            let named = error.contains(&format!("{flag} cannot be applied"));
            assert!(named && error.contains(&format!("controller {controller}")), "{view:?}: {error}");
            assert!(error.contains("hint: "), "{error}");
            assert_eq!(sandbox.containers(), [""; 0]);
        }
    }
}

/// The end of the first process ends all of them, whatever holds them together.
#[test]
fn nothing_outlives_its_container_under_any_view() {
    if !is_hybrid() {
        return skip("v1 and v2 are not both here");
    }
    let sandbox = Sandbox::minimal();
    let nap = "18273645";
    let script = format!("setsid sleep {nap} & setsid sleep {nap} & sleep {nap} & true");
    for (view, flags) in [
        (View::AsItIs, &["--pid", "host"][..]),
        (View::UnifiedOnly, &["--pid", "host"]),
        (View::LegacyOnly, &["--pid", "host"]),
        (View::Nothing, &[]),
    ] {
        let words = [&["run", "--rm"], flags, &["minimal", "sh", "-c", &script]].concat();
        view.ok(&sandbox, &words);
        let left = Command::new("pgrep").args(["-f", &format!("sleep {nap}")]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&left.stdout), "", "{view:?}");
    }
}

#[test]
fn walls_tell_what_each_view_lacks() {
    if !is_hybrid() {
        return skip("v1 and v2 are not both here");
    }
    let sandbox = Sandbox::minimal();
    for (view, absent) in [
        (View::AsItIs, &[][..]),
        (View::UnifiedOnly, &["cgroup"]),
        (View::LegacyOnly, &[]),
        (View::Nothing, &["cgroup", "devices"]),
    ] {
        let call = sandbox.call([
            "run",
            "--rm",
            "--name",
            "viewed",
            "minimal",
            "sh",
            "-c",
            "echo ready; exec sleep 100",
        ]);
        let call = call.into_command();
        let script = format!("{}; exec \"$0\" \"$@\"", view.script());
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-euc", &script]);
        command.arg(call.get_program()).args(call.get_args());
        command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut running = Killed(command.spawn().unwrap());
        let mut line = [0; 6];
        std::io::Read::read_exact(running.0.stdout.as_mut().unwrap(), &mut line).unwrap();
        let (text, _) = view.ok(&sandbox, &["walls", "--format", "json", "viewed"]);
        let report: Value = serde_json::from_str(&text).unwrap();
        let found: Vec<&str> = report["walls"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|wall| wall["state"] == "absent" && wall["name"] != "label")
            .map(|wall| wall["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, absent, "{view:?}: {text}");
        drop(running);
        assert_eq!(view.ok(&sandbox, &["ps", "-a", "-q"]).0, "");
    }
}

/// Devices are guarded by version 1's controller where there is no v2 tree, as the last wall of all: with
/// everything else gone that keeps a container from having a node of the host's memory, it may not make
/// one. Fails without `guard_devices`.
#[test]
fn devices_are_guarded_without_the_v2_tree() {
    if !is_hybrid() || !Path::new("/sys/fs/cgroup/devices/devices.list").exists() {
        return skip("v1 has no hierarchy of devices here");
    }
    let sandbox = Sandbox::minimal();
    let flags = "--userns host --cap-add MKNOD --security-opt seccomp=unconfined --security-opt landlock=off";
    let script = "mknod /dev/memory c 1 1 2>&1; echo x > /dev/null && echo fine";
    let words: Vec<&str> = ["run", "--rm"].into_iter().chain(flags.split(' ')).collect();
    for view in [View::AsItIs, View::LegacyOnly] {
        let (out, _) = view.ok(&sandbox, &[&words[..], &["minimal", "sh", "-c", script]].concat());
        assert_eq!(out, "mknod: /dev/memory: Operation not permitted\nfine", "{view:?}");
    }
    let (list, _) = View::LegacyOnly
        .ok(&sandbox, &["run", "--rm", "minimal", "cat", "/sys/fs/cgroup/devices/devices.list"]);
    assert!(list.lines().any(|line| line == "c 1:3 rw") && !list.contains("a *:*"), "{list}");
}

/// The bound on processes that holds without being asked for.
#[test]
fn a_fork_bomb_is_stopped_by_the_default() {
    let sandbox = Sandbox::minimal();
    if is_unbounded(&sandbox, "pids.max") {
        return skip("no pids controller");
    }
    let bomb = helper("forks");
    let volume = format!("{}:/forks:ro", bomb.display());
    let made = |flags: &[&str]| -> u32 {
        let words = [&["run", "--rm", "-v", &volume], flags, &["minimal", "/forks", "10000"]].concat();
        sandbox.call(words).ok().parse().unwrap()
    };
    let made_by_default = made(&[]);
    assert!((1900..2048).contains(&made_by_default), "{made_by_default}");
    let few = made(&["--pids-limit", "20"]);
    assert!((10..20).contains(&few), "{few}");
    assert_eq!(made(&["--pids-limit", "-1"]), 10_000, "it is the limit that stops it");
}

/// Where there is no cgroup, the limit of a process's own stops it.
#[test]
fn a_fork_bomb_is_stopped_without_cgroups_too() {
    let sandbox = Sandbox::minimal();
    let volume = format!("{}:/forks:ro", helper("forks").display());
    let words = ["run", "--rm", "-v", &volume, "minimal", "/forks", "10000"];
    let (made, _) = View::Nothing.ok(&sandbox, &words);
    let made: u32 = made.parse().unwrap();
    assert!((1900..=2048).contains(&made), "{made}");
}

/// The bound on memory that holds without being asked for is the container's own: who goes beyond it
/// dies inside. It is made small from outside, since three quarters of this machine's memory are not
/// this test's to take.
#[test]
fn a_memory_hog_is_killed_inside_by_the_default() {
    let sandbox = Sandbox::minimal();
    let volume = format!("{}:/hog:ro", helper("hog").display());
    let words = ["run", "--rm", "-i", "--name", "walled", "-v", &volume, "minimal", "/hog", "300"];
    let mut command = sandbox.call(words).into_command();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = Killed(command.spawn().unwrap());
    let mut line = [0; 6];
    std::io::Read::read_exact(running.0.stdout.as_mut().unwrap(), &mut line).unwrap();
    let Some(file) = cgroup_file(&sandbox, &["memory.max", "memory.limit_in_bytes"]) else {
        drop(running);
        sandbox.call(["ps"]).ok();
        return skip("no memory controller");
    };
    let bound: u64 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let all = total_memory();
    assert!(bound <= all / 4 * 3 && bound > all / 4 * 3 - (1 << 20), "{bound} of {all}");
    std::fs::write(&file, (64 << 20).to_string()).unwrap();
    assert_eq!(walls(&sandbox)["cgroup"]["state"], "up");
    drop(running.0.stdin.take());
    assert_eq!(running.0.wait().unwrap().code(), Some(137));
    assert_eq!(sandbox.containers(), [""; 0]);
}

/// A container that is stopped in its tracks can still be ended.
#[test]
fn a_frozen_container_is_ended_by_a_signal_to_its_monitor() {
    let sandbox = Sandbox::minimal();
    let running = started(&sandbox, "", &[]);
    let Some(switch) = cgroup_file(&sandbox, &["cgroup.freeze"]) else {
        end(running, &sandbox);
        return skip("no cgroup v2");
    };
    std::fs::write(&switch, "1").unwrap();
    let events = switch.with_file_name("cgroup.events");
    tests::eventually("it is frozen", || {
        std::fs::read_to_string(&events).unwrap().contains("frozen 1").then_some(())
    });
    let all = places(&sandbox);
    end(running, &sandbox);
    assert!(all.iter().all(|place| !place.exists()), "{all:?}");
}

fn is_hybrid() -> bool {
    Path::new("/sys/fs/cgroup/unified/cgroup.procs").exists() && Path::new("/sys/fs/cgroup/memory").exists()
}

fn is_unbounded(sandbox: &Sandbox, file: &str) -> bool {
    let running = started(sandbox, "", &[]);
    let found = cgroup_file(sandbox, &[file]).is_some();
    end(running, sandbox);
    !found
}

fn total_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let kilobytes: u64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    kilobytes * 1024
}
