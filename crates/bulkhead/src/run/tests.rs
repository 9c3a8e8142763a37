// SPDX-License-Identifier: Apache-2.0
//! From command lines to requests, through the parser that `main` uses.

use std::env::VarError;
use std::ffi::OsString;

use engine::request::{Afterwards, Init, MountSource, RateKind, RootAccess, SeccompRequest};

use super::*;
use crate::cli::{self, Asked};
use crate::failure::tests::told;

/// The request for `bulkhead run WORDS`, in `/here` with the variable `OURS=1`.
fn asked(words: &[&str]) -> Result<RunRequest, (String, u8)> {
    let args: Vec<OsString> = ["bulkhead", "run"].iter().chain(words).map(OsString::from).collect();
    let line = match cli::parse(&args).map_err(|failure| told(&failure))? {
        Asked::Call(line) => line,
        Asked::Text(text) => panic!("{words:?} gave help: {text}"),
    };
    let variable = |name: &str| if name == "OURS" { Ok("1".to_owned()) } else { Err(VarError::NotPresent) };
    let around = Surroundings { here: Path::new("/here"), variable: &variable };
    line.into_run().unwrap().container.request(&around).map_err(|failure| told(&failure))
}

fn request(words: &[&str]) -> RunRequest {
    asked(words).unwrap_or_else(|complaint| panic!("{words:?}: {complaint:?}"))
}

/// The headline of the complaint about `words`, without its label; the exit code has to be 125.
fn complaint(words: &[&str]) -> String {
    let (text, code) = asked(words).unwrap_err();
    assert_eq!(code, 125, "{words:?}");
    text.lines().next().unwrap().strip_prefix("error: ").unwrap().to_owned()
}

fn shown(request: &RunRequest) -> String {
    format!("{request:?}")
}

#[test]
fn without_flags_nothing_is_said() {
    let plain = RunRequest { image: "img".to_owned(), ..RunRequest::default() };
    assert_eq!(shown(&request(&["img"])), shown(&plain));
}

/// For each flag of `run` a value that no default has. A flag without an entry fails the test, so
/// that none is ever accepted and ignored.
fn sample(flag: &str) -> Option<&'static str> {
    Some(match flag {
        "rm" | "interactive" | "tty" | "init" | "read-only" | "privileged" | "oom-kill-disable" => "",
        "name" | "hostname" | "domainname" | "user" | "group-add" | "entrypoint" => "some",
        "workdir" => "/some",
        "cidfile" => "/tmp/cid",
        "label" | "env" => "A=1",
        // Of the test's own making.
        "label-file" | "env-file" => "",
        "stop-signal" => "INT",
        "stop-timeout" => "3",
        "ulimit" => "nofile=10",
        "volume" => "/a:/b",
        "mount" => "type=bind,src=/a,dst=/b",
        "tmpfs" => "/b",
        "volumes-from" => "web",
        "danger-bind" => "backups",
        "device" => "/dev/null",
        "shm-size" | "memory" | "memory-swap" | "memory-reservation" => "64m",
        "cpus" => "1.5",
        "cpu-shares" | "blkio-weight" | "pids-limit" => "20",
        "cpuset-cpus" | "cpuset-mems" => "0",
        "device-read-bps" | "device-write-bps" | "device-read-iops" | "device-write-iops" => "/dev/sda:10",
        "cap-add" | "cap-drop" => "CHOWN",
        "security-opt" => "seccomp=unconfined",
        "sysctl" => "net.ipv4.ip_forward=1",
        "userns" | "pid" | "ipc" | "uts" | "cgroupns" | "network" => "host",
        _ => return None,
    })
}

#[test]
fn every_flag_changes_the_request() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list");
    std::fs::write(&list, "FROM_FILE=1\n").unwrap();
    let command = cli::command();
    let run = command.find_subcommand("run").unwrap();
    let plain = shown(&request(&["img"]));
    let mut results = vec![plain];
    for flag in run.get_arguments().filter_map(clap::Arg::get_long) {
        // About the command line and the way to the image, not about the container.
        if matches!(
            flag,
            "help" | "timing" | "detach" | "pull" | "quiet" | "plain-http" | "ca-file" | "hosts-dir"
        ) {
            continue;
        }
        let value = match sample(flag) {
            Some("") if flag.ends_with("-file") => list.to_str().unwrap(),
            Some(value) => value,
            None => panic!("--{flag} has no sample: does it do anything?"),
        };
        let words = if value.is_empty() { format!("--{flag}") } else { format!("--{flag}={value}") };
        let result = shown(&request(&[&words, "img"]));
        assert!(!results.contains(&result), "{words} changes nothing, or the same as another flag");
        results.push(result);
    }
    assert!(results.len() > 50, "only {} flags were tried", results.len());
}

