// SPDX-License-Identifier: Apache-2.0
//! One test of many named parts, for what shares something dear.

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;

/// A part: its name and what it does.
pub type Step<'a> = (&'a str, fn(&crate::Sandbox));

/// Runs every step on `sandbox`, two at a time, each in a thread of its name; fails at the end with the names of
/// those that failed.
#[track_caller]
pub fn steps(sandbox: &crate::Sandbox, steps: &[Step<'_>]) {
    let waiting = Mutex::new(steps.iter());
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting.lock().unwrap().next();
            let Some((name, step)) = next else { break };
            let run = std::thread::Builder::new().name((*name).to_owned());
            let ended = std::thread::scope(|scope| {
                let run =
                    run.spawn_scoped(scope, || std::panic::catch_unwind(AssertUnwindSafe(|| step(sandbox))));
                run.unwrap().join().is_ok_and(|ended| ended.is_ok())
            });
            println!("{name}: {}", if ended { "ok" } else { "FAILED" });
            if !ended {
                failed.lock().unwrap().push(*name);
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}
