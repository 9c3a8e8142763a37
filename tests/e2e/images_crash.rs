// SPDX-License-Identifier: Apache-2.0
//! Bringing images in and removing them, killed at any of the system calls that change the disk, and on
//! a disk that is full: the next command finds nothing that should not be there.

use std::path::Path;
use std::process::Command;

use tests::{DockerRegistry, Guarded, Sandbox};

/// What changes the store.
const CALLS: [&str; 13] = [
    "mkdir",
    "mkdirat",
    "openat2",
    "symlinkat",
    "linkat",
    "mknodat",
    "fchmod",
    "rename",
    "syncfs",
    "unlink",
    "unlinkat",
    "fdatasync",
    "flock",
];

#[test]
fn a_load_that_is_killed_at_any_system_call_leaves_nothing() {
    let archive = tests::image("layers.docker.tar");
    let words = ["load", "--quiet", "--input", archive.to_str().unwrap()];
    kill_everywhere(&words, &["rmi", "layers:1"]);
}

#[test]
fn an_import_that_is_killed_at_any_system_call_leaves_nothing() {
    let sandbox = Sandbox::new();
    let folder = sandbox.file("rootfs");
    std::fs::create_dir_all(folder.join("bin")).unwrap();
    std::fs::write(folder.join("bin/sh"), "x").unwrap();
    std::os::unix::fs::symlink("bin", folder.join("usr")).unwrap();
    let archive = sandbox.file("rootfs.tar");
    let made = Command::new("tar").arg("-C").arg(&folder).arg("-cf").arg(&archive).arg(".").status().unwrap();
    assert!(made.success());
    kill_everywhere(&["import", "--quiet", archive.to_str().unwrap(), "imported"], &["rmi", "imported"]);
}

/// What came of a layer may stay, for the next attempt; nothing of it can be seen, and the next attempt works.
#[test]
fn a_pull_that_is_killed_at_any_system_call_leaves_nothing_that_shows() {
    let Some(registry) = DockerRegistry::start(Guarded::No) else {
        return tests::skip("docker-registry is not installed");
    };
    let name = format!("{}/layers:1", registry.host());
    let source = Sandbox::new();
    source.call(["load", "--quiet", "--input", tests::image("layers.docker.tar").to_str().unwrap()]).ok();
    source.call(["tag", "layers:1", &name]).ok();
    source.call(["push", "--quiet", &name]).ok();
    kill_everywhere(&["pull", "--quiet", &name], &["rmi", &name]);
}

#[test]
fn a_removal_that_is_killed_at_any_system_call_is_whole_or_did_not_happen() {
    if !has_strace() {
        return tests::skip("strace is not installed");
    }
    let sandbox = Sandbox::new();
    let archive = tests::image("layers.docker.tar");
    for call in CALLS {
        for time in moments() {
            sandbox.call(["load", "--quiet", "--input", archive.to_str().unwrap()]).ok();
            let ended = killed_at(&sandbox, call, time, &["rmi", "layers:1"]);
            let case = format!("killed at {call} number {time}");
            let here = sandbox.call(["images", "--quiet"]).ok();
            assert_staging_is_empty(&sandbox, &case);
            if here.is_empty() {
                assert_eq!(content(&sandbox), [0, 0], "{case}: content without an image");
            } else {
                assert_eq!(sandbox.call(["run", "--rm", "layers:1"]).ok().lines().count(), 5, "{case}");
            }
            if ended {
                break;
            }
        }
    }
}

