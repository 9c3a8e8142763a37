// SPDX-License-Identifier: Apache-2.0
//! Containers that outlive the command that started them.

use std::time::Duration;

use kernel::rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::{Ids, Sandbox, eventually};

fn state(sandbox: &Sandbox, name: &str) -> Value {
    let found: Value = serde_json::from_str(&sandbox.call(["inspect", name]).ok()).unwrap();
    found[0].clone()
}

/// The monitor of a container, by what it was called with.
fn monitor(sandbox: &Sandbox, id: &str) -> Option<Pid> {
    let root = sandbox.root().canonicalize().unwrap();
    let wanted = format!("attend\0{}\0{id}\0", root.display());
    let mut all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let words = std::fs::read(entry.path().join("cmdline")).ok()?;
        String::from_utf8_lossy(&words).ends_with(&wanted).then_some(pid)
    });
    all.next().and_then(Pid::from_raw)
}

#[test]
fn it_runs_on_alone_and_is_started_again() {
    let sandbox = Sandbox::minimal();
    let id =
        sandbox.call(["run", "-d", "--name", "web", "minimal", "sh", "-c", "echo up; exec sleep 1000"]).ok();
    assert_eq!(id.len(), 64);
    assert_eq!(state(&sandbox, "web")["state"], "running");
    assert_eq!(sandbox.call(["exec", "web", "sh", "-c", "echo in >/mark; echo $HOSTNAME"]).ok(), id[..12]);
    assert_eq!(sandbox.call(["start", "web"]).ok(), "web", "it runs already");
    assert_eq!(sandbox.call(["stop", "--timeout", "0", "web"]).ok(), "web");
    assert_eq!(state(&sandbox, "web")["exit_code"], 137);
    assert_eq!(sandbox.call(["stop", "web"]).ok(), "web", "it has ended already");
    assert_eq!(sandbox.call(["wait", "web"]).ok(), "137");
    sandbox.call(["start", "web"]).ok();
    assert_eq!(sandbox.call(["exec", "web", "cat", "/mark"]).ok(), "in", "what it wrote is there again");
    eventually("both starts are in the log", || {
        (sandbox.call(["logs", "web"]).ok() == "up\nup").then_some(())
    });
    assert!(sandbox.call(["rm", "web"]).fails(1).contains("is running"));
    sandbox.call(["kill", "web"]).ok();
    sandbox.call(["wait", "web"]).ok();
    sandbox.call(["rm", "web"]).ok();
    assert!(sandbox.containers().is_empty());
}

#[test]
fn it_goes_by_itself_when_it_ends() {
    let sandbox = Sandbox::minimal();
    sandbox.call(["run", "-d", "--rm", "--name", "brief", "minimal", "sleep", "1000"]).ok();
    sandbox.call(["kill", "brief"]).ok();
    tests::eventually("its directory is gone", || sandbox.containers().is_empty().then_some(()));
}

#[test]
fn it_is_made_first_and_started_later() {
    let sandbox = Sandbox::minimal();
    sandbox.call(["create", "--name", "later", "-e", "A=1", "minimal", "sh", "-c", "echo $A; exit 3"]).ok();
    assert!(sandbox.call(["ps", "-a"]).ok().contains("Created"));
    assert!(sandbox.call(["exec", "later", "true"]).fails(1).contains("is not running"));
    let attached = sandbox.call(["start", "-a", "later"]).ended();
    assert_eq!((attached.code, attached.out.as_str()), (3, "1\n"), "{attached}");
    assert_eq!(sandbox.call(["wait", "later"]).ok(), "3");
    sandbox.call(["rm", "later"]).ok();
}

