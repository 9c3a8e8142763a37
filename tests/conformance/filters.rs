// SPDX-License-Identifier: Apache-2.0
//! `--filter` of `ps`, `images` and `volume ls` lets through what Docker's lets through; and volumes are
//! filled as Docker fills them.

use tests::{Docker, Sandbox, image, skip};

#[test]
fn filters_let_through_what_dockers_let_through() {
    let Some(docker) = Docker::start() else { return skip("the package docker.io is not installed") };
    let sandbox = Sandbox::new();
    let both = |words: &[&str]| {
        docker.client(words);
        sandbox.call(words).ok();
    };
    both(&["load", "-q", "-i", image("layers.docker.tar").to_str().unwrap()]);
    for name in ["team/web:1", "team/web:2", "team/db:1", "plain:1"] {
        both(&["tag", "layers:1", name]);
    }
    for volume in ["web-data", "db-data", "unused"] {
        both(&["volume", "create", "--label", &format!("of={volume}"), volume]);
    }
    for (name, code, more) in [
        ("web-one", "0", &["--label", "tier=front", "-v", "web-data:/data"][..]),
        ("web-two", "3", &["--label", "tier=front", "--label", "old"]),
        ("db", "0", &["--label", "tier=back", "-v", "db-data:/var/db"]),
    ] {
        let line = format!("exit {code}");
        let words =
            [&["run", "--name", name, "--network", "none"], more, &["plain:1", "sh", "-c", &line]].concat();
        docker.ends(&words);
        sandbox.call(&words).ended();
    }
    let mut differences = Vec::new();
    for (verb, template, filters) in CASES {
        for line in *filters {
            let mut words: Vec<&str> = verb.iter().copied().chain(["--format", template]).collect();
            line.split(' ')
                .filter(|word| !word.is_empty())
                .for_each(|filter| words.extend(["--filter", filter]));
            let (ours, theirs) = (sandbox.call(&words).ended(), docker.client(&words));
            if ours.code != 0 || sorted(&ours.out) != sorted(&theirs) {
                differences.push(format!("{words:?}\n{ours}\ndocker: {theirs}"));
            }
        }
    }
    for verb in [&["ps"][..], &["images"], &["volume", "ls"]] {
        let words = [verb, &["--filter", "nope=1"]].concat();
        assert!(docker.refuses(&words).to_lowercase().contains("invalid filter 'nope'"), "{words:?}");
        let said = sandbox.call(&words).fails(1);
        assert!(said.contains("invalid filter 'nope'"), "{said}");
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    both(&["rm", "-v", "web-one", "web-two", "db"]);
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

/// A verb, its template, and filters with spaces between them.
const CASES: &[(&[&str], &str, &[&str])] = &[
    (
        &["ps", "-a"],
        "{{.Names}}",
        &[
            "",
            "name=web",
            "name=^web-t",
            "name=/web-one",
            "name=e.-o name=db",
            "name=nobody",
            "label=tier",
            "label=tier=front label=old",
            "label=tier=front name=one",
            "label=purpose",
            "status=exited",
            "status=running",
            "status=exited status=running",
            "exited=0",
            "exited=3 exited=9",
            "ancestor=plain:1",
            "ancestor=team/web:1",
            "ancestor=nothing:1",
            "before=web-two",
            "since=web-one",
            "since=web-one before=db",
            "volume=web-data",
            "volume=/var/db",
            "volume=/data volume=db-data",
            "volume=unused",
            "network=none",
            "network=host",
        ],
    ),
    (&["ps"], "{{.Names}}", &["", "status=exited", "exited=0", "name=web"]),
    (&["ps", "-n", "2"], "{{.Names}}", &["", "name=web"]),
    (&["ps", "-l"], "{{.Names}}", &["", "name=web"]),
    (&["ps", "-a"], "{{.Names}} {{.LocalVolumes}} {{.Mounts}} {{.Networks}} {{.State}}", &[""]),
    (
        &["images"],
        "{{.Repository}}:{{.Tag}}",
        &[
            "",
            "reference=plain",
            "reference=*",
            "reference=*/*",
            "reference=team/web",
            "reference=team/*:1",
            "reference=team/w?b:[2-9]",
            "reference=plain reference=layers",
            "reference=team",
            "label=purpose",
            "label=none",
            "dangling=false",
            "dangling=true",
            "before=plain:1",
            "since=plain:1",
        ],
    ),
    (
        &["volume", "ls"],
        "{{.Name}} {{.Driver}} {{.Scope}} {{.Label \"of\"}}",
        &[
            "",
            "name=data",
            "name=web name=unused",
            "label=of",
            "label=of=unused",
            "label=of=unused name=web",
            "dangling=true",
            "dangling=false",
            "driver=local",
            "driver=other",
        ],
    ),
];

/// Owners, modes, links and contents of a volume that was filled.
#[test]
fn volumes_are_filled_as_docker_fills_them() {
    let Some(docker) = Docker::start() else { return skip("the package docker.io is not installed") };
    let sandbox = Sandbox::minimal();
    let script = "mkdir -p /data/sub/deep && echo one > /data/file && chown 1000:5 /data/file && chmod 4750 /data/file \
                  && ln -s /etc/passwd /data/link && ln /data/file /data/sub/hard && mkfifo /data/pipe \
                  && chown 1000:1000 /data && chmod 711 /data && chmod 1777 /data/sub && touch -d @1000 /data/sub/old";
    sandbox.call(["run", "--name", "maker", "minimal", "sh", "-c", script]).ok();
    let tar = sandbox.file("filled.tar");
    sandbox.call(["export", "-o", tar.to_str().unwrap(), "maker"]).ok();
    sandbox.call(["rm", "maker"]).ok();
    docker.client(["import", tar.to_str().unwrap(), "filled"]);
    sandbox.call(["import", "-q", tar.to_str().unwrap(), "filled"]).ok();
    let look = "cd /data && find . | sort | while read f; do stat -c '%n %u:%g %a %F %h %s' $f; done; \
                readlink link; stat -c %Y sub/old";
    for flags in
        [&["-v", "named:/data"][..], &["-v", "/data"], &["-v", "named:/data:ro"], &["-v", "new:/none"]]
    {
        let look = if flags[1] == "new:/none" { "stat -c '%u:%g %a' /none; ls /none" } else { look };
        let words = [&["run", "--rm", "--network", "none"], flags, &["filled", "sh", "-c", look]].concat();
        assert_eq!(sandbox.call(&words).ended().out, docker.client(&words), "{flags:?}");
    }
}
