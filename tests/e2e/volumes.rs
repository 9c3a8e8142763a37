// SPDX-License-Identifier: Apache-2.0
//! Volumes: made, filled, shared, removed.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::Value;
use tests::{Ids, Sandbox};

#[test]
fn a_volume_outlives_its_containers() {
    let sandbox = Sandbox::minimal();
    assert_eq!(sandbox.call(["volume", "create", "--label", "tier=db", "data"]).ok(), "data");
    // Docker's: one that is there stays as it is.
    assert_eq!(sandbox.call(["volume", "create", "data"]).ok(), "data");
    assert_eq!(sandbox.sh("-v data:/m", "echo kept > /m/x; stat -c %u:%g /m/x").ok(), "0:0");
    assert_eq!(
        sandbox.sh("-v data:/m:ro", "cat /m/x; touch /m/y 2>/dev/null || echo refused").ok(),
        "kept\nrefused"
    );
    assert_eq!(sandbox.sh("--mount src=data,dst=/m,readonly", "cat /m/x").ok(), "kept");
    let document = inspected(&sandbox, "data");
    assert_eq!((&document["Driver"], &document["Scope"]), (&"local".into(), &"local".into()));
    assert_eq!(document["Labels"]["tier"], "db");
    let file = std::path::Path::new(document["Mountpoint"].as_str().unwrap()).join("x");
    // Root of any container is root here: nobody's range of ids is in a volume.
    assert_eq!(std::fs::metadata(file).unwrap().uid(), 0);
    assert_eq!(sandbox.call(["volume", "rm", "data"]).ok(), "data");
    assert!(!sandbox.root().join("volumes/data").exists());
    let error = sandbox.call(["volume", "rm", "data"]).fails(1);
    assert!(error.contains("no such volume"), "{error}");
    sandbox.call(["volume", "rm", "--force", "data"]).ok();
}

#[test]
fn a_volume_that_a_container_has_stays() {
    let sandbox = Sandbox::minimal();
    sandbox.call(["run", "--name", "user", "-v", "data:/m", "minimal", "true"]).ok();
    let id = sandbox.containers().pop().unwrap();
    let error = sandbox.call(["volume", "rm", "data"]).fails(1);
    assert!(error.contains(&format!("volume is in use - [{id}]")), "{error}");
    assert_eq!(sandbox.call(["volume", "prune", "--all", "--force"]).ok(), "Total reclaimed space: 0B");
    assert_eq!(names(&sandbox, &["--filter", "dangling=false"]), ["data"]);
    assert!(names(&sandbox, &["--filter", "dangling=true"]).is_empty());
    // With the container goes the use, but not a volume that has a name.
    sandbox.call(["rm", "--volumes", "user"]).ok();
    assert_eq!(names(&sandbox, &["--filter", "dangling=true"]), ["data"]);
    let said = sandbox.call(["volume", "prune", "--force"]).ok();
    assert_eq!(said, "Total reclaimed space: 0B", "it has a name");
    let said = sandbox.call(["volume", "prune", "--all"]).input("n\n").ok();
    assert!(said.contains("Are you sure"), "{said}");
    assert_eq!(names(&sandbox, &[]), ["data"]);
    let said = sandbox.call(["volume", "prune", "--all"]).input("y\n").ok();
    assert!(said.contains("Deleted Volumes:\ndata\n"), "{said}");
    assert!(names(&sandbox, &[]).is_empty());
}

#[test]
fn anonymous_volumes_go_with_their_container() {
    let sandbox = Sandbox::minimal();
    for flags in ["-v /m", "--mount type=volume,dst=/m"] {
        assert_eq!(sandbox.sh(flags, "touch /m/x; ls /m").ok(), "x");
        assert!(names(&sandbox, &[]).is_empty(), "--rm");
        sandbox.sh(flags, "exit 3").fails(3);
        assert!(names(&sandbox, &[]).is_empty(), "--rm, whatever the program says");
        sandbox.call(["run", "-v", "/m", "minimal", "/no/such/program"]).fails(127);
        assert!(names(&sandbox, &[]).is_empty(), "nothing is left of a container that did not come to be");
    }
    for name in ["one", "two"] {
        sandbox.call(["run", "--name", name, "-v", "/m", "minimal", "true"]).ok();
    }
    assert_eq!(names(&sandbox, &["--filter", "label=com.docker.volume.anonymous"]).len(), 2);
    sandbox.call(["rm", "-v", "one"]).ok();
    assert_eq!(names(&sandbox, &[]).len(), 1);
    sandbox.call(["rm", "two"]).ok();
    assert_eq!(names(&sandbox, &[]).len(), 1, "without -v it stays");
    sandbox.call(["volume", "prune", "-f"]).ok();
    assert!(names(&sandbox, &[]).is_empty());
}

