// SPDX-License-Identifier: Apache-2.0
//! `bulkhead walls`: what the kernel says of a container that runs, whoever changed it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kernel::bpf;
use serde_json::Value;
use tests::{Background, Killed, Sandbox, skip};

/// Every wall up but for what the kernel does not tell and what this machine lacks.
#[test]
fn a_default_container_has_every_wall_up() {
    let sandbox = Sandbox::minimal();
    let running = started(&sandbox, "", &[]);
    let walls = walls(&sandbox);
    let names: Vec<&str> = walls.keys().map(String::as_str).collect();
    let want = [
        "capabilities",
        "cgroup",
        "descriptors",
        "devices",
        "label",
        "landlock",
        "masks",
        "mounts",
        "namespaces",
        "no_new_privs",
        "rlimits",
        "seccomp",
        "session",
        "user",
        "view",
    ];
    assert_eq!(names, want);
    assert_eq!(not_up(&walls), DEFAULT, "{walls:#?}");
    assert!(walls.values().all(|wall| !wall["evidence"].as_str().unwrap().is_empty()));
    assert!(walls.values().all(|wall| wall["weakened_by"] == Value::Array(Vec::new())));
    end(running, &sandbox);
}

/// Whoever calls may have files open that the container must not inherit (CVE-2024-21626).
#[test]
fn what_the_caller_has_open_stays_outside() {
    let sandbox = Sandbox::minimal();
    let call = sandbox.call(["run", "--rm", "--name", NAME, "minimal", "sh", "-c", READY]).into_command();
    let mut command = Command::new("sh");
    command.args(["-c", "exec 7< /etc/passwd 8< /; exec \"$0\" \"$@\""]).arg(call.get_program());
    command.args(call.get_args()).envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let mut running = Killed(command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = [0; 6];
    std::io::Read::read_exact(running.0.stdout.as_mut().unwrap(), &mut line).unwrap();
    assert_eq!(not_up(&walls(&sandbox)), DEFAULT);
    drop(running);
    assert_eq!(sandbox.call(["ps", "-a", "-q"]).ok(), "");
}

/// Each flag lowers its wall and no other, and is named with the way back.
#[test]
fn a_flag_lowers_exactly_its_wall_and_is_named() {
    let rows: &[(&str, &[&str], &str)] = &[
        ("--userns host", &["user"], "--userns host"),
        // What the filter then lets pass is named as well.
        ("--cap-add NET_ADMIN", &["capabilities", "seccomp"], "--cap-add NET_ADMIN"),
        ("--cap-add CHOWN", &[], ""),
        ("--security-opt seccomp=unconfined", &["seccomp"], "--security-opt seccomp=unconfined"),
        ("--security-opt landlock=off", &["landlock"], "--security-opt landlock=off"),
        ("--security-opt no-new-privileges=false", &["no_new_privs"], "no-new-privileges=false"),
        ("--security-opt systempaths=unconfined", &["masks"], "systempaths=unconfined"),
        // The clocks count from the host's start then.
        ("--security-opt view=host", &["namespaces", "view"], "--security-opt view=host"),
        ("--pid host", &["namespaces"], "--pid host"),
        ("--ipc host", &["namespaces"], "--ipc host"),
        ("--uts host", &["namespaces"], "--uts host"),
        ("--cgroupns host", &["namespaces"], "--cgroupns host"),
        ("--network host", &["namespaces"], "--network host"),
        ("--device /dev/fuse", &["devices"], "--device /dev/fuse"),
        ("--memory -1", &["cgroup"], "--memory -1"),
        ("--pids-limit -1", &["cgroup"], "--pids-limit -1"),
        ("--ulimit core=1000", &["rlimits"], "--ulimit core=1000"),
        ("--ulimit nofile=100", &[], ""),
        ("-m 64m --pids-limit 20 --read-only --user 1000", &[], ""),
        (
            "--privileged",
            &["capabilities", "devices", "landlock", "masks", "no_new_privs", "seccomp"],
            "--privileged",
        ),
    ];
    let sandbox = Sandbox::minimal();
    for (flags, lowered, words) in rows {
        let running = started(&sandbox, flags, &[]);
        let walls = walls(&sandbox);
        let mut want: BTreeMap<&str, &str> = DEFAULT.into_iter().collect();
        want.extend(lowered.iter().map(|wall| (*wall, "lowered")));
        assert_eq!(not_up(&walls), want.into_iter().collect::<Vec<_>>(), "{flags}: {walls:#?}");
        for wall in lowered.iter().map(|name| &walls[*name]) {
            assert!(wall["weakened_by"].to_string().contains(words), "{flags}: {wall}");
            let restore = wall["restore"].as_str().unwrap();
            assert!(restore.contains("run it again without") && restore.contains(words), "{flags}: {wall}");
        }
        let listed = sandbox.call(["ps", "--format", "json"]).ok();
        let listed: Value = serde_json::from_str(&listed).unwrap();
        assert!(listed["Lowered"].to_string().contains(words), "{listed}");
        let inspected = sandbox.call(["inspect", NAME]).ok();
        assert!(inspected.contains(words), "{inspected}");
        end(running, &sandbox);
    }
}

/// Lowered without asking us, by whoever may: it is shown as it is, and how to put it back.
#[test]
fn what_was_changed_from_outside_is_shown_as_it_is() {
    let sandbox = Sandbox::minimal();
    let running = started(&sandbox, "-m 64m --pids-limit 20", &[]);
    assert_eq!(not_up(&walls(&sandbox)), DEFAULT);
    let memory = ["memory.max", "memory.limit_in_bytes"];
    for (names, more, less) in [(["pids.max"; 2], "2000", "10"), (memory, "104857600", "33554432")] {
        let file = cgroup_file(&sandbox, &names).unwrap();
        std::fs::write(&file, more).unwrap();
        let evidence = lowered_behind_our_back(&sandbox, "cgroup");
        assert!(evidence.contains("at the start"), "{evidence}");
        restored(&sandbox, "cgroup");
        std::fs::write(&file, less).unwrap();
        assert_eq!(not_up(&walls(&sandbox)), DEFAULT, "stricter is up");
    }
    end(running, &sandbox);
}

#[test]
fn a_limit_that_prlimit_raised_is_shown() {
    let sandbox = Sandbox::minimal();
    let running = started(&sandbox, "", &[]);
    let pid = record(&sandbox)["pid"].to_string();
    let raised = Command::new("prlimit").args(["--pid", &pid, "--core=1000:1000"]).output().unwrap();
    if raised.status.success() {
        let limits = lowered_behind_our_back(&sandbox, "rlimits");
        assert!(limits.contains("core 1000"), "{limits}");
        restored(&sandbox, "rlimits");
    } else {
        skip("nobody here may raise a hard limit (CAP_SYS_RESOURCE)");
    }
    end(running, &sandbox);
}

#[test]
fn a_process_that_left_its_cgroup_is_not_bounded_by_it() {
    let sandbox = Sandbox::minimal();
    let running = started(&sandbox, "", &[]);
    let pid = record(&sandbox)["pid"].to_string();
    let file = cgroup_file(&sandbox, &["pids.max"]).unwrap();
    let above = file.ancestors().nth(3).unwrap();
    std::fs::write(above.join("cgroup.procs"), &pid).unwrap();
    let evidence = lowered_behind_our_back(&sandbox, "cgroup");
    assert!(evidence.contains("not in it"), "{evidence}");
    end(running, &sandbox);
}

/// The program is taken off by whoever put the same one on, as root can.
#[test]
fn a_device_program_that_was_taken_off_is_missed() {
    let sandbox = Sandbox::minimal();
    let running = started(&sandbox, "", &[]);
    let Some(directory) = places(&sandbox).into_iter().find(|path| path.join("cgroup.kill").exists()) else {
        end(running, &sandbox);
        return skip("no cgroup v2 here");
    };
    let directory = std::fs::File::open(directory).unwrap();
    let programs = bpf::device_programs(&directory, bpf::Reach::Attached).unwrap();
    assert_eq!(programs.len(), 1);
    bpf::detach_device_program(&directory, bpf::open_program(programs[0]).unwrap()).unwrap();
    let evidence = lowered_behind_our_back(&sandbox, "devices");
    assert!(evidence.contains("no device program"), "{evidence}");
    end(running, &sandbox);
}

#[test]
fn without_a_name_all_that_run_are_shown_and_with_one_that_ended_an_error() {
    let sandbox = Sandbox::minimal();
    let none = sandbox.call(["walls"]).ended();
    assert_eq!((none.code, &none.out[..], &none.err[..]), (0, "", "no container runs\n"), "{none}");
    let mut running = Vec::new();
    for name in ["one", "two"] {
        let mut call = sandbox.call(["run", "--rm", "--name", name, "minimal", "sh", "-c", READY]).spawn();
        call.read_until("ready");
        running.push(call);
    }
    sandbox.call(["run", "--name", "ended", "minimal", "true"]).ok();
    let text = sandbox.call(["walls"]).ok();
    for name in ["one", "two"] {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name}, "))), "{text}");
    }
    assert!(!text.contains("ended, "), "{text}");
    let error = sandbox.call(["walls", "ended"]).fails(1);
    assert!(error.contains("container ended is not running"), "{error}");
    let error = sandbox.call(["walls", "nobody"]).fails(1);
    assert!(error.contains("no container `nobody`"), "{error}");
    drop(running);
    sandbox.call(["rm", "ended"]).ok();
    assert_eq!(sandbox.call(["ps", "-a", "-q"]).ok(), "");
}

