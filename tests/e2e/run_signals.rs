// SPDX-License-Identifier: Apache-2.0
//! `run`: signals passed on, the init, and what becomes of a container whose monitor is killed.

use kernel::rustix::process::Signal;
use tests::{Background, Sandbox, eventually};

/// A script that says which signals reach it; CONT ends it with 7.
const LISTENER: &str = "for s in HUP INT QUIT USR1 USR2 TERM ALRM WINCH; do trap \"echo got $s\" $s; done; \
                        trap 'echo got real time' 37; trap 'exit 7' CONT; echo ready; while :; do sleep 1000 & wait $!; done";

fn listener(sandbox: &Sandbox, flags: &[&str]) -> Background {
    let words = ["run", "--rm"].iter().chain(flags).chain(&["minimal", "sh", "-c", LISTENER]);
    let mut running = sandbox.call(words).spawn();
    running.read_until("ready");
    running
}

#[test]
fn signals_are_passed_on() {
    for flags in [&[][..], &["--init"]] {
        let sandbox = Sandbox::minimal();
        let mut running = listener(&sandbox, flags);
        for (signal, name) in [
            (Signal::HUP, "HUP"),
            (Signal::INT, "INT"),
            (Signal::QUIT, "QUIT"),
            (Signal::USR1, "USR1"),
            (Signal::USR2, "USR2"),
            (Signal::TERM, "TERM"),
            (Signal::ALARM, "ALRM"),
            (Signal::WINCH, "WINCH"),
        ] {
            running.signal(signal);
            assert_eq!(running.read_until("got"), format!("got {name}"), "{flags:?}");
        }
        kernel::process::signal_process(running.pid(), 37).unwrap();
        running.read_until("got real time");
        running.signal(Signal::CONT);
        assert_eq!(running.end().0, 7);
    }
}

#[test]
fn a_signal_that_ends_the_program_is_128_and_its_number() {
    let sandbox = Sandbox::minimal();
    // The first process of a pid namespace dies of none that it does not handle, so its init does.
    for (script, code) in
        [("kill -TERM $$", 143), ("kill -KILL $$", 137), ("kill -USR1 $$", 138), ("exit 255", 255)]
    {
        sandbox.sh("--init", script).fails(code);
    }
    // From outside KILL reaches the first process too: it is how the kernel ends the container.
    let mut running = sandbox.sh("", "echo ready; while :; do sleep 1000; done").spawn();
    running.read_until("ready");
    let first = first_process(&sandbox);
    kernel::rustix::process::kill_process(
        kernel::rustix::process::Pid::from_raw(first).unwrap(),
        Signal::KILL,
    )
    .unwrap();
    assert_eq!(running.end().0, 137);
}

/// The first process of the only container that runs, by its number outside.
fn first_process(sandbox: &Sandbox) -> i32 {
    let [id] = &sandbox.containers()[..] else { panic!("not one container: {:?}", sandbox.containers()) };
    let shown = sandbox.call(["inspect", id]).ok();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    i32::try_from(shown[0]["pid"].as_i64().unwrap()).unwrap()
}

#[test]
fn an_init_reaps_what_nobody_waits_for() {
    let sandbox = Sandbox::minimal();
    // Ten orphans end. Without an init they stay as zombies below this shell, which never waits.
    let script = "for i in 0 1 2 3 4 5 6 7 8 9; do (true &); done; \
                  tries=0; until [ $(grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l) = 0 ]; do \
                  tries=$((tries+1)); [ $tries -lt 2000 ] || { echo zombies; exit 1; }; done; echo none; cat /proc/1/comm";
    let ended = sandbox.sh("--init", script).ok();
    assert!(ended.starts_with("none\n"), "{ended}");
    assert_eq!(sandbox.sh("--init", "tr -d '\\0' < /proc/1/cmdline; echo; echo $$").ok(), "bulkhead-init\n2");
    assert_eq!(sandbox.sh("", "echo $$").ok(), "1");
    sandbox.run("--init minimal /no/such/program").fails(127);
    sandbox.run("--init minimal /etc/passwd").fails(126);
    sandbox.sh("--init", "exit 5").fails(5);
}

#[test]
fn nothing_outlives_a_monitor_that_is_killed() {
    for flags in ["", "--init", "-t", "-u user"] {
        let sandbox = Sandbox::minimal();
        let mut running = sandbox.sh(flags, "sleep 1000 & echo ready; sleep 1000").spawn();
        running.read_until("ready");
        let first = first_process(&sandbox);
        let pidfd = kernel::rustix::process::pidfd_open(
            kernel::rustix::process::Pid::from_raw(first).unwrap(),
            kernel::rustix::process::PidfdFlags::empty(),
        )
        .unwrap();
        running.signal(Signal::KILL);
        assert_eq!(running.end().0, 137, "{flags}");
        eventually("the container ends with its monitor", || {
            let mut polled =
                [kernel::rustix::event::PollFd::new(&pidfd, kernel::rustix::event::PollFlags::IN)];
            let now = kernel::rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            (kernel::rustix::event::poll(&mut polled, Some(&now)).unwrap() == 1).then_some(())
        });
        // The next command, whatever it is, clears what is left; the sandbox looks for it.
        sandbox.call(["ps"]).ok();
        assert!(sandbox.containers().is_empty(), "{flags}");
    }
}
