// SPDX-License-Identifier: Apache-2.0
//! Docker's `diff` on the same actions, and Docker's and Podman's reading of our `export`.

use tests::{Docker, Podman, Sandbox, image, skip};

#[test]
fn diff_and_export_agree_with_docker() {
    let Some(docker) = Docker::start() else { return skip("the package docker.io is not installed") };
    let sandbox = Sandbox::minimal();
    docker.client(["import", image("minimal.tar").to_str().unwrap(), "minimal"]);
    let script = "mkdir -p /new/deep; echo x > /new/deep/file; rm /etc/passwd; echo y >> /etc/group; \
                  rm -r /var; mkdir /var; echo z > /var/own; touch /tmp/a; rm /tmp/a; ln -s x /s; ln /s /h";
    let words = ["run", "--name", "same", "minimal", "sh", "-c", script];
    sandbox.call(words).ok();
    docker.client(["run", "--network", "none", "--name", "same", "minimal", "sh", "-c", script]);
    let lines = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&sandbox.call(["diff", "same"]).ok()), lines(&docker.client(["diff", "same"])));
    let tar = sandbox.file("same.tar");
    sandbox.call(["export", "-o", tar.to_str().unwrap(), "same"]).ok();
    docker.client(["import", tar.to_str().unwrap(), "flat"]);
    let script = "cat /new/deep/file /var/own; readlink /s; readlink /h";
    let told = docker.client(["run", "--rm", "--network", "none", "flat", "sh", "-c", script]);
    assert_eq!(told.split_whitespace().collect::<Vec<_>>(), ["x", "z", "x", "x"]);
}

/// Podman reads our `export`, capabilities, attributes and long names with it, and its own export of that is the
/// same tree to us.
#[test]
fn podman_imports_an_export() {
    let Some(podman) = Podman::prepare() else { return skip("the package podman is not installed") };
    let sandbox = Sandbox::minimal();
    let long = "n".repeat(150);
    let script = format!(
        "mkdir -p /new/deep; echo x > /new/deep/{long}; ln /new/deep/{long} /hard; ln -s new /soft; mkfifo /fifo; \
         chown 1000:7 /hard; chmod 4711 /hard; rm /etc/passwd; touch -d @1000000000 /hard; echo é > /é"
    );
    sandbox.call(["run", "--name", "same", "minimal", "sh", "-c", &script]).ok();
    let (ours, theirs) = (sandbox.file("ours.tar"), sandbox.file("theirs.tar"));
    sandbox.call(["export", "-o", ours.to_str().unwrap(), "same"]).ok();
    podman.client(["import", ours.to_str().unwrap(), "flat"]);
    let script = "cat /soft/deep/n*; readlink /soft; stat -c '%a %u %g %h %Y' /hard; cat /é; test -p /fifo; ls /etc/passwd";
    let told =
        podman.run(["--network", "none", "flat", "sh", "-c", &format!("{script} 2>/dev/null || true")]);
    assert_eq!(told.lines().collect::<Vec<_>>(), ["x", "new", "4711 1000 7 2 1000000000", "é"]);
    podman.client(["create", "--network", "none", "--name", "again", "flat", "true"]);
    podman.client(["export", "-o", theirs.to_str().unwrap(), "again"]);
    sandbox.call(["import", theirs.to_str().unwrap(), "back"]).ok();
    let script = "stat -c '%a %u %g %h %Y' /hard; cat /soft/deep/n*";
    let told = sandbox.call(["run", "--rm", "back", "sh", "-c", script]).ok();
    assert_eq!(told, "4711 1000 7 2 1000000000\nx");
}
