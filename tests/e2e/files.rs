// SPDX-License-Identifier: Apache-2.0
//! The files of containers: `diff`, `export`, `cp` and `commit`, of running and ended ones.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use kernel::rustix::process::Signal;
use tests::{Background, Ids, Sandbox};

/// Sandboxes of root and of an ordinary user with and without subordinate ids.
fn everybody() -> [Sandbox; 3] {
    let ordinary = |ids| {
        let sandbox = Sandbox::rootless(ids);
        sandbox.import("minimal.tar", "minimal");
        sandbox
    };
    [Sandbox::minimal(), ordinary(Ids::Range), ordinary(Ids::None)]
}

/// A container that has run `script` and is kept.
fn ran(sandbox: &Sandbox, name: &str, script: &str) {
    sandbox.call(["run", "--name", name, "minimal", "sh", "-c", script]).ok();
}

/// One that runs on after `script` until [`end`].
fn runs(sandbox: &Sandbox, flags: &[&str], script: &str) -> Background {
    let script = format!("trap 'exit 0' TERM; {script}; echo ready; while :; do sleep 1 & wait $!; done");
    let last = ["minimal", "sh", "-c", &script];
    let words = ["run", "--name", "live"].iter().chain(flags).chain(&last);
    let mut running = sandbox.call(words).spawn();
    running.read_until("ready");
    running
}

fn end(running: Background) {
    running.signal(Signal::TERM);
    let (code, _, errors) = running.end();
    assert_eq!(code, 0, "{errors}");
}