#[test]
fn an_empty_volume_is_filled_from_the_image() {
    let sandbox = Sandbox::minimal();
    let script = "mkdir -p /data/sub && echo one > /data/file && chown 1000:5 /data/file && chmod 4750 /data/file \
                  && ln -s /etc/passwd /data/link && ln /data/file /data/sub/hard && mkfifo /data/pipe \
                  && chown 1000:1000 /data && chmod 711 /data";
    sandbox.call(["run", "--name", "maker", "minimal", "sh", "-c", script]).ok();
    sandbox.call(["commit", "maker", "filled"]).ok();
    sandbox.call(["commit", "-c", "VOLUME /data", "maker", "declared"]).ok();
    let look = "stat -c '%n %u:%g %a %h' /data /data/file /data/sub; readlink /data/link; cat /data/sub/hard; \
                test -p /data/pipe && echo pipe";
    let within = |flags: &[&str], image: &str| {
        sandbox.call([&["run", "--rm"], flags, &[image, "sh", "-c", look]].concat()).ok()
    };
    let want = within(&[], "filled");
    assert!(want.starts_with("/data 1000:1000 711") && want.contains("/data/file 1000:5 4750 2"), "{want}");
    assert_eq!(within(&["-v", "named:/data"], "filled"), want);
    assert_eq!(within(&["-v", "/data"], "filled"), want);
    assert_eq!(within(&[], "declared"), want, "the image says that it is a volume");
    assert_eq!(names(&sandbox, &[]), ["named"]);
    // What is in it already counts.
    let ls = ["sh", "-c", "rm -r /data/* && touch /data/own"];
    sandbox.call([&["run", "--rm", "-v", "named:/data", "filled"][..], &ls].concat()).ok();
    let ls = ["ls", "/data"];
    assert_eq!(sandbox.call([&["run", "--rm", "-v", "named:/data", "filled"][..], &ls].concat()).ok(), "own");
    for flags in [["-v", "empty:/data:nocopy"], ["--mount", "src=empty,dst=/data,volume-nocopy"]] {
        assert_eq!(sandbox.call([&["run", "--rm"][..], &flags, &["filled"], &ls].concat()).ok(), "");
    }
    sandbox.call(["rm", "maker"]).ok();
}

/// A command that was killed while it filled a volume: the next one does it again from the start.
#[test]
fn a_fill_that_was_cut_off_is_done_again() {
    let sandbox = Sandbox::minimal();
    let ls = || sandbox.sh("-v data:/etc", "ls /etc | sort | tr '\\n' ' '").ok();
    let want = ls();
    let home = sandbox.root().join("volumes/data");
    std::fs::write(home.join("filling"), "").unwrap();
    std::fs::remove_file(home.join("_data/passwd")).unwrap();
    std::fs::write(home.join("_data/half"), "").unwrap();
    assert_eq!(ls(), want);
    assert!(!home.join("filling").exists());
}

#[test]
fn set_user_id_and_devices_mean_nothing_in_a_volume() {
    let sandbox = Sandbox::minimal();
    let script = "cp /bin/busybox /m/id && chmod 4755 /m/id; grep -o ' /m [^-]*' /proc/self/mountinfo";
    let flags = "--security-opt no-new-privileges=false -v data:/m";
    let options = sandbox.sh(flags, script).ok();
    assert!(options.contains("nosuid") && options.contains("nodev"), "{options}");
    let node = std::path::Path::new(inspected(&sandbox, "data")["Mountpoint"].as_str().unwrap()).join("null");
    make_null(&node);
    let error = sandbox.sh(&format!("{flags} --privileged"), "cat /m/null").fails(1);
    assert!(error.contains("Permission denied"), "{error}");
    let error = sandbox.sh("-v data:/m:noexec", "/m/id").fails(126);
    assert!(error.contains("Permission denied"), "{error}");
}

#[test]
fn a_part_of_a_volume() {
    let sandbox = Sandbox::minimal();
    sandbox
        .sh("-v data:/m", "mkdir -p /m/a/b && echo deep > /m/a/b/x && ln -s /etc /m/link && ln -s a /m/inner")
        .ok();
    let part = |path: &str| format!("--mount src=data,dst=/m,volume-subpath={path}");
    assert_eq!(sandbox.sh(&part("a/b"), "cat /m/x").ok(), "deep");
    assert_eq!(sandbox.sh(&part("a/./b/x"), "cat /m").ok(), "deep");
    for (path, says) in [
        ("no", "does not exist"),
        ("link", "could lead anywhere"),
        ("link/ssl", "could lead anywhere"),
        ("inner/b", "could lead anywhere"),
        ("../data", "without `..`"),
        ("/a", "without a slash before it"),
    ] {
        let error = sandbox.sh(&part(path), "ls /m").fails(125);
        assert!(error.contains(says), "{path}: {error}");
    }
}

