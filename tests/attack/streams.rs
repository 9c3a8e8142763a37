// SPDX-License-Identifier: Apache-2.0
//! A container that plays with the other side of its own streams. Nothing it does may hold up the monitor,
//! which passes signals on and sees to its end.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tests::{Sandbox, eventually};

use crate::hostile::{INSIDE, helper_mount};

/// Takes away the output that poll(2) just promised. Fails without: `never_wait` in launch.rs.
#[test]
fn stolen_output_does_not_stop_the_monitor() {
    let burst = "dd if=/dev/zero bs=512 count=400 2>/dev/null";
    assert_signals_pass(&[], &format!("{INSIDE} steal /proc/self/fd/1 &"), burst);
}

/// Fills and drains its input, so that there is never the room that poll(2) has just promised. Fails
/// without: `never_wait` in launch.rs.
#[test]
fn a_stuffed_input_does_not_stop_the_monitor() {
    let burst = format!("{INSIDE} stuff /proc/self/fd/0");
    assert_signals_pass(&["-i"], "", &burst);
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

/// After each of many bursts of `burst`, a signal must still come through: a monitor that waits for a stream
/// passes none on.
fn assert_signals_pass(flags: &[&str], before: &str, burst: &str) {
    let sandbox = Sandbox::minimal();
    let script = format!(
        "trap 'go=1' USR1; {before} for round in $(seq {ROUNDS}); do {burst}; go=; echo burst $round. >&2; \
         while [ -z \"$go\" ]; do sleep 0.05; done; done; echo over >&2; sleep 300"
    );
    let mount = helper_mount();
    let start = ["run", "--rm", "-v", &mount].into_iter().chain(flags.iter().copied());
    let call = sandbox.call(start.chain(["minimal", "sh", "-c", &script])).into_command();
    let mut command = Command::new("sh");
    command.args(["-c", "head -c 1000000000 /dev/zero | \"$@\" 2>errors | cat >/dev/null", "sh"]);
    command.arg(call.get_program()).args(call.get_args()).env_clear();
    command.envs(call.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let errors = sandbox.file("errors");
    command.current_dir(errors.parent().unwrap()).process_group(0);
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let passed = (1..=ROUNDS).take_while(|round| {
        wait_for(&errors, &format!("burst {round}.")) && {
            signal(monitor_of(&child), kernel::rustix::process::Signal::USR1);
            let next = if *round == ROUNDS { "over".to_owned() } else { format!("burst {}.", round + 1) };
            wait_for(&errors, &next)
        }
    });
    let passed = passed.count();
    // The pipeline is ours alone: its process group.
    let group = kernel::rustix::process::Pid::from_child(&child);
    kernel::rustix::process::kill_process_group(group, kernel::rustix::process::Signal::KILL).unwrap();
    child.wait().unwrap();
    eventually("the pipeline is gone", || {
        kernel::rustix::process::test_kill_process_group(group).is_err().then_some(())
    });
    sandbox.call(["ps"]).ok();
    assert_eq!(passed, ROUNDS, "the monitor did not pass a signal on");
}

/// Whether `text` is there within ten seconds.
fn wait_for(path: &Path, text: &str) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(10) {
        if std::fs::read_to_string(path).is_ok_and(|said| said.contains(text)) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
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

/// KiB.
fn resident(child: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

const ROUNDS: usize = 20;
