// SPDX-License-Identifier: Apache-2.0
//! `cp` beside Docker's: the same commands on the same trees give the same trees and the same exit codes.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tests::{Docker, Sandbox, image, skip};

/// Sources on whichever side, destinations on the other. Both trees are made by the same script. (A table of twice
/// the size agreed as well; each case costs Docker a third of a second.)
const SOURCES: [&str; 10] =
    ["dir/one", "dir/one/", "dir", "dir/.", "dir/deep/..", "link", "dirlink", "dirlink/", "dangling", "none"];
const DESTINATIONS: [&str; 10] =
    ["new", "new/", "new/.", "file", "there", "there/.", "tofile", "tothere", "tonowhere", "none/new"];
/// Those for which flags matter.
const FLAGGED: [(&str, &[&str]); 2] =
    [("-L", &["link", "dirlink", "dirlink/", "dangling"]), ("-a", &["dir/.", "owned"])];
const FLAGGED_DESTINATIONS: [&str; 5] = ["new", "file", "there", "tothere", "none/new"];

/// What is there to be copied. Nothing has a set-user-id bit, which we do not let out and Docker does.
const MAKE_SOURCES: &str = "mkdir -p dir/deep empty; echo one > dir/one; echo two > dir/deep/two; chmod 640 dir/deep/two
chmod 750 dir/deep; ln -s dir/one link; ln -s dir dirlink; ln -s nowhere dangling; echo owned > owned; chmod 604 owned
ln dir/one dir/hard; ln -s one dir/beside; touch -d @1000000000 dir/one dir/deep/two owned; chown 1000:7 owned dir/deep dir/deep/two";
const MAKE_DESTINATIONS: &str = "mkdir there; echo old > file; echo old > there/one; ln -s file tofile; ln -s there tothere; ln -s nowhere tonowhere";

struct Both {
    docker: Docker,
    sandbox: Sandbox,
}

/// What both said.
struct Said {
    ours: Output,
    theirs: Output,
}

impl Both {
    /// The same call of both, below a directory of each one's own on the host.
    fn cp(&self, words: &[String], input: Option<&[u8]>) -> Said {
        let words = |who: &str| {
            let place = self.sandbox.file(who).display().to_string();
            ["cp".to_owned()]
                .into_iter()
                .chain(words.iter().map(|word| word.replace("HOST", &place)))
                .collect::<Vec<_>>()
        };
        let run = |mut command: Command| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut pipe = child.stdin.take().unwrap();
            let bytes = input.unwrap_or_default().to_vec();
            // Who refuses does not read.
            let writer = std::thread::spawn(move || drop(std::io::Write::write_all(&mut pipe, &bytes)));
            let output = child.wait_with_output().unwrap();
            writer.join().unwrap();
            output
        };
        Said {
            ours: run(self.sandbox.call(words("ours")).into_command()),
            theirs: run(self.docker.command(words("theirs"))),
        }
    }

    /// The trees at `place` in the two containers, as archives tell them.
    fn inside(&self, place: &str) -> [Vec<String>; 2] {
        let theirs = self.docker.command(["cp", &format!("box:/{place}"), "-"]).output().unwrap();
        let ours = self.sandbox.call(["cp", &format!("box:/{place}"), "-"]).into_command().output().unwrap();
        [listed(&ours.stdout), listed(&theirs.stdout)]
    }

    /// The trees that the two have on the host.
    fn outside(&self, place: &str) -> [Vec<String>; 2] {
        ["ours", "theirs"].map(|who| {
            let mut found = Vec::new();
            tree(&self.sandbox.file(who).join(place), place, &mut found);
            found.sort();
            found
        })
    }
}

/// Each entry of an archive but its time, in order of the names.
fn listed(archive: &[u8]) -> Vec<String> {
    let mut tar = Command::new("tar");
    tar.args(["--numeric-owner", "--full-time", "-tvf", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut tar = tar.spawn().unwrap();
    let mut pipe = tar.stdin.take().unwrap();
    let bytes = archive.to_vec();
    let writer = std::thread::spawn(move || drop(std::io::Write::write_all(&mut pipe, &bytes)));
    let list = tar.wait_with_output().unwrap().stdout;
    writer.join().unwrap();
    let mut lines: Vec<String> = String::from_utf8(list)
        .unwrap()
        .lines()
        .map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            [&fields[..3], &fields[5..]].concat().join(" ")
        })
        .collect();
    lines.sort();
    lines
}

/// Kind, mode, owner, content, and of files the time.
fn tree(path: &Path, name: &str, found: &mut Vec<String>) {
    let Ok(stat) = fs::symlink_metadata(path) else { return };
    let what = if stat.is_symlink() {
        format!("-> {}", fs::read_link(path).unwrap().display())
    } else if stat.is_dir() {
        "directory".to_owned()
    } else {
        format!("{:?}", fs::read_to_string(path).unwrap())
    };
    let mode = stat.permissions().mode() & 0o7777;
    // What was made just now was not made by both in the same second.
    let time = if stat.is_file() && stat.mtime() < 1_500_000_000 { stat.mtime() } else { 0 };
    found.push(format!("{name} {mode:o} {}:{} {time} {what}", stat.uid(), stat.gid()));
    if stat.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            let entry = entry.unwrap().file_name().into_string().unwrap();
            tree(&path.join(&entry), &format!("{name}/{entry}"), found);
        }
    }
}