#[test]
fn mounts_of_another_container() {
    let sandbox = Sandbox::minimal();
    let host = sandbox.write("host/file", "from the host");
    let bind = format!("{}:/b:ro", host.parent().unwrap().display());
    let make =
        ["run", "--name", "first", "-v", "data:/m", "-v", "/anon", "-v", &bind, "--tmpfs", "/t", "minimal"];
    sandbox.call([&make[..], &["sh", "-c", "echo x > /m/x; echo y > /anon/y; echo z > /t/z"]].concat()).ok();
    let look = "cat /m/x /anon/y /b/file; ls /t 2>/dev/null | wc -l; touch /b/new 2>/dev/null || echo ro";
    assert_eq!(sandbox.sh("--volumes-from first", look).ok(), "x\ny\nfrom the host0\nro");
    let write = "for d in /m /anon /b; do touch $d/new 2>/dev/null && echo $d; done; true";
    assert_eq!(sandbox.sh("--volumes-from first:ro", write).ok(), "");
    assert_eq!(sandbox.sh("--volumes-from first:rw", write).ok(), "/m\n/anon");
    assert_eq!(sandbox.sh("--volumes-from first --tmpfs /m", "ls /m").ok(), "", "a mount of its own wins");
    let error = sandbox.sh("--volumes-from nobody", "true").fails(125);
    assert!(error.contains("no container `nobody`"), "{error}");
    // --rm of the others has left the anonymous one alone, which the first still has.
    assert_eq!(names(&sandbox, &[]).len(), 2);
    sandbox.call(["rm", "-v", "first"]).ok();
    assert_eq!(names(&sandbox, &[]), ["data"]);
}

#[test]
fn listings_of_volumes() {
    let sandbox = Sandbox::new();
    for (name, label) in [("web-a", "x=1"), ("web-b", "x=2"), ("db", "y")] {
        sandbox.call(["volume", "create", "--label", label, name]).ok();
    }
    assert_eq!(names(&sandbox, &[]), ["db", "web-a", "web-b"]);
    assert_eq!(names(&sandbox, &["-f", "name=web"]), ["web-a", "web-b"]);
    assert_eq!(names(&sandbox, &["-f", "name=b", "-f", "label=x"]), ["web-a", "web-b"]);
    assert_eq!(names(&sandbox, &["-f", "label=x=2"]), ["web-b"]);
    assert_eq!(names(&sandbox, &["-f", "name=db", "-f", "name=web-a"]), ["db", "web-a"]);
    assert!(names(&sandbox, &["-f", "driver=other"]).is_empty());
    let table = sandbox.call(["volume", "ls"]).ok();
    assert_eq!(table, "DRIVER    VOLUME NAME\nlocal     db\nlocal     web-a\nlocal     web-b");
    let lines = sandbox.call(["volume", "ls", "--format", "{{.Name}}={{.Label \"x\"}}"]).ok();
    assert_eq!(lines, "db=\nweb-a=1\nweb-b=2");
    let json = sandbox.call(["volume", "ls", "--format", "json"]).ok();
    assert_eq!(json.lines().count(), 3);
    for (filter, says) in [
        ("nope=1", "invalid filter 'nope'"),
        ("name", "bad format of filter 'name'"),
        ("dangling=maybe", "invalid filter 'dangling=[maybe]'"),
    ] {
        let error = sandbox.call(["volume", "ls", "-f", filter]).fails(1);
        assert!(error.contains(says), "{filter}: {error}");
    }
    let mountpoint = sandbox.call(["inspect", "-f", "{{.Name}} {{.Labels.y}}|", "db"]).ok();
    assert_eq!(mountpoint, "db |");
    let error = sandbox.call(["volume", "create", "x/y"]).fails(1);
    assert!(error.contains("includes invalid characters for a local volume name"), "{error}");
}

/// A command that was killed between its steps leaves directories that are no volumes.
#[test]
fn what_killed_commands_left_is_no_volume() {
    let sandbox = Sandbox::new();
    let volumes = sandbox.root().join("volumes");
    for path in ["half/_data/old", ".gone-1/_data/old"] {
        std::fs::create_dir_all(volumes.join(path)).unwrap();
    }
    assert!(names(&sandbox, &[]).is_empty());
    sandbox.call(["volume", "create", "half"]).ok();
    assert!(!volumes.join("half/_data/old").exists(), "nobody inherits files");
    sandbox.call(["volume", "prune", "-f"]).ok();
    assert!(!volumes.join(".gone-1").exists());
}

