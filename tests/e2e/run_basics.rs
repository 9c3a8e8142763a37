// SPDX-License-Identifier: Apache-2.0
//! `run`: names, images, exit codes, and how its command line is read.

use std::process::{Command, Stdio};

use tests::Sandbox;

#[test]
fn exit_codes_are_dockers() {
    let sandbox = Sandbox::minimal();
    for code in [0, 1, 7, 124, 125, 255] {
        let ended = sandbox.sh("", &format!("exit {code}")).ended();
        assert_eq!((ended.code, &ended.err[..]), (code, ""), "{ended}");
    }
    for (words, code, says) in [
        (&["minimal", "/no/such/program"][..], 127, "`/no/such/program` was not found"),
        (&["minimal", "no-such-program"], 127, "`no-such-program` was not found"),
        (&["minimal", "/etc/passwd"], 126, "`/etc/passwd` cannot be executed: permission denied"),
        (&["minimal", "/etc"], 126, "`/etc` cannot be executed"),
        (&["minimal", ""], 127, "was not found"),
        (&["-v", "/etc/hostname:/script", "minimal", "/script"], 126, "cannot be executed"),
        (&["--pull", "never", "no-such-image", "true"], 125, "there is no image `no-such-image` here"),
        (&["minimal"], 125, "no command was given"),
        (&["--no-such-flag", "minimal", "true"], 125, "has no flag --no-such-flag"),
        (&[], 125, "needs IMAGE"),
        (&["NoSuchImage", "true"], 125, "is not a valid image name"),
    ] {
        let error = sandbox.call(["run", "--rm"].iter().chain(words)).fails(code);
        assert!(error.starts_with("error: ") && error.contains(says), "{words:?}: {error}");
        assert!(sandbox.containers().is_empty(), "{words:?}");
    }
    let error = sandbox.run("--pull never no-such-image true").fails(125);
    assert!(error.contains("hint: `bulkhead images`"), "{error}");
}

#[test]
fn a_script_without_an_interpreter_and_a_file_that_is_no_program() {
    let sandbox = Sandbox::minimal();
    let file = |name: &str, content: &str| {
        let path = sandbox.write(name, content);
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        format!("-v {}:/program minimal /program", path.display())
    };
    assert!(sandbox.run(&file("text", "not a program")).fails(126).contains("exec format error"));
    // As with Docker: the interpreter is what was not found.
    sandbox.run(&file("lost", "#!/no/such/shell\n")).fails(127);
    assert_eq!(sandbox.run(&file("script", "#!/bin/sh\necho ran $#\n")).ok(), "ran 0");
}

#[test]
fn a_container_is_kept_unless_it_is_to_go() {
    let sandbox = Sandbox::minimal();
    sandbox.call(["run", "--name", "kept", "minimal", "sh", "-c", "exit 3"]).fails(3);
    assert!(sandbox.call(["ps", "-a"]).ok().contains("Exited (3)"));
    let error = sandbox.call(["run", "--rm", "--name", "kept", "minimal", "true"]).fails(125);
    assert!(
        error.contains("the name `kept` is in use by container")
            && error.contains("hint: `bulkhead rm kept`"),
        "{error}"
    );
    assert_eq!(sandbox.containers().len(), 1);
    sandbox.call(["rm", "kept"]).ok();
    sandbox.call(["run", "--rm", "--name", "kept", "minimal", "true"]).ok();
    assert!(sandbox.containers().is_empty());
    // A run that failed leaves neither a container nor its name.
    sandbox.call(["run", "--name", "kept", "minimal", "/no/such/program"]).fails(127);
    assert!(sandbox.containers().is_empty());
    for name in ["a b", "-x", "a", "x/y", &"x".repeat(129)] {
        let error = sandbox.call(["run", "--rm", "--name", name, "minimal", "true"]).fails(125);
        assert!(error.contains("is not a valid container name"), "{name:?}: {error}");
    }
}