#[test]
fn what_keeps_it_from_running_is_told_and_leaves_it_made() {
    let sandbox = Sandbox::minimal();
    let told = sandbox.call(["run", "-d", "--name", "bad", "minimal", "nothing-here"]).fails(127);
    assert!(told.contains("`nothing-here` was not found"), "{told}");
    assert_eq!(state(&sandbox, "bad")["state"], "created");
    assert!(sandbox.call(["start", "bad"]).fails(1).contains("nothing-here"));
    sandbox.call(["rm", "bad"]).ok();
    assert!(sandbox.containers().is_empty());
}

#[test]
fn signals_reach_it_and_its_patience_counts() {
    let sandbox = Sandbox::minimal();
    let script = "trap 'echo got; exit 5' USR1; echo ready; while :; do sleep 0.01; done";
    sandbox.call(["run", "-d", "--name", "box", "--stop-signal", "USR1", "minimal", "sh", "-c", script]).ok();
    eventually("it is ready", || (sandbox.call(["logs", "box"]).ok() == "ready").then_some(()));
    sandbox.call(["stop", "box"]).ok();
    assert_eq!(state(&sandbox, "box")["exit_code"], 5);
    assert!(sandbox.call(["kill", "box"]).fails(1).contains("is not running"));
    sandbox.call(["start", "box"]).ok();
    sandbox.call(["kill", "--signal", "USR1", "box"]).ok();
    assert_eq!(sandbox.call(["wait", "box"]).ok(), "5");
}

#[test]
fn programs_beside_it_end_as_they_end() {
    let sandbox = Sandbox::minimal();
    sandbox
        .call([
            "run", "-d", "--name", "box", "-u", "user", "-w", "/tmp", "-e", "X=1", "minimal", "sleep", "1000",
        ])
        .ok();
    assert_eq!(sandbox.call(["exec", "box", "sh", "-c", "id -un; pwd; echo $X"]).ok(), "user\n/tmp\n1");
    let other = ["exec", "-u", "root", "-w", "/etc", "-e", "X=2", "box", "sh", "-c", "id -un; pwd; echo $X"];
    assert_eq!(sandbox.call(other).ok(), "root\n/etc\n2");
    assert_eq!(sandbox.call(["exec", "-i", "box", "cat"]).input("one\ntwo").ok(), "one\ntwo");
    assert_eq!(sandbox.call(["exec", "box", "cat"]).input("unread").ok(), "", "no -i, no input");
    sandbox.call(["exec", "box", "sh", "-c", "exit 7"]).fails(7);
    sandbox.call(["exec", "box", "sh", "-c", "kill -9 $$"]).fails(137);
    assert!(sandbox.call(["exec", "box", "nothing"]).fails(127).contains("was not found"));
    assert!(sandbox.call(["exec", "box", "/etc/passwd"]).fails(126).contains("/etc/passwd"));
    assert!(sandbox.call(["exec", "-u", "nobody-here", "box", "true"]).fails(125).contains("nobody-here"));
    assert!(sandbox.call(["exec", "-w", "/none", "box", "true"]).fails(126).contains("/none"));
    assert_eq!(
        sandbox.call(["exec", "box", "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"]).ok().len(),
        3_000_000
    );
    sandbox.call(["exec", "-d", "box", "sh", "-c", "echo there >/tmp/mark; exec sleep 1000"]).ok();
    eventually("it works on its own", || {
        (sandbox.call(["exec", "box", "cat", "/tmp/mark"]).ended().out == "there\n").then_some(())
    });
    // Signals reach the first process from beside it, as `nginx -s reload` needs.
    assert_eq!(sandbox.call(["exec", "box", "sh", "-c", "kill -0 1 && echo reached"]).ok(), "reached");
    sandbox.call(["rm", "box"]).fails(1);
    sandbox.call(["stop", "-t", "0", "box"]).ok();
    sandbox.call(["rm", "box"]).ok();
}

