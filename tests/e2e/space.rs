// SPDX-License-Identifier: Apache-2.0
//! `image prune` and `system df`: what is on the disk, and what goes; and the verbs in groups.

use std::path::Path;

use kernel::rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use tests::{Background, Sandbox};

/// `minimal` with the instruction `change`, as `name`, which whatever had it loses.
fn made(sandbox: &Sandbox, change: &str, name: &str) -> String {
    let archive = tests::image("minimal.tar");
    sandbox.call(["import", "-q", "-c", change, archive.to_str().unwrap(), name]).ok()
}

/// The ids of what is there, sorted.
fn ids(sandbox: &Sandbox) -> Vec<String> {
    let ids = sandbox.call(["images", "-q", "--no-trunc"]).ok();
    let mut ids: Vec<String> = ids.lines().map(str::to_owned).collect();
    ids.sort();
    ids
}

fn sorted<const N: usize>(ids: [&String; N]) -> Vec<String> {
    let mut ids: Vec<String> = ids.into_iter().cloned().collect();
    ids.sort();
    ids
}

/// A row of `system df`, by its type.
fn row(sandbox: &Sandbox, kind: &str) -> Value {
    let rows = sandbox.call(["system", "df", "--format", "json"]).ok();
    let mut rows = rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.find(|row| row["Type"] == kind).unwrap()
}

#[test]
fn what_has_no_name_goes_and_with_a_what_has_no_container() {
    let sandbox = Sandbox::new();
    let first = made(&sandbox, "LABEL a=1", "x");
    let second = made(&sandbox, "LABEL a=2", "x");
    let third = made(&sandbox, "LABEL b=1", "y");
    assert_eq!(ids(&sandbox), sorted([&first, &second, &third]));
    // An image that lost its name is kept for the container that was made from it.
    sandbox.call(["run", "--name", "box", &first[..20], "true"]).ok();
    assert_eq!(sandbox.call(["image", "prune", "-f"]).ok(), "Total reclaimed space: 0B");
    assert_eq!(ids(&sandbox), sorted([&first, &second, &third]));
    sandbox.call(["rm", "box"]).ok();
    let told = sandbox.call(["image", "prune", "--force"]).ok();
    let want = format!("Deleted Images:\ndeleted: {first}\n\nTotal reclaimed space: ");
    assert!(told.starts_with(&want), "{told}");
    assert_eq!(ids(&sandbox), sorted([&second, &third]));
    sandbox.call(["run", "--name", "box", "y", "true"]).ok();
    let told = sandbox.call(["image", "prune", "-a", "-f"]).ok();
    assert!(told.contains(&format!("untagged: x:latest\ndeleted: {second}\n")), "{told}");
    assert_eq!(ids(&sandbox), [third]);
    assert_eq!(sandbox.call(["run", "--rm", "y", "echo", "whole"]).ok(), "whole");
    sandbox.call(["rm", "box"]).ok();
    let told = sandbox.call(["image", "prune", "-a", "-f"]).ok();
    assert!(told.contains("untagged: y:latest") && !told.ends_with(" 0B"), "{told}");
    for place in ["layers", "blobs", "staging"] {
        assert_eq!(std::fs::read_dir(sandbox.root().join(place)).unwrap().count(), 0, "{place}");
    }
}

#[test]
fn filters_choose() {
    let sandbox = Sandbox::new();
    let one = made(&sandbox, "LABEL keep=yes tier=1", "one");
    let two = made(&sandbox, "LABEL tier=2", "two");
    let prune = |filters: &[&str]| {
        let flags = filters.iter().flat_map(|filter| ["--filter", filter]);
        sandbox.call(["image", "prune", "-a", "-f"].into_iter().chain(flags))
    };
    for filters in [
        &["until=1h"][..],
        &["until=2001-01-01"],
        &["label=none"],
        &["label=tier=3"],
        &["label=keep", "label=tier=2"],
        &["label!=tier"],
        &["label!=keep", "label!=tier"],
        &["dangling=true"],
    ] {
        assert_eq!(prune(filters).ok(), "Total reclaimed space: 0B", "{filters:?}");
    }
    assert_eq!(ids(&sandbox), sorted([&one, &two]));
    prune(&["label!=keep", "until=2100-01-01T00:00:00Z"]).ok();
    assert_eq!(ids(&sandbox), std::slice::from_ref(&one));
    for (filter, why) in [("until=x", "neither a duration"), ("x=y", "is not one of"), ("x", "NAME=VALUE")] {
        let error = prune(&[filter]).fails(125);
        assert!(error.starts_with("error: --filter: ") && error.contains(why), "{error}");
    }
    let error = prune(&["until=1h", "until=2h"]).fails(1);
    assert!(error.contains("once only"), "{error}");
    prune(&["label=keep=yes"]).ok();
    assert_eq!(ids(&sandbox), [""; 0]);
}

