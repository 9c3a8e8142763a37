// SPDX-License-Identifier: Apache-2.0
//! The shortest way through everything.

use tests::{Ids, Sandbox};

#[test]
fn a_program_runs_and_its_exit_code_comes_back() {
    let sandbox = Sandbox::minimal();
    assert_eq!(sandbox.sh("", "echo hello; id -u").ok(), "hello\n0");
    assert_eq!(sandbox.sh("", "exit 7").fails(7), "");
}

#[test]
fn an_ordinary_user_runs_a_program() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    assert_eq!(sandbox.sh("", "id -u; cat /proc/self/uid_map | wc -l").ok(), "0\n2");
}

#[test]
fn an_ordinary_user_without_ranges_runs_a_program_and_is_told() {
    let sandbox = Sandbox::rootless(Ids::None);
    sandbox.import("minimal.tar", "minimal");
    let ended = sandbox.sh("", "id -u").ended();
    assert_eq!((ended.code, ended.out.as_str()), (0, "0\n"), "{ended}");
    assert!(ended.err.contains("/etc/subuid"), "{ended}");
}