/// The process that sleeps for so long in the pid namespace of `first`.
fn sleeper(seconds: &str, first: i64) -> Option<i64> {
    let wanted = std::fs::read_link(format!("/proc/{first}/ns/pid")).unwrap();
    let mut all = std::fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: i64 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let space = std::fs::read_link(format!("/proc/{pid}/ns/pid")).ok()?;
        (space == wanted && words == format!("sleep\0{seconds}\0").as_bytes()).then_some(pid)
    });
    all.next()
}

/// Wall by wall: what /proc says of the first process, it says of one beside it.
#[test]
fn programs_beside_it_stand_behind_the_same_walls() {
    let sandbox = Sandbox::minimal();
    sandbox.call(["run", "-d", "--name", "box", "--cap-drop", "CHOWN", "minimal", "sleep", "1000"]).ok();
    let wanted = "^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups)";
    let of = |pid: &str| format!("grep -E '{wanted}' /proc/{pid}/status");
    let inside = |script: &str| sandbox.call(["exec", "box", "sh", "-c", script]).ok();
    assert_eq!(inside(&of("self")), inside(&of("1")));
    let bounds = "cat /proc/PID/cgroup /proc/PID/limits /proc/PID/uid_map /proc/PID/gid_map";
    assert_eq!(inside(&bounds.replace("PID", "self")), inside(&bounds.replace("PID", "1")));
    // From outside, since Landlock keeps the two from looking into each other.
    sandbox.call(["exec", "-d", "box", "sleep", "1001"]).ok();
    let first = state(&sandbox, "box")["pid"].as_i64().unwrap();
    let beside = eventually("the other one runs", || sleeper("1001", first));
    for space in ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup", "time"] {
        let of = |pid: i64| std::fs::read_link(format!("/proc/{pid}/ns/{space}")).unwrap();
        assert_eq!(of(first), of(beside), "{space}");
    }
    let open = inside("ls -l /proc/self/fd");
    assert!(
        open.lines().all(|line| line.contains("pipe:") || line.contains("/proc/") || !line.contains("->")),
        "{open}"
    );
    assert!(sandbox.call(["exec", "box", "mount", "-t", "tmpfs", "x", "/mnt"]).ended().code != 0);
    assert!(sandbox.call(["exec", "box", "chown", "user", "/tmp"]).ended().code != 0);
    // Its answers about limits come from the same view.
    assert_eq!(inside("grep MemTotal /proc/meminfo; nproc"), inside("grep MemTotal /proc/meminfo; nproc"));
    sandbox.call(["exec", "box", "free"]).ok();
}

#[test]
fn a_terminal_beside_it_is_its_own() {
    let sandbox = Sandbox::minimal();
    sandbox.call(["run", "-d", "--name", "box", "minimal", "sleep", "1000"]).ok();
    let said = sandbox
        .call(["exec", "-t", "box", "sh", "-c", "tty; test -t 0 && test -t 1 && test -t 2 && echo all"])
        .ok();
    assert!(said.starts_with("/dev/pts/") && said.ends_with("all"), "{said}");
}

#[test]
fn who_attaches_sees_what_comes_and_how_it_ends() {
    let sandbox = Sandbox::minimal();
    sandbox
        .call([
            "run",
            "-d",
            "-i",
            "--name",
            "box",
            "minimal",
            "sh",
            "-c",
            "read line; echo got $line; echo err >&2; exit 4",
        ])
        .ok();
    let attached = sandbox.call(["attach", "box"]).input("hello\n").ended();
    assert_eq!(
        (attached.code, attached.out.as_str(), attached.err.as_str()),
        (4, "got hello\n", "err\n"),
        "{attached}"
    );
    let logged = sandbox.call(["logs", "box"]).ended();
    assert_eq!((logged.out.as_str(), logged.err.as_str()), ("got hello\n", "err\n"));
}

