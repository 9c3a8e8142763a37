// SPDX-License-Identifier: Apache-2.0
//! What only the guest of `cargo xtask lane` can show: cgroup v2 alone with every controller,
//! AppArmor enforcing, and a kernel older than some of what the engine uses.
//!
//! Tests here may change the whole machine: it is switched off afterwards.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod apparmor;
mod guest;
mod kernel;
mod limits;
mod rootless;

use serde_json::Value;
use tests::{Background, Sandbox};

/// Runs `script` in a container of the name [`NAME`], up to the line `ready`.
fn start(sandbox: &Sandbox, flags: &str, script: &str) -> Background {
    let words = ["run", "--rm", "--name", NAME].into_iter().chain(flags.split_whitespace());
    let mut call = sandbox.call(words.chain(["minimal", "sh", "-c", script])).spawn();
    call.read_until("ready");
    call
}

/// Ends what [`start`] began; the next command clears what is left of it.
fn end(call: Background, sandbox: &Sandbox) {
    drop(call);
    assert_eq!(sandbox.call(["ps", "-a", "-q"]).ok(), "");
}

/// The walls of [`NAME`].
fn walls(sandbox: &Sandbox) -> Vec<Value> {
    let told = sandbox.call(["walls", "--format", "json", NAME]).ok();
    let told: Value = serde_json::from_str(&told).unwrap();
    told["walls"].as_array().unwrap().clone()
}

/// One of them.
fn wall(sandbox: &Sandbox, name: &str) -> Value {
    walls(sandbox).into_iter().find(|row| row["name"] == name).unwrap()
}

const NAME: &str = "watched";
/// A script that runs on.
const WAIT: &str = "echo ready; exec sleep 1000";
