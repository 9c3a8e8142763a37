// SPDX-License-Identifier: Apache-2.0
//! An ordinary user's containers, with a delegated cgroup and without.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tests::{Call, Ids, Sandbox};

/// A cgroup that belongs to the harness's ordinary user, as `systemd-run --user --scope` makes one.
fn delegated(name: &str) -> PathBuf {
    let controllers = "+memory +pids +cpu +cpuset +io";
    let outer = Path::new("/sys/fs/cgroup").join(name);
    std::fs::write("/sys/fs/cgroup/cgroup.subtree_control", controllers).unwrap();
    std::fs::create_dir(&outer).unwrap();
    std::fs::write(outer.join("cgroup.subtree_control"), controllers).unwrap();
    let scope = outer.join("scope");
    std::fs::create_dir(&scope).unwrap();
    for file in ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"] {
        std::os::unix::fs::chown(scope.join(file), Some(4242), Some(4242)).unwrap();
    }
    scope
}

/// Makes the call in `cgroup`.
fn in_cgroup(call: Call, cgroup: &Path) -> Output {
    let call = call.into_command();
    let mut command = Command::new("sh");
    command.args(["-euc", "echo $$ > \"$1/cgroup.procs\"; shift; exec \"$@\"", "sh"]).arg(cgroup);
    command.arg(call.get_program()).args(call.get_args()).current_dir(call.get_current_dir().unwrap());
    command.env_clear();
    for (name, value) in call.get_envs() {
        command.env(name, value.unwrap());
    }
    command.output().unwrap()
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    sandbox
}

#[test]
fn a_delegated_cgroup_bounds_an_ordinary_users_container() {
    let sandbox = sandbox();
    let script =
        "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu.max; cat /proc/self/cgroup";
    let call = sandbox.sh("-m 64m --pids-limit 20 --cpus 0.5", script);
    let output = in_cgroup(call, &delegated("lane-delegated"));
    let out = String::from_utf8_lossy(&output.stdout);
    let all = format!("{out}\n{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(out, "67108864\n20\n50000 100000\n0::/\n", "{all}");
    assert!(output.status.success(), "{all}");
}

#[test]
fn memory_beyond_a_delegated_bound_kills_inside() {
    let sandbox = sandbox();
    let output = in_cgroup(sandbox.run("-m 16m minimal tail /dev/zero"), &delegated("lane-killed"));
    assert_eq!(output.status.code(), Some(137), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn without_delegation_a_bound_is_refused_and_a_default_is_told() {
    let sandbox = sandbox();
    let error = sandbox.sh("-m 64m", "echo ran").fails(125);
    assert!(error.contains("--memory") && error.contains("delegated"), "{error}");
    let ended = sandbox.sh("", "id -u").ended();
    assert_eq!((ended.code, ended.out.as_str()), (0, "0\n"), "{ended}");
    assert!(ended.err.contains("no cgroup bounds memory and processes"), "{ended}");
}