/// Docker asks on standard output and reads the answer from standard input, also where that is no terminal.
#[test]
fn it_asks_first() {
    let sandbox = Sandbox::minimal();
    let question = "WARNING! This will remove all images without at least one container associated to them.\n\
                    Are you sure you want to continue? [y/N] ";
    for answer in ["", "n\n", "yes\n", "\ny\n"] {
        let told = sandbox.call(["image", "prune", "-a"]).input(answer).ended();
        assert_eq!((told.code, &told.out[..]), (0, question), "{answer:?}: {told}");
        assert_eq!(ids(&sandbox).len(), 1);
    }
    let told = sandbox.call(["image", "prune"]).input("n").ended();
    assert!(told.out.starts_with("WARNING! This will remove all dangling images.\n"), "{told}");
    let told = sandbox.call(["image", "prune", "-a"]).input("Y\n").ok();
    assert!(told.starts_with(&format!("{question}Deleted Images:\nuntagged: minimal:latest\n")), "{told}");
}

/// What is said to come free does, and is what is on the disk.
#[test]
fn what_is_reclaimable_is_reclaimed() {
    let sandbox = Sandbox::minimal();
    // Two images on the layer of the first.
    sandbox
        .call(["run", "--name", "box", "minimal", "dd", "if=/dev/zero", "of=/more", "bs=1000", "count=2000"])
        .ok();
    for name in ["more:1", "more:2"] {
        sandbox.call(["commit", "-c", &format!("LABEL name={name}"), "box", name]).ok();
    }
    let images = row(&sandbox, "Images");
    assert_eq!((&images["TotalCount"], &images["Active"]), (&"3".into(), &"1".into()), "{images}");
    // The layer that is shared by the two counts once, and those of the image that is used are not free.
    assert!(images["Reclaimable"].as_str().unwrap().starts_with("2MB ("), "{images}");
    let containers = row(&sandbox, "Containers");
    assert_eq!((&containers["Size"], &containers["Reclaimable"]), (&"2MB".into(), &"2MB (100%)".into()));
    assert_eq!(row(&sandbox, "Local Volumes")["TotalCount"], "0");

    let everything = sandbox.call(["system", "df", "-v", "--format", "json"]).ok();
    let everything: Value = serde_json::from_str(&everything).unwrap();
    let image = |tag: &str| {
        everything["Images"].as_array().unwrap().iter().find(|image| image["Tag"] == tag).unwrap().clone()
    };
    assert_eq!(image("1")["UniqueSize"], "0B");
    assert_eq!((&image("latest")["Containers"], &image("1")["Containers"]), (&"1".into(), &"0".into()));
    assert_eq!(everything["Containers"][0]["Size"], "2MB");
    let table = sandbox.call(["system", "df", "-v"]).ok();
    for heading in ["Images space usage:\n\nREPOSITORY", "Containers space usage:\n\n", "VOLUME NAME"] {
        assert!(table.contains(heading), "{table}");
    }

    let before = content(&sandbox.root().join("blobs"));
    assert_eq!(row(&sandbox, "Image Content")["Size"], human(before));
    let told = sandbox.call(["image", "prune", "-a", "-f"]).ok();
    let freed = before - content(&sandbox.root().join("blobs"));
    assert!(freed > 2_000_000, "{freed}");
    assert!(
        told.ends_with(&format!("Total reclaimed space: {}", human(freed + 2_000_000))),
        "{freed}: {told}"
    );
    assert!(row(&sandbox, "Images")["Reclaimable"].as_str().unwrap().starts_with("0B"));
}

