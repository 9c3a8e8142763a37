// SPDX-License-Identifier: Apache-2.0
//! `commit`: whose settings the image has, and that the container stands still meanwhile.

use std::path::{Path, PathBuf};

use kernel::rustix::process::Signal;
use serde_json::{Value, json};
use tests::{Background, Ids, Sandbox, eventually};

/// The configuration of an image.
fn config(sandbox: &Sandbox, name: &str) -> Value {
    let told: Value = serde_json::from_str(&sandbox.call(["image", "inspect", name]).ok()).unwrap();
    told[0]["Config"].clone()
}

#[test]
fn the_image_runs_as_the_container_did() {
    let sandbox = Sandbox::minimal();
    let base =
        ["commit", "-c", "ENV A=image B=image", "-c", "LABEL l=image m=image", "-c", "ONBUILD RUN make"];
    sandbox.call(["run", "--name", "base", "minimal", "true"]).ok();
    sandbox.call(base.iter().chain(&["-c", "CMD [\"false\"]", "base", "base"])).ok();
    assert_eq!(config(&sandbox, "base")["OnBuild"], json!(["RUN make"]));
    let flags =
        ["-e", "B=run", "-e", "C=run", "-u", "user", "-w", "/tmp", "-l", "m=run", "--stop-signal", "USR1"];
    let words = ["base", "sh", "-c", "echo $A $B $C; id -un; pwd"];
    let said = sandbox.call(["run", "--name", "box"].iter().chain(&flags).chain(&words)).ok();
    assert_eq!(said, "image run run\nuser\n/tmp");
    let commit = |name: &str, more: &[&str]| {
        sandbox.call([&["commit"], more, &["box", name]].concat()).env("SOURCE_DATE_EPOCH", "1000000000").ok()
    };
    assert_eq!(commit("made", &[]), commit("again", &[]), "the same container gives the same image");
    assert_eq!(sandbox.call(["run", "--rm", "made"]).ok(), said);
    let want = json!({
        "User": "user",
        "Env": ["A=image", "B=run", "C=run"],
        "Cmd": ["sh", "-c", "echo $A $B $C; id -un; pwd"],
        "WorkingDir": "/tmp",
        "Labels": { "l": "image", "m": "run" },
        "StopSignal": "10",
        // Docker has these always.
        "Entrypoint": null,
        "OnBuild": null,
        "Volumes": null,
    });
    assert_eq!(config(&sandbox, "made"), want);
    commit("changed", &["-c", "USER root", "-c", "ENTRYPOINT [\"echo\"]", "-c", "ONBUILD RUN x"]);
    let changed = config(&sandbox, "changed");
    assert_eq!((&changed["Cmd"], &changed["OnBuild"]), (&Value::Null, &json!(["RUN x"])), "{changed}");
    assert_eq!(sandbox.call(["run", "--rm", "changed", "hello"]).ok(), "hello");
    let error = sandbox.call(["commit", "-c", "ONBUILD FROM x", "box"]).fails(1);
    assert!(error.contains("cannot come behind ONBUILD"), "{error}");
}

/// overlayfs refuses one layer twice. That it lies on top is enough, whatever is in between.
#[test]
fn the_same_layer_twice() {
    let sandbox = Sandbox::minimal();
    let ran = |image: &str, script: &str| {
        sandbox.call(["run", "--name", "box", image, "sh", "-c", script]).ok();
        sandbox.call(["commit", "box", "made"]).ok();
        sandbox.call(["rm", "box"]).ok();
    };
    let same = "echo 1 > /a; touch -d @1 /a; rm /etc/passwd; touch -d @1 /etc /";
    ran("minimal", same);
    ran("made", "echo 2 > /a; echo 2 > /b; echo 2 > /etc/passwd; touch -d @1 /etc /");
    ran("made", same);
    let layers: Value = serde_json::from_str(&sandbox.call(["inspect", "made"]).ok()).unwrap();
    let layers = &layers[0]["RootFS"]["Layers"];
    assert_eq!((layers.as_array().unwrap().len(), &layers[1]), (4, &layers[3]));
    let script = "cat /a /b; ls /etc/passwd 2>&1";
    let told = sandbox.call(["run", "--rm", "-u", "0:0", "made", "sh", "-c", script]).ended();
    assert_eq!(told.out, "1\n2\nls: /etc/passwd: No such file or directory\n", "{told}");
    let diff = ["run", "--name", "box", "made", "sh", "-c", "echo 3 > /a"];
    sandbox.call(diff).ok();
    assert_eq!(sandbox.call(["diff", "box"]).ok(), "C /a");
    sandbox.call(["export", "-o", "x.tar", "box"]).ok();
}

/// A record of a version that kept no settings: the image's count.
#[test]
fn a_record_without_settings() {
    let sandbox = Sandbox::minimal();
    sandbox.call(["run", "--name", "box", "-e", "A=1", "minimal", "true"]).ok();
    let record = sandbox.root().join("containers").join(&sandbox.containers()[0]).join("record.json");
    let mut text: Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    assert_eq!(text["details"].as_object_mut().unwrap().remove("config").unwrap()["Env"], json!(["A=1"]));
    std::fs::write(&record, text.to_string()).unwrap();
    sandbox.call(["commit", "box", "made"]).ok();
    assert_eq!(config(&sandbox, "made"), config(&sandbox, "minimal"));
}