/// A container whose monitor was killed is dead, whatever its record says.
#[test]
fn a_container_without_its_monitor_is_not_running() {
    let sandbox = Sandbox::minimal();
    let running = started(&sandbox, "", &[]);
    running.signal(kernel::rustix::process::Signal::KILL);
    running.end();
    let error = sandbox.call(["walls", NAME]).fails(1);
    assert!(error.contains("not running"), "{error}");
    assert_eq!(sandbox.call(["ps", "-q"]).ok(), "");
}

/// A container called [`NAME`] with `flags`, whose program runs.
pub(crate) fn started(sandbox: &Sandbox, flags: &str, program: &[&str]) -> Background {
    let program = if program.is_empty() { &["sh", "-c", READY] } else { program };
    let words =
        ["run", "--rm", "--name", NAME].into_iter().chain(flags.split_whitespace()).chain(["minimal"]);
    let mut running = sandbox.call(words.chain(program.iter().copied())).spawn();
    running.read_until("ready");
    running
}

/// Ends what [`started`] began, and clears.
pub(crate) fn end(running: Background, sandbox: &Sandbox) {
    drop(running);
    assert_eq!(sandbox.call(["ps", "-a", "-q"]).ok(), "");
}

/// The walls of [`NAME`], by name.
pub(crate) fn walls(sandbox: &Sandbox) -> BTreeMap<String, Value> {
    let text = sandbox.call(["walls", "--format", "json", NAME]).ok();
    let value: Value = serde_json::from_str(&text).unwrap();
    let walls = value["walls"].as_array().unwrap().iter();
    walls.map(|wall| (wall["name"].as_str().unwrap().to_owned(), wall.clone())).collect()
}

