// SPDX-License-Identifier: Apache-2.0
//! `image prune` and `system df` beside Docker's, on the same images and containers.

use serde_json::Value;
use tests::{Docker, Sandbox, image, skip};

#[test]
fn prune_and_df_agree_with_docker() {
    let Some(docker) = Docker::start() else { return skip("the package docker.io is not installed") };
    let sandbox = Sandbox::new();
    // `other` shares no layer with an image in use: of one that does, Docker says what is not so (engine/df.rs).
    let (archive, other) = (image("minimal.tar"), sandbox.write("other.tar", tarball(&sandbox)));
    let both = |words: &[&str]| {
        let theirs = docker.client(words);
        (sandbox.call(words).ok().trim().to_owned(), theirs.trim().to_owned())
    };
    for (change, name, archive) in [
        ("LABEL a=1", "one", &other),
        ("LABEL a=2", "one", &other),
        ("LABEL b=1", "two", &archive),
        ("LABEL c=1", "three", &other),
    ] {
        both(&["import", "-c", change, archive.to_str().unwrap(), name]);
    }
    sandbox
        .call(["run", "--name", "box", "two", "sh", "-c", "dd if=/dev/zero of=/x bs=1000 count=3000 2>&1"])
        .ok();
    let run = [
        "run",
        "--network",
        "none",
        "--name",
        "box",
        "two",
        "sh",
        "-c",
        "dd if=/dev/zero of=/x bs=1000 count=3000 2>&1",
    ];
    docker.client(run);
    let ours = kinds(&sandbox.call(["system", "df", "--format", "json"]).ok());
    let theirs = kinds(&docker.client(["system", "df", "--format", "{{json .}}"]));
    assert_eq!(ours[1..], theirs[1..], "containers and volumes");
    for key in ["TotalCount", "Active"] {
        assert_eq!(ours[0][key], theirs[0][key], "{key}");
    }
    // Docker counts the text of links as well.
    for key in ["Size", "Reclaimable"] {
        let (ours, theirs) = (megabytes(&ours[0][key]), megabytes(&theirs[0][key]));
        assert!(ours <= theirs && theirs - ours < 0.01, "{key}: {ours} and {theirs}");
    }
    for words in [
        &["image", "prune", "-f", "--filter", "label=a=3"][..],
        &["image", "prune", "-f"],
        &["image", "prune", "-a", "-f", "--filter", "label!=c"],
        &["image", "prune", "-a", "-f", "--filter", "until=24h"],
        &["image", "prune", "-a", "-f"],
    ] {
        let (ours, theirs) = both(words);
        assert_eq!(shape(&ours), shape(&theirs), "{words:?}\n{ours}\n{theirs}");
        let images =
            |text: &str| kinds(text).into_iter().map(|row| row["TotalCount"].clone()).collect::<Vec<_>>();
        let (ours, theirs) = (
            sandbox.call(["system", "df", "--format", "json"]).ok(),
            docker.client(["system", "df", "--format", "{{json .}}"]),
        );
        assert_eq!(images(&ours), images(&theirs), "{words:?}");
    }
}

/// The rows that both have.
fn kinds(text: &str) -> Vec<Value> {
    let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.filter(|row| ["Images", "Containers", "Local Volumes"].contains(&row["Type"].as_str().unwrap()))
        .collect()
}

/// The lines without ids, which Docker makes anew for each import, and each once: a layer that several
/// images have goes with the last of them.
fn shape(text: &str) -> Vec<String> {
    let line = |line: &str| match line.split_once("sha256:") {
        Some((before, _)) => before.to_owned(),
        None => line.to_owned(),
    };
    let mut lines: Vec<String> = text.lines().filter(|line| !line.starts_with("Total")).map(line).collect();
    lines.sort();
    lines.dedup();
    lines
}

/// A root file system of one file.
fn tarball(sandbox: &Sandbox) -> Vec<u8> {
    sandbox.write("file", vec![7; 1_234_567]);
    let mut tar = std::process::Command::new("tar");
    tar.args(["--owner=0", "--group=0", "-c", "file"]).current_dir(sandbox.file(""));
    tar.output().unwrap().stdout
}

/// `1.984MB (38%)`.
fn megabytes(size: &Value) -> f64 {
    size.as_str().unwrap().split("MB").next().unwrap().parse().unwrap()
}