#[test]
fn two_who_want_the_same_name_at_once() {
    let sandbox = Sandbox::minimal();
    let mut running = sandbox
        .call(["run", "--rm", "--name", "one", "minimal", "sh", "-c", "echo ready; sleep 1000"])
        .spawn();
    running.read_until("ready");
    let error = sandbox.call(["run", "--rm", "--name", "one", "minimal", "true"]).fails(125);
    assert!(error.contains("is in use"), "{error}");
    running.signal(kernel::rustix::process::Signal::KILL);
    running.end();
    // Whoever held it is gone, and so is the claim.
    sandbox.call(["run", "--rm", "--name", "one", "minimal", "true"]).ok();
}

#[test]
fn the_id_is_written_to_a_file_that_was_not_there() {
    let sandbox = Sandbox::minimal();
    let path = sandbox.file("cid");
    let file = path.to_str().unwrap();
    sandbox.call(["run", "--name", "known", "--cidfile", file, "minimal", "true"]).ok();
    let id = std::fs::read_to_string(&path).unwrap();
    assert_eq!(sandbox.containers(), [id.as_str()]);
    sandbox.call(["rm", &id]).ok();
    let error = sandbox.call(["run", "--rm", "--cidfile", file, "minimal", "true"]).fails(125);
    assert!(error.contains(file) && error.contains("exists already"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), id);
    // A container that did not come to be has no id to tell.
    let other = sandbox.file("other");
    let file = other.to_str().unwrap();
    sandbox.call(["run", "--rm", "--cidfile", file, "minimal", "/no/such/program"]).fails(127);
    sandbox.call(["run", "--rm", "--cidfile", file, "-u", "nobody-here", "minimal", "true"]).fails(125);
    assert!(!other.exists());
    let error = sandbox.run("--cidfile /no/such/folder/cid minimal true").fails(125);
    assert!(error.contains("/no/such/folder/cid"), "{error}");
    assert!(sandbox.containers().is_empty());
}

#[test]
fn flags_are_read_as_docker_reads_them() {
    let sandbox = Sandbox::minimal();
    for (words, want) in [
        // Everything behind the image is the container's, whatever it looks like.
        (&["minimal", "echo", "-n", "--rm", "-it"][..], "--rm -it"),
        (&["minimal", "echo", "--", "--help"], "-- --help"),
        (&["--", "minimal", "echo", "after"], "after"),
        (&["-eA=1", "-e=B=2", "--env", "C=3", "--env=D=4", "minimal", "sh", "-c", "echo $A$B$C$D"], "1234"),
        (&["-w/bin", "-uuser", "minimal", "sh", "-c", "pwd; id -un"], "/bin\nuser"),
        (&["-w", "/", "-w", "/etc", "minimal", "pwd"], "/etc"),
        (&["--read-only=false", "minimal", "sh", "-c", "echo x > /x && echo written"], "written"),
        (&["--init=true", "-i=false", "minimal", "sh", "-c", "echo $$"], "2"),
        (&["-m64m", "minimal", "echo", "bounded"], "bounded"),
        (&["-e", "A=-1", "minimal", "sh", "-c", "echo $A"], "-1"),
        (&["--entrypoint", "echo", "minimal", "-n", "x"], "x"),
    ] {
        assert_eq!(sandbox.call(["run", "--rm"].iter().chain(words)).ok(), want, "{words:?}");
    }
    // An empty value is none, so that a script can pass a variable that is not set.
    let empty =
        ["--name=", "--user=", "--workdir=", "--hostname=", "--cidfile=", "--cpuset-cpus=", "--network="];
    let words = ["run", "--rm"].iter().chain(&empty).chain(&["minimal", "sh", "-c", "id -u; pwd"]);
    assert_eq!(sandbox.call(words).ok(), "0\n/");
    for (words, says) in [
        (&["--memroy", "64m"][..], "did you mean --memory?"),
        (&["-itp"], "has no flag -p"),
        (&["-p", "80:80"], "has no flag -p"),
        (&["--rm=perhaps"], "neither true nor false"),
        (&["--memory="], "--memory"),
    ] {
        let error = sandbox.call(["run"].iter().chain(words).chain(&["minimal", "true"])).fails(125);
        assert!(error.contains(says), "{words:?}: {error}");
    }
    assert!(sandbox.call(["run", "--name"]).fails(125).contains("--name needs a value"));
}