/// A container that counts in two files for as long as it may.
const COUNTING: &str = "echo ready; i=0; while :; do i=$((i+1)); echo $i > /one; echo $i > /two; done";
const IDLE: &str = "echo ready; while :; do sleep 1 & wait $!; done";

fn running(sandbox: &Sandbox, script: &str) -> Background {
    let script = format!("trap 'exit 0' TERM; {script}");
    let mut running = sandbox.call(["run", "--name", "live", "minimal", "sh", "-c", &script]).spawn();
    running.read_until("ready");
    running
}

fn end(running: Background) {
    running.signal(Signal::TERM);
    let (code, _, errors) = running.end();
    assert_eq!(code, 0, "{errors}");
}

/// Its directory in the version 2 tree.
fn cgroup(sandbox: &Sandbox) -> Option<PathBuf> {
    let record = sandbox.call(["inspect", "live"]).ok();
    let record: Value = serde_json::from_str(&record).unwrap();
    let places = record[0]["cgroups"].as_array().unwrap();
    let mut places = places.iter().map(|place| PathBuf::from(place.as_str().unwrap()));
    places.find(|place| place.join("cgroup.freeze").exists())
}

fn reads(directory: &Path, file: &str) -> String {
    std::fs::read_to_string(directory.join(file)).unwrap().trim().to_owned()
}

/// Of the two counters none can be further ahead than by the one that is being written.
#[test]
fn a_container_stands_still_meanwhile_and_goes_on() {
    let sandbox = Sandbox::minimal();
    let running = running(&sandbox, COUNTING);
    let Some(cgroup) = cgroup(&sandbox) else {
        end(running);
        return tests::skip("no cgroup of version 2 can be frozen here");
    };
    for round in 0..5 {
        let name = format!("made:{round}");
        let flag = ["--pause", "-p", "--pause=true", "--pause=1", "-p=t"][round];
        sandbox.call(["commit", flag, "live", &name]).ok();
        assert_eq!(reads(&cgroup, "cgroup.freeze"), "0", "it goes on");
        let both = sandbox.call(["run", "--rm", &name, "cat", "/one", "/two"]).ok();
        let both: Vec<i64> = both.lines().map(|line| line.parse().unwrap()).collect();
        // An empty file is one that was about to be written.
        assert!(both.len() < 2 || both[0] - both[1] <= 1 && both[0] >= both[1], "{both:?}");
    }
    // Somebody else paused it: that stays so.
    std::fs::write(cgroup.join("cgroup.freeze"), "1").unwrap();
    sandbox.call(["commit", "live", "made"]).ok();
    assert_eq!(reads(&cgroup, "cgroup.freeze"), "1");
    std::fs::write(cgroup.join("cgroup.freeze"), "0").unwrap();
    end(running);
}

/// Killed at any moment, the command leaves no container that stands still.
#[test]
fn a_killed_commit_lets_the_container_go_on() {
    let sandbox = Sandbox::minimal();
    let script = format!("dd if=/dev/zero of=/large bs=1M count=300; {IDLE}");
    let running = running(&sandbox, &script);
    let Some(cgroup) = cgroup(&sandbox) else {
        end(running);
        return tests::skip("no cgroup of version 2 can be frozen here");
    };
    // Not INT, which whoever runs the tests in the background lets them ignore.
    for signal in [Signal::KILL, Signal::TERM] {
        // It may be done before the signal comes; then once more.
        eventually("a commit is ended in the middle", || {
            let commit = sandbox.call(["commit", "live", "made"]).spawn();
            eventually("the container stands still", || {
                reads(&cgroup, "cgroup.events").contains("frozen 1").then_some(())
            });
            commit.signal(signal);
            let code = commit.end().0;
            eventually("the container goes on", || {
                reads(&cgroup, "cgroup.events").contains("frozen 0").then_some(())
            });
            (code != 0).then(|| assert_eq!(code, 128 + signal.as_raw()))
        });
    }
    assert!(sandbox.call(["image", "inspect", "made"]).fails(1).contains("there is no image"));
    // And an error does no harm either.
    let error = sandbox.call(["commit", "live", "NOT A NAME"]).fails(1);
    assert!(error.contains("NOT A NAME"), "{error}");
    assert_eq!(reads(&cgroup, "cgroup.freeze"), "0");
    end(running);
}

/// Where no cgroup can be frozen that is said, and whoever insists is refused.
#[test]
fn where_nothing_can_stand_still() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    let running = running(&sandbox, IDLE);
    if cgroup(&sandbox).is_some() {
        end(running);
        return tests::skip("an ordinary user has a delegated cgroup here");
    }
    let told = sandbox.call(["commit", "live", "made"]).ended();
    assert!(told.code == 0 && told.err.contains("note: live ran on meanwhile"), "{told}");
    let told = sandbox.call(["commit", "--pause=false", "live", "made"]).ended();
    assert_eq!((told.code, &told.err[..]), (0, ""), "{told}");
    let error = sandbox.call(["commit", "--pause", "live", "made"]).fails(1);
    assert!(error.contains("lacks the means to pause live") && error.contains("--pause=false"), "{error}");
    end(running);
}