#[test]
fn every_security_option_changes_the_request() {
    let mut results = vec![shown(&request(&["img"]))];
    let options = [
        "seccomp=unconfined",
        "no-new-privileges=false",
        "landlock=off",
        "systempaths=unconfined",
        "apparmor=p",
        "view=host",
    ];
    for option in options {
        let result = shown(&request(&["--security-opt", option, "img"]));
        assert!(!results.contains(&result), "{option} changes nothing");
        results.push(result);
    }
}

#[test]
fn flags_end_at_the_image() {
    for (words, image, command) in [
        (&["img", "--rm", "-c", "ls"][..], "img", &["--rm", "-c", "ls"][..]),
        (&["--rm", "img", "-it", "--help"], "img", &["-it", "--help"]),
        (&["--", "img", "--", "ls"], "img", &["--", "ls"]),
        (&["img", "--", "ls"], "img", &["--", "ls"]),
        (&["img", "--root", "/x", "--color"], "img", &["--root", "/x", "--color"]),
        (&["img", ""], "img", &[""]),
    ] {
        let request = request(words);
        assert_eq!(
            (request.image.as_str(), request.command),
            (image, command.iter().map(|&word| word.to_owned()).collect())
        );
    }
    assert_eq!(request(&["img", "--rm"]).afterwards, Afterwards::Keep);
}

/// What Docker's client 28.2 makes of the same words was recorded with a stand-in for its daemon.
#[test]
fn words_are_read_as_docker_reads_them() {
    let env = |words: &[&str]| request(words).process.env;
    let pair = |name: &str, value: Option<&str>| (name.to_owned(), value.map(str::to_owned));
    let three = [pair("A", Some("1")), pair("B", Some("2")), pair("C", Some("3=4"))];
    assert_eq!(env(&["-e", "A=1", "-eB=2", "-e=C=3=4", "img"]), three);
    assert_eq!(env(&["-e", "OURS", "-e", "THEIRS", "img"]), [pair("OURS", Some("1")), pair("THEIRS", None)]);
    assert_eq!(env(&["-e", "-x", "img"]), [pair("-x", None)]);

    let both = request(&["-it", "img"]);
    assert_eq!((both.stdin, both.terminal), (Stdin::Open, Terminal::Allocate));
    let last = request(&["-it=false", "img"]);
    assert_eq!((last.stdin, last.terminal), (Stdin::Open, Terminal::None));
    let combined = request(&["-itw/a", "img"]);
    assert_eq!((combined.stdin, combined.process.workdir.as_deref()), (Stdin::Open, Some("/a")));

    for (words, want) in [
        (&["--rm", "img"][..], Afterwards::Remove),
        (&["--rm=true", "img"], Afterwards::Remove),
        (&["--rm=T", "img"], Afterwards::Remove),
        (&["--rm=false", "img"], Afterwards::Keep),
        (&["--rm", "--rm=0", "img"], Afterwards::Keep),
    ] {
        assert_eq!(request(words).afterwards, want, "{words:?}");
    }

    assert_eq!(request(&["-w", "--", "img"]).process.workdir.as_deref(), Some("--"));
    assert_eq!(request(&["-w/a", "-w", "/b", "img"]).process.workdir.as_deref(), Some("/b"));
    assert_eq!(request(&["--entrypoint", "", "img"]).process.entrypoint.as_deref(), Some(""));
    assert_eq!(request(&["--entrypoint=", "img"]).process.entrypoint.as_deref(), Some(""));
    assert_eq!(request(&["--name", "--rm", "img"]).name.as_deref(), Some("--rm"));
    assert_eq!(request(&["-h", "box", "img"]).process.hostname.as_deref(), Some("box"));
    assert_eq!(request(&["--stop-timeout", "-1", "img"]).process.stop_timeout, Some(-1));
    assert_eq!(shown(&request(&["--net", "host", "img"])), shown(&request(&["--network=host", "img"])));
}