#[test]
fn images_by_name_tag_id_and_digest() {
    let sandbox = Sandbox::minimal();
    let shown = sandbox.call(["images", "--format", "json"]).ok();
    let row: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let id = row["ID"].as_str().unwrap();
    let full = sandbox.call(["images", "-q", "--no-trunc"]).ok();
    for image in [
        "minimal",
        "minimal:latest",
        "library/minimal",
        "docker.io/library/minimal:latest",
        id,
        &id[..4],
        &full,
        full.strip_prefix("sha256:").unwrap(),
    ] {
        assert_eq!(sandbox.run(&format!("{image} echo {image}")).ok(), image);
    }
    for image in
        ["minimal:other", "other/minimal", "ffffffffffff", &format!("minimal@sha256:{}", "0".repeat(64))]
    {
        let error = sandbox.run(&format!("--pull never {image} true")).fails(125);
        assert!(error.contains("there is no image"), "{image}: {error}");
    }
}

/// An id names content, so no registry is asked for it; anything else is asked for, and that it cannot be had
/// is our failure and not the program's.
#[test]
fn an_image_that_is_not_here_is_asked_for() {
    let sandbox = Sandbox::minimal();
    let id = "0".repeat(64);
    for name in [format!("sha256:{id}"), id] {
        let error = sandbox.run(&format!("{name} true")).fails(125);
        assert!(error.contains("there is no image") && !error.contains("Unable"), "{name}: {error}");
    }
    // A port that was free a moment ago: nobody listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let name = format!("127.0.0.1:{port}/nobody");
    let want = format!("Unable to find image '{name}:latest' locally\n");
    for flags in ["", "--pull missing", "--pull=missing"] {
        let ended = sandbox.run(&format!("{flags} {name} true")).ended();
        assert_eq!(ended.code, 125, "{ended}");
        assert!(ended.err.starts_with(&want) && ended.err.contains("error: cannot pull"), "{ended}");
    }
    // `always` asks for what is here as well.
    sandbox.call(["tag", "minimal", &name]).ok();
    assert_eq!(sandbox.run(&format!("{name} echo here")).ok(), "here");
    let error = sandbox.run(&format!("--pull always {name} echo here")).fails(125);
    assert!(error.starts_with("error: cannot pull"), "{error}");
    assert!(sandbox.containers().is_empty());
}

/// `name@sha256:…` is the manifest's digest, so only an image that came with one has such a name.
#[test]
fn an_image_by_the_digest_of_its_manifest() {
    let sandbox = Sandbox::new();
    let archive = sandbox.file("layout.tar");
    let source = format!("tarball:{}", tests::image("minimal.tar").display());
    let mut copy = Command::new("skopeo");
    copy.args(["copy", "--quiet", &source, &format!("oci-archive:{}:lib/minimal:one", archive.display())]);
    let Ok(output) = copy.stdin(Stdio::null()).output() else { return tests::skip("no skopeo") };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    sandbox.call(["load", "-i", archive.to_str().unwrap()]).ok();
    let shown = sandbox.call(["images", "--format", "json"]).ok();
    let row: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let digest = row["Digest"].as_str().unwrap();
    let name = row["Repository"].as_str().unwrap();
    for image in [format!("{name}@{digest}"), format!("{name}:one"), format!("{name}:one@{digest}")] {
        assert_eq!(sandbox.run(&format!("{image} echo found")).ok(), "found", "{image}");
    }
}