fn content(directory: &Path) -> u64 {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// Megabytes with four digits.
fn human(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "four digits are shown")]
    let text = format!("{:.3}", bytes as f64 / 1e6);
    format!("{}MB", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Files with holes, with several names, and a container that tries to be measured for ever.
#[test]
fn what_a_container_wrote_is_measured() {
    let sandbox = Sandbox::minimal();
    let script =
        "dd if=/dev/zero of=/a bs=1000 count=1000; ln /a /b; dd if=/dev/null of=/hole bs=1 seek=1000000000";
    sandbox.call(["run", "--name", "files", "minimal", "sh", "-c", script]).ok();
    assert_eq!(row(&sandbox, "Containers")["Size"], "1MB");
    let script = "trap 'exit 0' TERM; ln -s / /root-of-all; i=0; while [ $i -lt 450 ]; do mkdir d; cd d; i=$((i+1)); done; \
                  echo ready; while :; do sleep 1 & wait $!; done";
    let mut running = sandbox.call(["run", "--name", "deep", "minimal", "sh", "-c", script]).spawn();
    running.read_until("ready");
    let told = sandbox.call(["system", "df"]).ended();
    assert!(told.code == 0 && told.err.contains("what deep wrote is not counted"), "{told}");
    assert!(told.out.contains("Containers      2         1         1MB       1MB (100%)"), "{told}");
    end(running);
}

fn end(running: Background) {
    running.signal(kernel::rustix::process::Signal::TERM);
    assert_eq!(running.end().0, 0);
}

/// Whoever holds the store is about to name an image or to use one: a prune waits, and looks afterwards.
#[test]
fn a_prune_waits_for_who_uses_the_store() {
    let sandbox = Sandbox::minimal();
    let lock = std::fs::File::options().write(true).open(sandbox.root().join("lock")).unwrap();
    flock(&lock, FlockOperation::LockShared).unwrap();
    let prune = sandbox.call(["image", "prune", "-a", "-f"]).spawn();
    // proc_locks(5): `1: -> FLOCK ADVISORY WRITE PID ...` waits.
    let waits = format!("-> FLOCK  ADVISORY  WRITE {} ", prune.pid());
    tests::eventually("the prune waits for the lock", || {
        std::fs::read_to_string("/proc/locks").unwrap().contains(&waits).then_some(())
    });
    assert_eq!(ids(&sandbox).len(), 1);
    flock(&lock, FlockOperation::Unlock).unwrap();
    assert_eq!(prune.end().0, 0);
    assert_eq!(ids(&sandbox), [""; 0]);
}

/// Runs of an image beside prunes of all images: each run finds it whole or not at all.
#[test]
fn prunes_beside_runs() {
    let sandbox = Sandbox::new();
    let archive = tests::image("minimal.tar");
    let import = || sandbox.call(["import", "-q", archive.to_str().unwrap(), "minimal"]).ok();
    std::thread::scope(|scope| {
        scope.spawn(|| (0..6).for_each(|_| drop(import())));
        scope.spawn(|| (0..12).for_each(|_| drop(sandbox.call(["image", "prune", "-a", "-f"]).ok())));
        scope.spawn(|| {
            for _ in 0..12 {
                let told = sandbox.run("--pull never minimal echo ran").ended();
                let fine = told.out == "ran\n" || told.err.contains("there is no image");
                assert!(fine, "{told}");
            }
        });
    });
    import();
    assert_eq!(sandbox.run("minimal echo ran").ok(), "ran");
}

#[test]
fn verbs_in_groups_are_the_same_verbs() {
    let sandbox = Sandbox::minimal();
    sandbox.call(["run", "--name", "box", "minimal", "touch", "/x"]).ok();
    for (short, long) in [
        (&["images"][..], &["image", "ls"][..]),
        (&["images", "-q"], &["image", "list", "-q"]),
        (&["history", "minimal"], &["image", "history", "minimal"]),
        (&["inspect", "minimal"], &["image", "inspect", "minimal"]),
        (&["ps", "-a"], &["container", "ls", "-a"]),
        (&["ps", "-aq"], &["container", "ps", "-aq"]),
        (&["inspect", "box"], &["container", "inspect", "box"]),
        (&["diff", "box"], &["container", "diff", "box"]),
    ] {
        assert_eq!(sandbox.call(short).ok(), sandbox.call(long).ok(), "{long:?}");
    }
    assert!(sandbox.call(["image", "inspect", "box"]).fails(1).contains("there is no image `box`"));
    assert!(sandbox.call(["container", "inspect", "minimal"]).fails(1).contains("there is no container"));
    sandbox.call(["container", "cp", "box:/x", "x"]).ok();
    sandbox.call(["container", "export", "-o", "tar", "box"]).ok();
    sandbox.call(["container", "commit", "box", "made"]).ok();
    sandbox.call(["image", "tag", "made", "made:2"]).ok();
    sandbox.call(["image", "save", "-o", "made.tar", "made"]).ok();
    assert_eq!(sandbox.call(["image", "rm", "made", "made:2"]).ok().lines().count(), 4);
    assert_eq!(sandbox.call(["image", "load", "-i", "made.tar"]).ok(), "Loaded image: made:latest");
    assert_eq!(sandbox.call(["container", "rm", "box"]).ok(), "box");
    assert_eq!(sandbox.call(["container", "remove", "box"]).ended().code, 1);

    let help = sandbox.call(["image", "ls", "--help"]).ok();
    assert!(
        help.contains("`bulkhead images` is the same.") && help.contains("Usage: bulkhead image ls"),
        "{help}"
    );
    let help = sandbox.call(["images", "--help"]).ok();
    assert!(help.contains("`bulkhead image ls` is the same."), "{help}");
    let pages = sandbox.file("pages");
    std::fs::create_dir(&pages).unwrap();
    sandbox.call(["man", pages.to_str().unwrap()]).ok();
    for page in ["bulkhead-image-prune.1", "bulkhead-container-cp.1", "bulkhead-system-df.1"] {
        assert!(pages.join(page).exists(), "{page}");
    }
    for shell in ["bash", "zsh", "fish"] {
        assert!(sandbox.call(["completions", shell]).ok().contains("prune"), "{shell}");
    }
}