/// Signals of whoever is attached go to the container, and end a visit to a program beside it.
#[test]
fn signals_go_where_they_belong() {
    let sandbox = Sandbox::minimal();
    let script = "trap 'echo got; exit 6' TERM; echo ready; while :; do sleep 0.01; done";
    sandbox.call(["create", "--name", "box", "minimal", "sh", "-c", script]).ok();
    let mut attached = sandbox.call(["start", "-a", "box"]).spawn();
    attached.read_until("ready");
    let mut beside = sandbox.call(["exec", "box", "sh", "-c", "echo beside; exec sleep 1000"]).spawn();
    beside.read_until("beside");
    beside.signal(Signal::INT);
    assert_eq!(beside.end().0, 130);
    attached.signal(Signal::TERM);
    let (code, out, _) = attached.end();
    assert_eq!((code, out.trim()), (6, "got"));
}

/// Whoever follows sees the lines as they come, and the end.
#[test]
fn logs_are_followed_to_the_end() {
    let sandbox = Sandbox::minimal();
    let script = "echo one; while ! test -e /go; do sleep 0.01; done; echo two";
    sandbox.call(["run", "-d", "--name", "box", "minimal", "sh", "-c", script]).ok();
    let mut followed = sandbox.call(["logs", "-f", "box"]).spawn();
    assert_eq!(followed.line().as_deref(), Some("one"));
    sandbox.call(["exec", "box", "touch", "/go"]).ok();
    assert_eq!(followed.line().as_deref(), Some("two"));
    assert_eq!(followed.end().0, 0);
    assert_eq!(sandbox.call(["logs", "--tail", "1", "box"]).ok(), "two");
}

/// A reader who does not read is cut off; the container goes on.
#[test]
fn a_slow_reader_holds_nobody_up() {
    let sandbox = Sandbox::minimal();
    let script = "read line; head -c 8000000 /dev/zero; touch /done; exec sleep 1000";
    sandbox.call(["run", "-d", "-i", "--name", "box", "minimal", "sh", "-c", script]).ok();
    let mut attached = sandbox.call(["attach", "box"]).into_command();
    attached.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut attached = attached.spawn().unwrap();
    std::io::Write::write_all(attached.stdin.as_mut().unwrap(), b"go\n").unwrap();
    eventually("it has written everything", || {
        (sandbox.call(["exec", "box", "test", "-e", "/done"]).ended().code == 0).then_some(())
    });
    attached.kill().unwrap();
    attached.wait().unwrap();
}

/// The command that started it may be killed; its monitor may not, and that is told.
#[test]
fn a_killed_monitor_takes_it_along_and_is_told() {
    let sandbox = Sandbox::minimal();
    let id = sandbox.call(["run", "-d", "--name", "box", "minimal", "sleep", "1000"]).ok();
    let pid = monitor(&sandbox, &id).unwrap();
    let waiting = sandbox.call(["wait", "box"]).within(Duration::from_secs(30));
    kill_process(pid, Signal::KILL).unwrap();
    drop(waiting);
    let listed = eventually("it has ended", || {
        let listed = sandbox.call(["ps", "-a"]).ok();
        listed.contains("Exited (137)").then_some(listed)
    });
    assert!(listed.contains(" box"), "{listed}");
    sandbox.call(["start", "box"]).ok();
    assert_eq!(sandbox.call(["exec", "box", "echo", "again"]).ok(), "again");
}

#[test]
fn an_ordinary_users_containers_live_as_well() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    sandbox.call(["run", "-d", "--name", "box", "minimal", "sh", "-c", "echo up; exec sleep 1000"]).ok();
    assert_eq!(sandbox.call(["exec", "-u", "user", "box", "id", "-un"]).ok(), "user");
    assert_eq!(sandbox.call(["logs", "box"]).ok(), "up");
    sandbox.call(["stop", "-t", "0", "box"]).ok();
    sandbox.call(["start", "box"]).ok();
    sandbox.call(["kill", "box"]).ok();
    assert_eq!(sandbox.call(["wait", "box"]).ok(), "137");
    sandbox.call(["rm", "box"]).ok();
}
