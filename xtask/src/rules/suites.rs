// SPDX-License-Identifier: Apache-2.0
//! Every suite is run, and CI runs what people run.

use super::root;
use crate::test::step_names;

#[test]
fn every_suite_has_its_step() {
    let steps = step_names();
    for entry in std::fs::read_dir(root().join("tests")).unwrap() {
        let directory = entry.unwrap().path();
        if directory.join("main.rs").exists() {
            let name = directory.file_name().unwrap().to_str().unwrap();
            assert!(steps.contains(&name), "tests/{name} is run by no step of `cargo xtask test`");
        }
    }
}

#[test]
fn ci_runs_the_test_command_and_nothing_else() {
    let script = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    let lines = script.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    assert_eq!(
        lines.collect::<Vec<_>>(),
        ["set -euo pipefail", "cd \"$(dirname \"$0\")/..\"", "exec cargo xtask test \"$@\""]
    );
}