/// Names and states of the walls that are not up.
pub(crate) fn not_up(walls: &BTreeMap<String, Value>) -> Vec<(&str, &str)> {
    let states = walls.iter().map(|(name, wall)| (name.as_str(), wall["state"].as_str().unwrap()));
    states.filter(|(name, state)| *state != "up" && !(*name == "label" && has_labels())).collect()
}

/// The record of [`NAME`].
pub(crate) fn record(sandbox: &Sandbox) -> Value {
    let text = sandbox.call(["inspect", NAME]).ok();
    let value: Value = serde_json::from_str(&text).unwrap();
    value.as_array().map_or(value.clone(), |list| list[0].clone())
}

/// The directories of its cgroup that are there.
pub(crate) fn places(sandbox: &Sandbox) -> Vec<PathBuf> {
    let record = record(sandbox);
    let paths =
        record["cgroups"].as_array().unwrap().iter().map(|path| PathBuf::from(path.as_str().unwrap()));
    paths.filter(|path| path.is_dir()).collect()
}

/// The first of `names` in one of its directories.
pub(crate) fn cgroup_file(sandbox: &Sandbox, names: &[&str]) -> Option<PathBuf> {
    let places = places(sandbox);
    let mut files = places.iter().flat_map(|place| names.iter().map(|name| place.join(name)));
    files.find(|path| path.exists())
}

fn lowered_behind_our_back(sandbox: &Sandbox, name: &str) -> String {
    let walls = walls(sandbox);
    let wall = &walls[name];
    assert_eq!(wall["state"], "lowered", "{wall}");
    assert_eq!(wall["weakened_by"], Value::Array(Vec::new()), "{wall}");
    wall["evidence"].as_str().unwrap().to_owned()
}

/// Does what `restore` says, and looks.
fn restored(sandbox: &Sandbox, name: &str) {
    let words = walls(sandbox)[name]["restore"].as_str().unwrap().to_owned();
    let status = Command::new("sh").args(["-ec", &words]).status().unwrap();
    assert!(status.success(), "{words}");
    assert_eq!(walls(sandbox)[name]["state"], "up", "after {words}");
}

fn has_labels() -> bool {
    Path::new("/sys/module/apparmor/parameters/enabled").exists()
}

/// What a default container is short of here: Landlock has no read-back, and the kernel no labels.
const DEFAULT: [(&str, &str); 2] = [("label", "absent"), ("landlock", "unknown")];
pub(crate) const NAME: &str = "walled";
const READY: &str = "echo ready; exec sleep 1000";