#[test]
fn an_ordinary_user_has_volumes_too() {
    let sandbox = Sandbox::rootless(Ids::Range);
    sandbox.import("minimal.tar", "minimal");
    assert_eq!(
        sandbox.sh("-v data:/etc", "stat -c %u /etc/passwd; touch /etc/x && chown 7 /etc/x").ok(),
        "0"
    );
    assert_eq!(sandbox.sh("-v data:/m", "stat -c %u /m/x; ls /m/passwd").ok(), "7\n/m/passwd");
    sandbox.sh("-v /anon", "touch /anon/x").ok();
    assert_eq!(names(&sandbox, &[]), ["data"]);
    sandbox.call(["volume", "rm", "data"]).ok();
}

#[test]
fn paths_that_give_power_over_the_host_need_a_reason() {
    let sandbox = Sandbox::minimal();
    let state = sandbox.root().display().to_string();
    let above = sandbox.root().parent().unwrap().display().to_string();
    std::os::unix::fs::symlink("/", sandbox.file("innocent")).unwrap();
    std::os::unix::net::UnixListener::bind(sandbox.file("docker.sock")).unwrap();
    std::fs::create_dir(sandbox.file("run")).unwrap();
    std::os::unix::net::UnixListener::bind(sandbox.file("run/podman.sock")).unwrap();
    let file = |name: &str| sandbox.file(name).display().to_string();
    for source in [
        "/",
        "/proc",
        "/proc/sys/kernel",
        "/sys",
        "/dev",
        "/dev/pts",
        "/sys/made/by/us",
        &state,
        &above,
        &file("root/images.db"),
        &file("innocent"),
        &file("innocent/proc"),
        &file("docker.sock"),
        &file("run"),
    ] {
        let error =
            sandbox.call(["run", "--rm", "-v", &format!("{source}:/m"), "minimal", "true"]).fails(125);
        assert!(error.contains("--danger-bind"), "{source}: {error}");
    }
    let error = sandbox.sh("-v /:/m --danger-bind=", "true").fails(125);
    assert!(error.contains("a reason is needed"), "{error}");
    let words = ["run", "--name", "brave", "-v", "/:/m:ro", "--danger-bind", "nightly backup", "minimal"];
    sandbox.call([&words[..], &["ls", "/m/etc/passwd"]].concat()).ok();
    let document: Value = serde_json::from_str(&sandbox.call(["inspect", "brave"]).ok()).unwrap();
    let want = serde_json::json!([["mounts", "--danger-bind \"nightly backup\" (/)"]]);
    assert_eq!(document[0]["details"]["lowered"], want);
    let words = ["run", "--rm", "--name", "seen", "-v", "/:/m:ro", "--danger-bind", "to see it", "minimal"];
    let mut monitor = sandbox.call([&words[..], &["sh", "-c", "echo ready; sleep 300"]].concat()).spawn();
    monitor.read_until("ready");
    let told: Value =
        serde_json::from_str(&sandbox.call(["walls", "--format", "json", "seen"]).ok()).unwrap();
    let mounts = told["walls"].as_array().unwrap().iter().find(|wall| wall["name"] == "mounts").unwrap();
    assert_eq!(mounts["state"], "lowered", "{mounts}");
    assert_eq!(mounts["weakened_by"], serde_json::json!(["--danger-bind \"to see it\" (/)"]));
    drop(monitor);
    sandbox.call(["ps"]).ok();
    // It says nothing where there is no danger.
    sandbox.call(["run", "--name", "calm", "--danger-bind", "no need", "minimal", "true"]).ok();
    let document: Value = serde_json::from_str(&sandbox.call(["inspect", "calm"]).ok()).unwrap();
    assert_eq!(document[0]["details"]["lowered"], serde_json::json!([]));
    sandbox.call(["rm", "brave", "calm"]).ok();
}

fn names(sandbox: &Sandbox, flags: &[&str]) -> Vec<String> {
    let words = [&["volume", "ls", "--quiet"], flags].concat();
    sandbox.call(words).ok().lines().map(str::to_owned).collect()
}

fn inspected(sandbox: &Sandbox, name: &str) -> Value {
    let document: Value = serde_json::from_str(&sandbox.call(["volume", "inspect", name]).ok()).unwrap();
    document[0].clone()
}

/// A node of the null device, which anybody could read anywhere else.
fn make_null(path: &std::path::Path) {
    use kernel::rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
    mknodat(CWD, path, FileType::CharacterDevice, Mode::from_raw_mode(0o666), makedev(1, 3)).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).unwrap();
}