/// Kills `words` at the first, second ... of each call, until it is through. After each kill the next
/// command cleans up, and in the end the same words work.
fn kill_everywhere(words: &[&str], undo: &[&str]) {
    if !has_strace() {
        return tests::skip("strace is not installed");
    }
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.call(["images", "--quiet"]).ok(), "");
    let mut kills = 0;
    for call in CALLS {
        for time in moments() {
            let ended = killed_at(&sandbox, call, time, words);
            let case = format!("killed at {call} number {time}");
            let here = sandbox.call(["images", "--quiet"]).ok();
            assert_staging_is_empty(&sandbox, &case);
            // Only a pull fetches, and so keeps parts.
            assert!(words[0] == "pull" || count(&sandbox, "partial") == 0, "{case}");
            if here.is_empty() {
                assert_eq!(content(&sandbox), [0, 0], "{case}: content without an image");
            } else {
                assert!(content(&sandbox).iter().all(|count| *count > 0), "{case}: {here}");
            }
            if !here.is_empty() {
                sandbox.call(undo.iter().copied()).ok();
                assert_eq!(content(&sandbox), [0, 0], "{case}");
            }
            if ended {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills > 20, "only {kills} kills: the list of calls is out of date");
    sandbox.call(words.iter().copied()).ok();
    assert_eq!(count(&sandbox, "partial"), 0, "in the end");
    assert_staging_is_empty(&sandbox, "in the end");
}

/// A call that fails, as on a full disk, at any point: what was published by then goes with the next
/// command.
#[test]
fn a_load_on_which_any_system_call_fails_leaves_nothing() {
    if !has_strace() {
        return tests::skip("strace is not installed");
    }
    let sandbox = Sandbox::new();
    let archive = tests::image("layers.docker.tar");
    let words = ["load", "--quiet", "--input", archive.to_str().unwrap()];
    assert_eq!(sandbox.call(["images", "--quiet"]).ok(), "");
    let mut failures = 0;
    for call in CALLS.into_iter().chain(["fsync", "pwrite64"]).filter(|call| *call != "flock") {
        for time in moments() {
            let output = disturbed(&sandbox, call, time, "error=ENOSPC", &words);
            if output.status.success() {
                sandbox.call(["rmi", "layers:1"]).ok();
                break;
            }
            let case = format!("{call} number {time} fails: {output:?}");
            assert_eq!(output.status.code(), Some(1), "{case}");
            assert_eq!(sandbox.call(["images", "--quiet"]).ok(), "", "{case}");
            assert_staging_is_empty(&sandbox, &case);
            assert_eq!(content(&sandbox), [0, 0], "{case}");
            failures += 1;
        }
    }
    assert!(failures > 20, "only {failures} failures: the list of calls is out of date");
}

/// Runs `words`, killed when it makes `call` for the `time`th time. Whether it ended before that.
fn killed_at(sandbox: &Sandbox, call: &str, time: u32, words: &[&str]) -> bool {
    let output = disturbed(sandbox, call, time, "signal=KILL", words);
    use std::os::unix::process::ExitStatusExt as _;
    // Each process of the load is killed at its own so-manyth call: the one that unpacks may be the first.
    let helper = String::from_utf8_lossy(&output.stderr).contains("the process that unpacks it failed");
    let killed = output.status.signal() == Some(9) || output.status.code() == Some(137) || helper;
    assert!(killed || output.status.success(), "{call} {time}: {output:?}");
    !killed
}

/// Runs `words` under strace(1), which does something else when `call` is made for the `time`th time.
fn disturbed(sandbox: &Sandbox, call: &str, time: u32, how: &str, words: &[&str]) -> std::process::Output {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}")]);
    command.args(["-e", &format!("inject={call}:{how}:when={time}")]);
    command.arg(tests::binary()).args(words).env("BULKHEAD_ROOT", sandbox.root());
    command.output().unwrap()
}

/// A disk of a few megabytes, full at different places; then it grows, and the same load works.
#[test]
fn a_full_disk_is_told_and_leaves_nothing() {
    for archive in ["layers.docker.tar", "layers.zstd.oci", "minimal.tar"] {
        for kilobytes in [200, 1000, 2300, 3000, 5000] {
            let sandbox = Sandbox::new();
            let verb = if archive == "minimal.tar" { "import" } else { "load" };
            let output = Command::new("unshare")
                .args(["--mount", "--propagation", "private", "sh", "-uc", FULL_DISK, "sh"])
                .arg(tests::binary())
                .arg(sandbox.file("disk"))
                .args([&format!("{kilobytes}k"), verb])
                .arg(tests::image(archive))
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let case = format!("{archive} on {kilobytes} kB: {text}");
            let lines: Vec<&str> = text.lines().collect();
            let [told @ .., left, again] = &lines[..] else { panic!("{case}") };
            assert_eq!(*again, "again 0", "{case}");
            if told.last() != Some(&"code 0") {
                assert_eq!(told.last(), Some(&"code 1"), "{case}");
                assert!(told[0].contains("full"), "{case}");
                assert_eq!(*left, "left 0 0", "{case}");
            }
        }
    }
}

/// $1 the program, $2 where the disk goes, $3 its size, $4 the verb, $5 the archive.
const FULL_DISK: &str = r#"
mkdir "$2"; mount -t tmpfs -o "size=$3" disk "$2"
export BULKHEAD_ROOT="$2/root"
case $4 in import) set -- "$1" "$2" "$3" import -q "$5";; load) set -- "$1" "$2" "$3" load -qi "$5";; esac
told=$("$1" "$4" "$5" "$6" 2>&1); code=$?
echo "$told" | head -n 1; echo "code $code"
echo "left $(ls "$2/root/layers" "$2/root/blobs" | grep -c sha256) $(ls "$2/root/staging" | wc -l)"
mount -o remount,size=100m "$2"
"$1" "$4" "$5" "$6" >/dev/null 2>&1; echo "again $?"
"#;

#[track_caller]
fn assert_staging_is_empty(sandbox: &Sandbox, case: &str) {
    let staging = sandbox.root().join("staging");
    let left: Vec<_> = std::fs::read_dir(&staging).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{case}: {left:?}");
}

/// How many layers and how many blobs there are.
fn content(sandbox: &Sandbox) -> [usize; 2] {
    ["layers", "blobs"].map(|folder| count(sandbox, folder))
}

fn count(sandbox: &Sandbox, folder: &str) -> usize {
    std::fs::read_dir(sandbox.root().join(folder)).unwrap().count()
}

fn has_strace() -> bool {
    Path::new("/usr/bin/strace").exists()
}

/// The first, second ... fifth call, then ever further apart.
fn moments() -> impl Iterator<Item = u32> {
    std::iter::successors(Some(1), |time| Some(time + 1 + time / 4))
}