/// The standard output, as bytes.
fn bytes(sandbox: &Sandbox, words: &[&str]) -> Vec<u8> {
    let output = sandbox.call(words).into_command().output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn diff_tells_what_was_added_changed_and_deleted() {
    for sandbox in everybody() {
        ran(&sandbox, "untouched", "true");
        assert_eq!(sandbox.call(["diff", "untouched"]).ok(), "");
        let script = "mkdir -p /new/deep; echo x > /new/deep/file; rm /etc/passwd; echo y >> /etc/group; \
                      rm -r /var; mkdir /var; echo z > /var/own; touch /tmp/a; rm /tmp/a; chmod 700 /root";
        ran(&sandbox, "busy", script);
        let want = "A /new\nA /new/deep\nA /new/deep/file\nC /etc\nC /etc/group\nD /etc/passwd\nC /var\n\
                    A /var/own\nD /var/run\n";
        let sorted = |text: &str| {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            lines.sort_by(|one, other| one[2..].cmp(&other[2..]));
            lines
        };
        assert_eq!(sandbox.call(["diff", "busy"]).ok().lines().collect::<Vec<_>>(), sorted(want));
        let json = sandbox.call(["diff", "busy", "--format", "json"]).ok();
        assert!(json.contains(r#"{"Kind":"D","Path":"/etc/passwd"}"#), "{json}");
        let error = sandbox.call(["diff", "nobody"]).fails(1);
        assert!(error.contains("there is no container `nobody` here"), "{error}");
    }
}

/// The image of an export is the same tree again: its container exports the same bytes.
#[test]
fn an_export_imports_to_the_same_tree() {
    for sandbox in everybody() {
        ran(&sandbox, "first", "echo x > /x; ln /x /y; ln -s x /z; chmod 4711 /x; rm /etc/passwd; mkfifo /f");
        let first = bytes(&sandbox, &["export", "first"]);
        sandbox.write("first.tar", &first);
        sandbox.call(["import", sandbox.file("first.tar").to_str().unwrap(), "flat"]).ok();
        sandbox.call(["run", "--name", "second", "flat", "/bin/true"]).ok();
        sandbox.call(["export", "-o", sandbox.file("second.tar").to_str().unwrap(), "second"]).ok();
        assert!(first == fs::read(sandbox.file("second.tar")).unwrap(), "the two archives differ");
    }
}

/// The rules of `docker cp` for files and directories, by its documentation.
#[test]
fn cp_follows_the_rules_for_files_and_directories() {
    for sandbox in everybody() {
        ran(&sandbox, "box", "mkdir -p /d/e; echo one > /d/one; echo two > /d/e/two; ln -s /d/one /link");
        let cp = |from: &str, to: &str| sandbox.call(["cp", from, to]);
        let read = |name: &str| fs::read_to_string(sandbox.file(name)).unwrap();
        cp("box:/d/one", "file").ok();
        assert_eq!(read("file"), "one\n");
        cp("box:/d/e/two", "file").ok();
        assert_eq!(read("file"), "two\n", "a file is overwritten");
        cp("box:/d", "made").ok();
        assert_eq!(read("made/e/two"), "two\n", "a directory that is not there is made");
        cp("box:/d", "made").ok();
        assert_eq!(read("made/d/one"), "one\n", "into one that is there");
        cp("box:/d/e/.", "made").ok();
        assert_eq!(read("made/two"), "two\n", "only what is in it");
        cp("box:/link", "copied").ok();
        assert_eq!(fs::read_link(sandbox.file("copied")).unwrap().to_str(), Some("/d/one"));
        sandbox.call(["cp", "-L", "box:/link", "followed"]).ok();
        assert_eq!(read("followed"), "one\n");
        for (from, to, why) in [
            ("box:/d", "file", "cannot copy a directory to a file"),
            ("box:/d/one", "none/", "the destination directory must exist"),
            ("box:/d/one", "none/one", "No such file or directory"),
            ("box:/none", ".", "No such file or directory"),
            ("file", "box:/none/x", "No such file or directory"),
            ("made", "box:/d/one", "cannot copy a directory to a file"),
            ("file", "made", "neither is in a container"),
            ("box:/d", "box:/e", "between containers is not supported"),
        ] {
            let error = cp(from, to).fails(1);
            assert!(error.contains(why), "{from} to {to}: {error}");
        }
        cp("made", "box:/tmp").ok();
        cp("made/.", "box:/tmp").ok();
        cp("file", "box:/link").ok();
        let list = String::from_utf8(bytes(&sandbox, &["cp", "box:/tmp/made/two", "-"])).unwrap();
        assert!(list.contains("two\n"), "{list}");
        let diff = sandbox.call(["diff", "box"]).ok();
        for line in ["A /tmp/made/e/two", "A /tmp/e/two", "A /tmp/two"] {
            assert!(diff.contains(line), "{line} in\n{diff}");
        }
        let error = cp("box:/d/e/two", "box2:/x").fails(1);
        assert!(error.contains("between containers"), "{error}");
    }
}

/// What leaves a container gives nobody a right; what enters belongs to its root, not to the host's.
#[test]
fn owners_and_set_user_id_bits() {
    let sandbox = Sandbox::minimal();
    ran(&sandbox, "box", "echo x > /s; chown 1000:7 /s; chmod 4755 /s; mkfifo /f");
    let of = |name: &str| {
        let file = fs::metadata(sandbox.file(name)).unwrap();
        (file.uid(), file.gid(), file.permissions().mode() & 0o7777)
    };
    sandbox.call(["cp", "box:/s", "plain"]).ok();
    assert_eq!(of("plain"), (0, 0, 0o755));
    sandbox.call(["cp", "-a", "box:/s", "kept"]).ok();
    assert_eq!(of("kept"), (1000, 7, 0o4755));
    let told = sandbox.call(["cp", "box:/f", "fifo"]).ended();
    assert!(told.code == 0 && told.err.contains("was left out") && !sandbox.file("fifo").exists(), "{told}");
    sandbox.call(["cp", "kept", "box:/entered"]).ok();
    sandbox.call(["cp", "-a", "kept", "box:/archived"]).ok();
    sandbox.call(["cp", "-", "box:/tmp"]).input(bytes(&sandbox, &["cp", "-a", "box:/s", "-"])).ok();
    for (path, owner) in [("entered", 0), ("archived", 1000), ("tmp/s", 1000)] {
        let tar = sandbox.write("tar", bytes(&sandbox, &["cp", &format!("box:/{path}"), "-"]));
        let list = Command::new("tar").args(["--numeric-owner", "-tvf"]).arg(tar).output().unwrap().stdout;
        let list = String::from_utf8(list).unwrap();
        assert!(list.contains(&format!(" {owner}/")), "{path}: {list}");
    }
}

/// A container that runs is seen with what is mounted in it, for an ordinary user as well.
#[test]
fn a_running_container_is_seen_as_it_sees_itself() {
    for sandbox in everybody() {
        sandbox.write("in", "from outside\n");
        let running = runs(&sandbox, &["--tmpfs", "/t"], "echo inside > /t/x; echo own > /own");
        sandbox.call(["cp", "live:/t/x", "x"]).ok();
        assert_eq!(fs::read_to_string(sandbox.file("x")).unwrap(), "inside\n");
        sandbox.call(["cp", "in", "live:/t/in"]).ok();
        sandbox.call(["cp", "live:/t/in", "back"]).ok();
        assert_eq!(fs::read_to_string(sandbox.file("back")).unwrap(), "from outside\n");
        let error = sandbox.call(["cp", "live:/proc/1/environ", "-"]).fails(1);
        assert!(error.contains("the kernel makes this file up"), "{error}");
        let diff = sandbox.call(["diff", "live"]).ok();
        assert!(diff.contains("A /own") && !diff.contains("/t/x"), "{diff}");
        let export = String::from_utf8_lossy(&bytes(&sandbox, &["export", "live"])).into_owned();
        assert!(export.contains("own") && !export.contains("inside\n"), "what is mounted is not exported");
        end(running);
    }
}

/// CVE-2018-15664: a link in the container to a path of the host leads to that path in the container,
/// also when it takes a directory's place over and over while files are copied.
#[test]
fn links_of_a_container_do_not_lead_to_the_host() {
    let sandbox = Sandbox::minimal();
    let canary = sandbox.write("canary/file", "the host's\n");
    let folder = canary.parent().unwrap().to_str().unwrap();
    sandbox.write("in", "copied\n");
    let script = format!(
        "mkdir -p {folder} /a; echo inside > {folder}/file; echo inside > /a/file; ln -s {folder} /link; \
         ln -s {folder}/new /dangling; ln -s {folder} /b; \
         (while :; do mv -T /a /c; mv -T /b /a; mv -T /a /b; mv -T /c /a; done) & true"
    );
    let running = runs(&sandbox, &[], &script);
    for path in ["link/file", "link/../canary/file"] {
        sandbox.call(["cp", &format!("live:/{path}"), "out"]).ok();
        assert_eq!(fs::read_to_string(sandbox.file("out")).unwrap(), "inside\n", "{path}");
    }
    for path in ["link/in", "link", "dangling"] {
        sandbox.call(["cp", "in", &format!("live:/{path}")]).ok();
    }
    for _ in 0..40 {
        // At times the directory is missing: that is an error, and a good one.
        let told = sandbox.call(["cp", "live:/a/file", "out"]).ended();
        assert!(told.code == 0 || told.code == 1, "{told}");
        assert_ne!(fs::read_to_string(sandbox.file("out")).unwrap(), "the host's\n");
        let told = sandbox.call(["cp", "in", "live:/a/in"]).ended();
        assert!(told.code == 0 || told.code == 1, "{told}");
    }
    end(running);
    let left: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["file"], "nothing was written to the host");
    assert_eq!(fs::read_to_string(canary).unwrap(), "the host's\n");
}

#[test]
fn an_archive_cannot_leave_the_directory() {
    let sandbox = Sandbox::minimal();
    ran(&sandbox, "box", "mkdir /in; ln -s /etc /in/link");
    sandbox.write("in", "x");
    let mut tar = Command::new("tar");
    tar.args(["-P", "-c", "--transform", "s,^in,../up,", "in"]).current_dir(sandbox.root().parent().unwrap());
    let error = sandbox.call(["cp", "-", "box:/in"]).input(tar.output().unwrap().stdout).fails(1);
    assert!(error.contains("leads upwards"), "{error}");
    assert!(!sandbox.call(["diff", "box"]).ok().contains("/up"));
}

#[test]
fn a_commit_is_the_container_and_the_same_again() {
    for sandbox in everybody() {
        let script = "echo x > /x; ln /x /hard; rm /etc/passwd; rm -r /var; mkdir /var; echo s > /t/secret";
        let words = ["run", "--name", "box", "--tmpfs", "/t", "minimal", "sh", "-c", script];
        sandbox.call(words).ok();
        let commit = |name: &str| {
            let words = ["commit", "-m", "why", "-a", "me", "-c", "ENV A=b", "-c", "CMD [\"cat\", \"/x\"]"];
            sandbox.call(words.into_iter().chain(["box", name])).env("SOURCE_DATE_EPOCH", "1000000000").ok()
        };
        assert_eq!(commit("one"), commit("two"), "the same content gives the same digest");
        assert_eq!(sandbox.call(["run", "--rm", "one"]).ok(), "x");
        let script = "ls /etc/passwd /var/run /t/secret 2>/dev/null; ls -i /x /hard | wc -l; echo $A";
        let told = sandbox.call(["run", "--rm", "one", "sh", "-c", script]).ok();
        assert_eq!(told.split_whitespace().collect::<Vec<_>>(), ["2", "b"]);
        let history = sandbox.call(["history", "--no-trunc", "one"]).ok();
        assert!(history.contains("why"), "{history}");
        let error = sandbox.call(["commit", "-c", "RUN x", "box"]).fails(1);
        assert!(error.contains("RUN x"), "{error}");
    }
}

/// Nesting costs descriptors, so there is a limit, and it is an error that names the place.
#[test]
fn directories_without_end_are_an_error() {
    let sandbox = Sandbox::minimal();
    let script = "i=0; while [ $i -lt 450 ]; do mkdir d; cd d; i=$((i+1)); done";
    ran(&sandbox, "deep", script);
    for words in
        [&["diff", "deep"][..], &["export", "-o", "x", "deep"], &["cp", "deep:/d", "x"], &["commit", "deep"]]
    {
        let error = sandbox.call(words).fails(1);
        assert!(error.contains("below 400 directories"), "{words:?}: {error}");
    }
}