/// Both, each with a container `box` of the same image.
fn both() -> Option<Both> {
    let both = Both { docker: Docker::start()?, sandbox: Sandbox::new() };
    let archive = image("minimal.tar");
    let count = cases().len();
    let script = format!(
        "mkdir /from; cd /from; {MAKE_SOURCES}\nmkdir /to; cd /to; i=0; while [ $i -lt {count} ]; do mkdir $i; cd $i; {MAKE_DESTINATIONS}; cd ..; i=$((i+1)); done"
    );
    for run in [&["run"][..], &["run", "--network", "none"]] {
        let import = ["import", archive.to_str().unwrap(), "minimal"];
        let words: Vec<&str> =
            run.iter().copied().chain(["--name", "box", "minimal", "sh", "-c", &script]).collect();
        if run.len() == 1 {
            both.sandbox.call(import).ok();
            both.sandbox.call(words).ok();
        } else {
            both.docker.client(import);
            both.docker.client(words);
        }
    }
    for who in ["ours", "theirs"] {
        fs::create_dir_all(both.sandbox.file(who).join("from")).unwrap();
        shell(&both.sandbox.file(who).join("from"), MAKE_SOURCES);
    }
    Some(both)
}

fn shell(place: &Path, script: &str) {
    let status = Command::new("sh").args(["-euc", script]).current_dir(place).status().unwrap();
    assert!(status.success());
}

/// Flag, source, destination.
fn cases() -> Vec<(Option<&'static str>, &'static str, &'static str)> {
    let plain =
        SOURCES.iter().flat_map(|source| DESTINATIONS.map(|destination| (None, *source, destination)));
    let flagged = FLAGGED.iter().flat_map(|(flag, sources)| {
        let pairs =
            sources.iter().flat_map(|source| FLAGGED_DESTINATIONS.map(|destination| (*source, destination)));
        pairs.map(|(source, destination)| (Some(*flag), source, destination))
    });
    plain.chain(flagged).collect()
}

/// All cases from `from` to `to`; then the trees are looked at, once for all.
fn table(both: &Both, from: &str, to: &str, trees: impl Fn(&str) -> [Vec<String>; 2]) {
    let mut codes = Vec::new();
    for (at, (flag, source, destination)) in cases().into_iter().enumerate() {
        for who in ["ours", "theirs"] {
            let place = both.sandbox.file(who).join(format!("to/{at}"));
            if !place.exists() {
                fs::create_dir_all(&place).unwrap();
                shell(&place, MAKE_DESTINATIONS);
            }
        }
        let mut words: Vec<String> = flag.into_iter().map(str::to_owned).collect();
        words.extend([format!("{from}/{source}"), format!("{to}/{at}/{destination}")]);
        let said = both.cp(&words, None);
        codes.push((words, said));
    }
    let [ours, theirs] = trees("to");
    let mut wrong = Vec::new();
    for (at, (words, Said { ours: we, theirs: they })) in codes.iter().enumerate() {
        let of = |tree: &[String]| -> Vec<String> {
            tree.iter().filter(|line| line.contains(&format!("to/{at}/"))).cloned().collect()
        };
        let (mut ours, mut theirs) = (of(&ours), of(&theirs));
        // Docker's -a has no effect on the way out, and on the way in numbers stay without it: both against
        // its documentation, by which we go.
        if (words[0] == "-a") == from.starts_with("box:") {
            let lines = ours.iter_mut().chain(&mut theirs);
            lines.for_each(|line| *line = line.replace(" 1000:7 ", " 0:0 ").replace(" 1000/7 ", " 0/0 "));
            ours.sort();
            theirs.sort();
        }
        if we.status.code() != they.status.code() || ours != theirs {
            let text = |output: &Output| {
                format!("{} {}", output.status, String::from_utf8_lossy(&output.stderr).trim())
            };
            let difference = difference(&ours, &theirs);
            wrong.push(format!("{words:?}\n  ours: {}\n  theirs: {}\n  {difference}", text(we), text(they)));
        }
    }
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn difference(ours: &[String], theirs: &[String]) -> String {
    let only = |one: &[String], other: &[String]| {
        one.iter().filter(|line| !other.contains(line)).cloned().collect::<Vec<_>>().join("; ")
    };
    format!("only ours: {}\n  only theirs: {}", only(ours, theirs), only(theirs, ours))
}

#[test]
fn out_of_a_container_and_back_as_docker_does() {
    let Some(both) = both() else { return skip("the package docker.io is not installed") };
    table(&both, "box:/from", "HOST/to", |place| both.outside(place));
    table(&both, "HOST/from", "box:/to", |place| both.inside(place));
    streams(&both);
}

/// `-` at either end: Docker's archive goes into ours and ours into Docker's.
fn streams(both: &Both) {
    for source in ["dir", "dir/", "dir/.", "dir/one", "link", "owned", "none"] {
        let said = both.cp(&[format!("box:/from/{source}"), "-".to_owned()], None);
        assert_eq!(said.ours.status.code(), said.theirs.status.code(), "{source}");
        let (ours, theirs) = (listed(&said.ours.stdout), listed(&said.theirs.stdout));
        assert_eq!(ours, theirs, "{source}");
        for (at, archive) in [said.ours.stdout, said.theirs.stdout].iter().enumerate() {
            let place = format!("box:/to/{at}/there");
            let said = both.cp(&["-".to_owned(), place.clone()], Some(archive));
            if source != "none" {
                assert_eq!(
                    (said.ours.status.code(), said.theirs.status.code()),
                    (Some(0), Some(0)),
                    "{source}"
                );
            }
        }
    }
    let [ours, theirs] = both.inside("to/0");
    assert_eq!(ours, theirs);
    for place in ["box:/to/0/none", "box:/to/0/file"] {
        let said = both.cp(&["-".to_owned(), place.to_owned()], Some(&[0; 1024]));
        assert_eq!(said.ours.status.code(), said.theirs.status.code(), "{place}");
    }
}