#[test]
fn the_container() {
    let request = request(&["--name", "web", "--cidfile", "id", "-l", "a=b", "--label", "c", "img"]);
    assert_eq!(request.name.as_deref(), Some("web"));
    assert_eq!(request.cidfile.as_deref(), Some(Path::new("/here/id")));
    assert_eq!(request.labels, [("a".to_owned(), "b".to_owned()), ("c".to_owned(), String::new())]);
}

#[test]
fn the_process() {
    let process = request(&[
        "-u",
        "1:2",
        "--group-add",
        "audio",
        "--group-add",
        "5",
        "--init",
        "--stop-signal",
        "INT",
        "--domainname",
        "d",
        "--ulimit",
        "nofile=1",
        "--ulimit",
        "nofile=2:3",
        "img",
    ])
    .process;
    assert_eq!(process.user.as_deref(), Some("1:2"));
    assert_eq!(process.groups, ["audio", "5"]);
    assert_eq!((process.init, process.stop_signal), (Init::Ours, Some(2)));
    assert_eq!(process.domainname.as_deref(), Some("d"));
    assert_eq!(process.ulimits.len(), 1);
    assert_eq!((process.ulimits[0].soft, process.ulimits[0].hard), (Some(2), Some(3)));
}

#[test]
fn mounts_keep_their_order_across_flags() {
    let words =
        ["--tmpfs", "/1", "-v", "/a:/2", "--mount", "type=tmpfs,dst=/3", "-v./b:/4", "--tmpfs", "/5", "img"];
    let files = request(&words).files;
    let targets: Vec<&str> = files.mounts.iter().map(|mount| mount.target.as_str()).collect();
    assert_eq!(targets, ["/1", "/2", "/3", "/4", "/5"]);
    assert!(
        matches!(&files.mounts[3].source, MountSource::Bind { source, .. } if source == Path::new("/here/./b"))
    );
}

#[test]
fn files() {
    let files = request(&["--read-only", "--device", "/dev/fuse:r", "--shm-size", "1g", "img"]).files;
    assert_eq!(files.root, RootAccess::ReadOnly);
    assert_eq!(files.devices[0].access, "r");
    assert_eq!(files.shm_size, Some(1 << 30));
    assert_eq!(request(&["--shm-size", "0", "img"]).files.shm_size, None);
}

#[test]
fn rates_of_devices() {
    let rates = request(&["--device-write-iops", "/dev/b:7", "--device-read-bps", "/dev/a:1k", "img"])
        .limits
        .device_rates;
    let found: Vec<_> =
        rates.iter().map(|rate| (rate.device.to_str().unwrap(), rate.kind, rate.rate)).collect();
    assert_eq!(found, [("/dev/a", RateKind::ReadBps, 1024), ("/dev/b", RateKind::WriteIops, 7)]);
}

#[test]
fn a_bound_that_is_given_up_is_a_danger_in_the_words_that_asked() {
    for (words, want) in [
        (&["img"][..], &[][..]),
        (&["-m", "64m", "--pids-limit", "9", "img"], &[]),
        (&["-m", "-1", "img"], &["--memory -1"]),
        (&["-m", "0", "--pids-limit=0", "img"], &["--memory -1", "--pids-limit -1"]),
    ] {
        let unbounded = request(words).limits.unbounded;
        let reasons: Vec<&str> = unbounded.iter().map(|danger| danger.reason()).collect();
        assert_eq!(reasons, want, "{words:?}");
    }
}

#[test]
fn numbers_that_docker_takes_for_not_said() {
    let plain = shown(&request(&["img"]));
    for words in [
        ["--memory-swap", "0"],
        ["--cpus", "0"],
        ["-c", "0"],
        ["--blkio-weight", "0"],
        ["--memory-reservation", "0"],
    ] {
        assert_eq!(shown(&request(&[words[0], words[1], "img"])), plain, "{words:?}");
    }
}

