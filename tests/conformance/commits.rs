// SPDX-License-Identifier: Apache-2.0
//! `commit` beside Docker's: after the same runs with the same changes both images have the same settings.

use serde_json::{Map, Value};
use tests::{Docker, Sandbox, image, skip};

/// Flags of `run`, its words, changes of `commit`.
type Case = (&'static [&'static str], &'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    (&[], &["true"], &[]),
    (&[], &[], &[]),
    (&["-e", "A=run", "-e", "B=run", "-e", "EMPTY="], &["true"], &["ENV C=commit A=commit"]),
    (&["-u", "1000:1000", "-w", "/tmp", "-l", "x=run", "-l", "base=run"], &["true"], &["LABEL y=commit"]),
    (&["--stop-signal", "10"], &["true"], &["EXPOSE 80 53/udp", "VOLUME /data"]),
    (&["--entrypoint", "/bin/echo"], &["a", "b"], &[]),
    (&["--entrypoint", "/bin/true"], &[], &["USER user"]),
    (&["--entrypoint", ""], &["true"], &["WORKDIR /var"]),
    (&[], &["true"], &["ENTRYPOINT [\"/bin/sh\"]"]),
    (&[], &["true"], &["CMD [\"-c\", \"id\"]", "ENTRYPOINT [\"/bin/sh\"]"]),
    (&[], &["true"], &["ENTRYPOINT echo hello", "CMD echo more"]),
    (&[], &["true"], &["ONBUILD RUN make", "ONBUILD COPY . /src"]),
];

#[test]
fn settings_agree_with_docker() {
    let Some(docker) = Docker::start() else { return skip("the package docker.io is not installed") };
    let sandbox = Sandbox::new();
    let changes = [
        "ENV A=image PATH=/bin:/usr/bin",
        "CMD [\"/bin/true\"]",
        "LABEL base=image",
        "WORKDIR /etc",
        "ONBUILD RUN base",
        "EXPOSE 1",
    ];
    let archive = image("minimal.tar");
    let import = |changes: &[&'static str]| {
        let changes = changes.iter().flat_map(|change| ["-c", change]);
        ["import"].into_iter().chain(changes).chain([archive.to_str().unwrap(), "base"]).collect::<Vec<_>>()
    };
    sandbox.call(import(&changes)).ok();
    docker.client(import(&changes));
    for (at, (flags, command, changes)) in CASES.iter().enumerate() {
        let (name, made) = (format!("box{at}"), format!("made{at}"));
        let run = |network: &[&'static str]| {
            let words = ["run", "--name", &name].into_iter().chain(network.iter().copied());
            words
                .chain(flags.iter().copied())
                .chain(["base"])
                .chain(command.iter().copied())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        sandbox.call(run(&[])).ok();
        docker.client(run(&["--network", "none"]));
        let changes = changes.iter().flat_map(|change| ["-c", *change]);
        let commit: Vec<&str> = ["commit"].into_iter().chain(changes).chain([&name[..], &made[..]]).collect();
        sandbox.call(&commit).ok();
        docker.client(&commit);
        let inspect = ["image", "inspect", &made];
        let ours = settings(&sandbox.call(inspect).ok());
        let theirs = settings(&docker.client(inspect));
        assert_eq!(ours, theirs, "{:?}", CASES[at]);
    }
}

/// What an image can say (image specification, config.md, and what Docker adds); nothing is as good as empty.
fn settings(inspected: &str) -> Map<String, Value> {
    let inspected: Value = serde_json::from_str(inspected).unwrap();
    let mut settings = inspected[0]["Config"].as_object().unwrap().clone();
    settings.retain(|name, value| {
        let known = [
            "User",
            "Env",
            "Cmd",
            "Entrypoint",
            "WorkingDir",
            "Labels",
            "StopSignal",
            "OnBuild",
            "ExposedPorts",
            "Volumes",
        ];
        let empty = [Value::Null, "".into(), Value::Array(Vec::new()), Value::Object(Map::new())];
        known.contains(&name.as_str()) && !empty.contains(value)
    });
    // Docker has what was asked for first.
    if let Some(variables) = settings.get_mut("Env") {
        variables.as_array_mut().unwrap().sort_by(|one, other| one.as_str().cmp(&other.as_str()));
    }
    settings
}
