// SPDX-License-Identifier: Apache-2.0
//! A container that plays with the other side of its own streams. Nothing it does may hold up the monitor,
//! which passes signals on and sees to its end.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tests::{Sandbox, eventually};

use crate::hostile::{INSIDE, helper_mount};

/// Takes away the output that poll(2) just promised. Fails without: `never_wait` in launch.rs.
#[test]
fn stolen_output_does_not_stop_the_monitor() {
    let script = format!(
        "trap 'exit 9' TERM; {INSIDE} steal /proc/self/fd/1 read & \
         i=0; while [ $i -lt 3000 ]; do printf x; i=$((i + 1)); done; \
         echo ready >&2; while :; do sleep 0.1; done"
    );
    assert_ends_by_signal(&[], &script);
}

/// Fills and drains its input, so that there is never room when poll(2) has just said so. Fails without:
/// `never_wait` in launch.rs.
#[test]
fn a_stuffed_input_does_not_stop_the_monitor() {
    let script = format!(
        "trap 'exit 9' TERM; {INSIDE} steal /proc/self/fd/0 read & {INSIDE} steal /proc/self/fd/0 write & \
         sleep 1; kill $!; sleep 1; {INSIDE} steal /proc/self/fd/0 write & \
         echo ready >&2; while :; do sleep 0.1; done"
    );
    assert_ends_by_signal(&["-i"], &script);
}

/// CVE-2022-1708, CVE-2022-31030: output without end does not fill the monitor's memory. Fails without: the
/// bounded buffer of engine/flow.rs.
#[test]
fn output_without_end_is_not_gathered() {
    let sandbox = Sandbox::minimal();
    let mut command = sandbox.sh("", "head -c 300000000 /dev/zero").into_command();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let mut most = 0;
    let status = loop {
        most = most.max(resident(&child));
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
    };
    assert!(status.success());
    assert!(most > 0 && most < 40 << 10, "{most} KiB");
}

fn assert_ends_by_signal(flags: &[&str], script: &str) {
    let sandbox = Sandbox::minimal();
    let mount = helper_mount();
    let start = ["run", "--rm", "-v", &mount].into_iter().chain(flags.iter().copied());
    let call = sandbox.call(start.chain(["minimal", "sh", "-c", script])).into_command();
    let mut command = Command::new("sh");
    // The input never ends and the output is read by nobody for long.
    command.args(["-c", "head -c 100000000 /dev/zero | exec \"$@\" 2>errors | sleep 60", "sh"]);
    command.arg(call.get_program()).args(call.get_args()).env_clear();
    command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let errors = sandbox.file("errors");
    command.current_dir(errors.parent().unwrap()).process_group(0);
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let told = || std::fs::read_to_string(&errors).unwrap_or_default();
    eventually("the container is ready", || told().contains("ready").then_some(()));
    let monitor = monitor_of(&child);
    signal(monitor, kernel::rustix::process::Signal::TERM);
    let start = Instant::now();
    while alive(monitor) && start.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let held_up = alive(monitor);
    // The pipeline is ours alone: its process group.
    let group = kernel::rustix::process::Pid::from_child(&child);
    kernel::rustix::process::kill_process_group(group, kernel::rustix::process::Signal::KILL).unwrap();
    child.wait().unwrap();
    assert!(!held_up, "the monitor did not pass the signal on");
}

/// The one of the pipeline's processes that is the binary under test.
fn monitor_of(pipeline: &Child) -> i32 {
    let children = format!("/proc/{0}/task/{0}/children", pipeline.id());
    let list = std::fs::read_to_string(children).unwrap();
    let pids = list.split_whitespace().map(|pid| pid.parse::<i32>().unwrap());
    let name = |pid: i32| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    pids.into_iter().find(|pid| name(*pid).contains("minimal\0sh")).unwrap()
}

fn signal(pid: i32, signal: kernel::rustix::process::Signal) {
    kernel::rustix::process::kill_process(kernel::rustix::process::Pid::from_raw(pid).unwrap(), signal)
        .unwrap();
}

fn alive(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}

/// KiB.
fn resident(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
