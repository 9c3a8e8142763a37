// SPDX-License-Identifier: Apache-2.0
//! Docker's `diff` on the same actions, and Docker's reading of our `export`.

use tests::{Docker, Sandbox, image, skip};

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
