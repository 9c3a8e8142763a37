// SPDX-License-Identifier: Apache-2.0
//! Many commands on one state root: each gets what is its own, and nobody breaks what another makes.

use std::collections::HashSet;

use serde_json::Value;
use tests::{Background, Sandbox};

#[test]
fn fifty_at_once_have_names_ids_and_ranges_of_their_own() {
    let sandbox = Sandbox::minimal();
    let script = "cat /proc/self/uid_map; echo ready; exec sleep 1000";
    let calls: Vec<_> =
        (0..FIFTY).map(|_| sandbox.call(["run", "--rm", "minimal", "sh", "-c", script])).collect();
    let mut running: Vec<Background> = calls.into_iter().map(tests::Call::spawn).collect();
    let ranges: HashSet<String> = running
        .iter_mut()
        .map(|run| {
            let map = run.read_until("65536");
            run.read_until("ready");
            map.split_whitespace().nth(1).unwrap().to_owned()
        })
        .collect();
    assert_eq!(ranges.len(), FIFTY, "{ranges:?}");
    let listed = sandbox.call(["ps", "--no-trunc", "--format", "json"]).ok();
    let rows: Vec<Value> = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for key in ["ID", "Names"] {
        let distinct: HashSet<&str> = rows.iter().map(|row| row[key].as_str().unwrap()).collect();
        assert_eq!(distinct.len(), FIFTY, "{key}");
    }
    drop(running);
    assert_empty(&sandbox);
}

/// They come and go at the same time, so each meets others in every state.
#[test]
fn short_runs_in_parallel_all_succeed() {
    let sandbox = Sandbox::minimal();
    let ended =
        in_parallel(8, |_| (0..25).map(|_| sandbox.run("minimal echo fine").ended()).collect::<Vec<_>>());
    for run in ended.iter().flatten() {
        assert_eq!((run.code, &run.out[..], &run.err[..]), (0, "fine\n", ""), "{run}");
    }
    assert_empty(&sandbox);
}

#[test]
fn of_those_who_want_a_name_exactly_one_gets_it() {
    let sandbox = Sandbox::minimal();
    for round in 0..10 {
        let script = "echo mine; exec sleep 1000";
        let call = || sandbox.call(["run", "--rm", "--name", "wanted", "minimal", "sh", "-c", script]);
        let mut running: Vec<Background> = (0..4).map(|_| call().spawn()).collect();
        // All but one end by themselves; the one that stays is the one that said it has it.
        let mut winner = None;
        for (at, run) in running.iter_mut().enumerate() {
            if run.line().as_deref() == Some("mine") {
                assert_eq!(winner.replace(at), None, "round {round}: two have the name");
            }
        }
        let winner = winner.unwrap_or_else(|| panic!("round {round}: nobody has the name"));
        let held = running.remove(winner);
        for run in running {
            let (code, _, errors) = run.end();
            assert!(code == 125 && errors.contains("in use"), "round {round}: {code} {errors}");
        }
        assert_eq!(sandbox.call(["ps", "-q"]).ok().lines().count(), 1);
        drop(held);
        assert_empty(&sandbox);
    }
}

#[test]
fn removing_a_container_races_with_running_under_its_name() {
    let sandbox = Sandbox::minimal();
    let named = || sandbox.call(["run", "--name", "raced", "minimal", "true"]).ended();
    let removed = || sandbox.call(["rm", "raced"]).ended();
    for _ in 0..25 {
        let ended = in_parallel(4, |at| if at % 2 == 0 { named() } else { removed() });
        for run in &ended {
            let told =
                ["in use", "no container `raced`", "is running"].iter().any(|words| run.err.contains(words));
            assert!(run.code == 0 || told, "{run}");
        }
    }
    // Whichever came last.
    let last = removed();
    assert!(last.code == 0 || last.err.contains("no container `raced`"), "{last}");
    assert_empty(&sandbox);
}

/// Either the run comes first, and the image is in use; or the removal, and the image is not there.
#[test]
fn removing_an_image_races_with_running_it() {
    let sandbox = Sandbox::minimal();
    for _ in 0..15 {
        let ended = in_parallel(3, |at| match at {
            0 => sandbox.call(["rmi", "minimal"]).ended(),
            _ => sandbox.run("--pull never minimal echo fine").ended(),
        });
        for run in &ended[1..] {
            let gone = run.code == 125 && run.err.contains("no image");
            assert!(gone || (run.code, &run.out[..]) == (0, "fine\n"), "{run}");
        }
        let removal = &ended[0];
        assert!(removal.code == 0 || removal.err.contains("was made from it"), "{removal}");
        if removal.code == 0 {
            sandbox.import("minimal.tar", "minimal");
        }
    }
    assert_empty(&sandbox);
}

#[test]
fn imports_in_parallel_all_succeed() {
    let sandbox = Sandbox::new();
    let image = tests::image("minimal.tar");
    let ended = in_parallel(6, |at| {
        let name = format!("copy{at}");
        sandbox.call(["import", image.to_str().unwrap(), &name]).ended()
    });
    assert!(ended.iter().all(|import| import.code == 0), "{ended:#?}");
    assert_eq!(sandbox.run("copy5 echo fine").ok(), "fine");
}

#[test]
fn five_hundred_in_a_row_leave_nothing() {
    let sandbox = Sandbox::minimal();
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count();
    for round in 0..500 {
        let run = sandbox.run("minimal true").ended();
        assert_eq!((run.code, &run.err[..]), (0, ""), "round {round}: {run}");
    }
    // Not even a sweep was needed.
    assert_eq!(sandbox.containers(), [""; 0]);
    for directory in ["names", "slots", "staging"] {
        assert_eq!(std::fs::read_dir(sandbox.root().join(directory)).unwrap().count(), 0, "{directory}");
    }
    assert!(std::fs::read_dir("/proc/self/fd").unwrap().count() <= open + 50, "this test itself leaks");
    assert_empty(&sandbox);
}

/// Calls `work` with 0, 1, 2, ... in as many threads.
fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|at| scope.spawn(move || work(at))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[track_caller]
fn assert_empty(sandbox: &Sandbox) {
    assert_eq!(sandbox.call(["ps", "-a", "-q"]).ok(), "");
    assert_eq!(sandbox.containers(), [""; 0]);
    for directory in ["names", "slots"] {
        let entries = std::fs::read_dir(sandbox.root().join(directory)).unwrap();
        assert_eq!(entries.count(), 0, "{directory}");
    }
}

const FIFTY: usize = 50;