#[test]
fn every_lowered_wall_is_kept_in_the_words_that_asked() {
    let isolation = request(&[
        "--privileged",
        "--userns=host",
        "--pid=host",
        "--ipc=host",
        "--uts=host",
        "--cgroupns=host",
        "--network=host",
        "--cap-add",
        "cap_net_admin",
        "--cap-drop",
        "all",
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "no-new-privileges:false",
        "--security-opt",
        "landlock=off",
        "--security-opt",
        "systempaths=unconfined",
        "--security-opt",
        "view=host",
        "img",
    ])
    .isolation;
    let reason = |danger: &Option<engine::request::Danger>| danger.as_ref().unwrap().reason().to_owned();
    assert_eq!(reason(&isolation.privileged), "--privileged");
    assert_eq!(reason(&isolation.userns_host), "--userns host");
    assert_eq!(reason(&isolation.pid_host), "--pid host");
    assert_eq!(reason(&isolation.ipc_host), "--ipc host");
    assert_eq!(reason(&isolation.uts_host), "--uts host");
    assert_eq!(reason(&isolation.cgroupns_host), "--cgroupns host");
    assert_eq!(reason(&isolation.network_host), "--network host");
    assert_eq!(reason(&isolation.new_privileges), "--security-opt no-new-privileges=false");
    assert_eq!(reason(&isolation.landlock_off), "--security-opt landlock=off");
    assert_eq!(reason(&isolation.unmasked), "--security-opt systempaths=unconfined");
    assert_eq!(reason(&isolation.view_host), "--security-opt view=host");
    let (name, danger) = &isolation.cap_add[0];
    assert_eq!((name.as_str(), danger.reason()), ("NET_ADMIN", "--cap-add NET_ADMIN"));
    assert_eq!(isolation.cap_drop, ["ALL"]);
    assert!(
        matches!(&isolation.seccomp, SeccompRequest::Off(danger) if danger.reason() == "--security-opt seccomp=unconfined")
    );
}

#[test]
fn of_several_options_for_a_wall_the_last_counts() {
    let isolation =
        request(&["--security-opt", "seccomp=unconfined", "--security-opt", "seccomp=builtin", "img"])
            .isolation;
    assert!(matches!(isolation.seccomp, SeccompRequest::Default));
    let words = ["--security-opt", "no-new-privileges=false", "--security-opt", "no-new-privileges", "img"];
    assert!(request(&words).isolation.new_privileges.is_none());
    assert!(request(&["--pid=host", "--pid=private", "img"]).isolation.pid_host.is_none());
}

#[test]
fn a_seccomp_profile_is_read_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("p.json");
    std::fs::write(&file, "{}").unwrap();
    let option = format!("seccomp={}", file.display());
    let isolation = request(&["--security-opt", &option, "img"]).isolation;
    assert!(
        matches!(isolation.seccomp, SeccompRequest::Profile { path, json } if path == file && json == "{}")
    );
    let want = "--security-opt: cannot read the seccomp profile /here/none.json: No such file or directory (os error 2)";
    assert_eq!(complaint(&["--security-opt", "seccomp=none.json", "img"]), want);
}

#[test]
fn files_of_variables_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("list");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "A=1\nOURS\nTHEIRS\n").unwrap();
    let env = request(&["-e", "A=2", "--env-file", path, "img"]).process.env;
    let pair = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    assert_eq!(env, [pair("A", "1"), pair("OURS", "1"), pair("A", "2")]);
    let labels = request(&["-l", "x=y", "--label-file", path, "img"]).labels;
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(labels, [pair("A", "1"), pair("OURS", ""), pair("THEIRS", ""), pair("x", "y")]);
    std::fs::write(&file, "A=1\n=2\n").unwrap();
    assert_eq!(
        complaint(&["--env-file", path, "img"]),
        format!("--env-file: {path}, line 2: no name in front of the =")
    );
    assert_eq!(
        complaint(&["--label-file", path, "img"]),
        format!("--label-file: {path}, line 2: no name in front of the =")
    );
}

#[test]
fn a_terminal_wants_a_person() {
    let check =
        |words: &[&str], have| needs_a_terminal(&request(words), have).map_err(|failure| told(&failure));
    assert_eq!(check(&["-it", "img"], true), Ok(()));
    assert_eq!(check(&["-t", "img"], false), Ok(()));
    assert_eq!(check(&["-i", "img"], false), Ok(()));
    let want = "error: -t: standard input is not a terminal\nhint: -i alone passes standard input on without a terminal\n";
    assert_eq!(check(&["-it", "img"], false), Err((want.to_owned(), 125)));
}

#[test]
fn timing_in_lines() {
    let stamps = [("start", 0), ("image found", 1_234_567), ("program ended", 12_000_400)]
        .map(|(name, at)| (name.to_owned(), at));
    let want = "    at ms   took ms  step
    0.000     0.000  start
    1.235     1.235  image found
   12.000    10.766  program ended
";
    assert_eq!(where_the_time_went(&stamps), want);
}
