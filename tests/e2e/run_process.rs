// SPDX-License-Identifier: Apache-2.0
//! `run`: what runs inside, as whom, and what it finds in its environment.

use kernel::rustix::fs::{CWD, FileType, Mode};
use tests::{Call, Sandbox, image};

/// A sandbox whose image `made` carries these Dockerfile instructions.
fn with_image(changes: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    let mut words = vec!["import"];
    words.extend(changes.iter().flat_map(|change| ["--change", *change]));
    let file = image("minimal.tar");
    sandbox.call(words.into_iter().chain([file.to_str().unwrap(), "made"])).ok();
    sandbox
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_environment_is_dockers_and_nothing_of_the_callers() {
    let sandbox = Sandbox::minimal();
    let env = sandbox.run("--hostname box minimal env").env("SECRET", "x").ok();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!(lines(&env), ["HOME=/root", "HOSTNAME=box", path]);
    let env = sandbox.run("-t --hostname box -u user minimal env").ok().replace('\r', "");
    assert_eq!(lines(&env), ["HOME=/home/user", "HOSTNAME=box", path, "TERM=xterm"]);
    assert_eq!(sandbox.sh("-u 4711", "echo $HOME").ok(), "/");
    assert_eq!(sandbox.sh("-e HOME=/elsewhere", "echo $HOME").ok(), "/elsewhere");
}

#[test]
fn variables_are_set_passed_on_and_unset() {
    let sandbox = with_image(&["ENV KEPT=image", "ENV GONE=image", "ENV OURS=image"]);
    let run = |flags: &[&str]| -> Call {
        let words = ["run", "--rm"].iter().chain(flags).chain(&["made", "env"]).copied();
        sandbox.call(words).env("OURS", "caller").env("FROM_FILE", "caller")
    };
    let file = sandbox.write("vars", "# no\nFROM_FILE\nMISSING\nBOTH=file\nQUOTED=\"a b\"\n");
    let file = file.to_str().unwrap();
    let env = run(&[
        "-e",
        "A=1",
        "-e",
        "A=2",
        "-e",
        "EMPTY=",
        "-e",
        "EQUALS=a=b",
        "-e",
        "OURS",
        "-e",
        "GONE",
        "-e",
        "NEVER",
        "--env=BOTH=flag",
        "--env-file",
        file,
    ])
    .ok();
    let found: Vec<&str> = lines(&env)
        .into_iter()
        .filter(|line| !line.starts_with("PATH=") && !line.starts_with("HO"))
        .collect();
    let want = [
        "A=2",
        "BOTH=flag",
        "EMPTY=",
        "EQUALS=a=b",
        "FROM_FILE=caller",
        "KEPT=image",
        "OURS=caller",
        "QUOTED=\"a b\"",
    ];
    assert_eq!(found, want);
    for (flags, says) in
        [(["-e", "=x"], "no name in front of the ="), (["--env-file", "/nowhere/vars"], "/nowhere/vars")]
    {
        assert!(run(&flags).fails(125).contains(says), "{flags:?}");
    }
    let broken = sandbox.write("broken", "GOOD=1\nb d=2\n");
    let error = run(&["--env-file", broken.to_str().unwrap()]).fails(125);
    assert!(error.contains("broken, line 2"), "{error}");
}

#[test]
fn the_program_is_found_in_the_path_it_is_given() {
    let sandbox = Sandbox::minimal();
    assert_eq!(sandbox.run("-e PATH=/nowhere:/bin minimal echo found").ok(), "found");
    let error = sandbox.run("-e PATH=/nowhere minimal echo lost").fails(127);
    assert!(error.contains("`echo` was not found"), "{error}");
    assert_eq!(sandbox.run("-w /bin minimal ./echo here").ok(), "here");
}

#[test]
fn the_working_directory_is_made_when_it_is_missing() {
    let sandbox = with_image(&["WORKDIR /var"]);
    assert_eq!(sandbox.run("made pwd").ok(), "/var");
    assert_eq!(sandbox.run("-w /made/by/run made pwd").ok(), "/made/by/run");
    let stat =
        sandbox.call(["run", "--rm", "-u", "user", "-w", "/new", "made", "stat", "-c", "%u:%g %a", "."]);
    assert_eq!(stat.ok(), "0:0 755");
    assert_eq!(sandbox.run("--read-only -w /new made pwd").ok(), "/new");
    assert_eq!(sandbox.run("-w /no/../bin/./ made pwd").ok(), "/bin");
    let error = sandbox.run("-w relative made pwd").fails(125);
    assert!(
        error.contains("the working directory 'relative' is invalid: it needs to be an absolute path"),
        "{error}"
    );
    let error = sandbox.run("-w /etc/passwd made pwd").fails(126);
    assert!(error.contains("Not a directory"), "{error}");
    assert!(sandbox.containers().is_empty());
}

#[test]
fn users_and_groups_by_name_and_number() {
    let sandbox = Sandbox::minimal();
    for (flags, want) in [
        ("", "0:0:0"),
        ("-u user", "1000:1000:1000 2000"),
        ("-u 1000", "1000:1000:1000 2000"),
        ("-u user:0", "1000:0:0"),
        ("-u 1000:extra", "1000:2000:2000"),
        ("-u :2000", "0:2000:2000"),
        ("-u 4711", "4711:0:0"),
        ("-u 4711:815", "4711:815:815"),
        ("-u user --group-add 44 --group-add root", "1000:1000:0 44 1000 2000"),
        ("-u 65535:65535", "65535:65535:65535"),
    ] {
        let script = "echo $(id -u):$(id -g):$(grep Groups: /proc/self/status | cut -f 2)";
        assert_eq!(sandbox.sh(flags, script).ok().trim(), want, "{flags}");
    }
    for (flags, says) in [
        ("-u nobody-here", "user `nobody-here` does not exist in the image"),
        ("-u user:no-group", "group `no-group` does not exist in the image"),
        ("--group-add no-group", "group `no-group` does not exist in the image"),
        // Beyond what the container's user namespace has.
        ("-u 65536", "user id 65536: the container has the ids 0 to 65535"),
        ("-u 0:70000", "group id 70000"),
        ("--group-add 70000", "group id 70000"),
        // CVE-2024-40635: ids that wrap around to root.
        ("-u 4294967295", "ids go from 0 to 4294967294"),
        ("-u 4294967296", "ids go from 0 to 4294967294"),
        ("-u 18446744073709551616", "ids go from 0 to 4294967294"),
    ] {
        let error = sandbox.sh(flags, "id").fails(125);
        assert!(error.contains(says), "{flags}: {error}");
    }
    assert!(sandbox.containers().is_empty());
}

/// CVE-2016-3697: an image that calls root "1000" would otherwise give root to who asked for 1000.
#[test]
fn a_number_is_never_looked_up_as_a_name() {
    let sandbox = Sandbox::minimal();
    let users = sandbox.write("passwd", "1000:x:0:0::/root:/bin/sh\nroot:x:0:0::/root:/bin/sh\n");
    let flags = format!("-v {}:/etc/passwd:ro -u 1000", users.display());
    assert_eq!(sandbox.sh(&flags, "grep ^Uid /proc/self/status").ok(), "Uid:\t1000\t1000\t1000\t1000");
}

/// CVE-2024-9676 and CVE-2026-47262: what an image puts in the place of its passwd file is read to a
/// limit, and only when it is a file.
#[test]
fn a_hostile_passwd_file_stalls_nobody() {
    let sandbox = Sandbox::minimal();
    let fifo = sandbox.file("fifo");
    kernel::rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let error = sandbox.sh(&format!("-v {}:/etc/passwd -u user", fifo.display()), "id").fails(125);
    assert!(error.contains("not a regular file"), "{error}");
    let huge = sandbox.write("huge", vec![b'x'; 2 << 20]);
    let error = sandbox.sh(&format!("-v {}:/etc/passwd -u user", huge.display()), "id").fails(125);
    assert!(error.contains("larger than 1 MiB"), "{error}");
}

#[test]
fn entry_points_and_commands_are_joined_as_docker_does() {
    let sandbox = with_image(&[r#"ENTRYPOINT ["echo", "entry"]"#, r#"CMD ["command"]"#]);
    for (words, want) in [
        (&["made"][..], "entry command"),
        (&["made", "a", "b"], "entry a b"),
        (&["--entrypoint", "/bin/echo", "made"], ""),
        (&["--entrypoint", "/bin/echo", "made", "a"], "a"),
        (&["--entrypoint", "", "made", "echo", "plain"], "plain"),
        (&["--entrypoint=", "made", "echo", "plain"], "plain"),
    ] {
        assert_eq!(sandbox.call(["run", "--rm"].iter().chain(words)).ok(), want, "{words:?}");
    }
    // Docker drops the image's command with its entry point.
    let error = sandbox.call(["run", "--rm", "--entrypoint", "", "made"]).fails(125);
    assert!(error.contains("no command was given"), "{error}");
}

#[test]
fn what_the_host_is_called() {
    let sandbox = Sandbox::minimal();
    let script = "hostname; cat /etc/hostname; grep -c 127.0.0.1.*$(hostname) /etc/hosts; echo $HOSTNAME";
    assert_eq!(sandbox.sh("--hostname web.example", script).ok(), "web.example\nweb.example\n1\nweb.example");
    assert_eq!(sandbox.sh("-h short", "hostname").ok(), "short");
    assert_eq!(sandbox.sh("--domainname example", "cat /proc/sys/kernel/domainname").ok(), "example");
    let names = sandbox.sh("", "hostname; echo $HOSTNAME").ok();
    let (name, variable) = names.split_once('\n').unwrap();
    assert_eq!((name, name.len()), (variable, 12));
    assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
    // A new line would be an entry of its own in /etc/hosts.
    for name in ["a b", "a\n6.6.6.6 bank", "-x", &"x".repeat(65)] {
        let error = sandbox.call(["run", "--rm", "--hostname", name, "minimal", "hostname"]).fails(125);
        assert!(error.contains("--hostname"), "{error}");
    }
}

#[test]
fn limits_of_the_process() {
    let sandbox = Sandbox::minimal();
    let script = "ulimit -n; ulimit -Hn; ulimit -c; ulimit -u";
    let flags = "--ulimit nofile=100:200 --ulimit core=0 --ulimit nproc=77 --ulimit nofile=101:201";
    assert_eq!(sandbox.sh(flags, script).ok(), "101\n201\n0\n77");
    assert_eq!(
        sandbox.sh("--ulimit nofile=100:200", "ulimit -n 201 2>/dev/null || echo refused").ok(),
        "refused"
    );
    // No core dumps unless they are asked for: they would be written where the host says.
    assert_eq!(sandbox.sh("", "ulimit -c; ulimit -n").ok(), "0\n1024");
    for (flag, says) in [
        ("nofile=20:10", "above the hard one"),
        ("nofiles=1", "did you mean nofile?"),
        ("nofile=99999999999", "set the limit nofile"),
    ] {
        let error = sandbox.run(&format!("--ulimit {flag} minimal true")).fails(125);
        assert!(error.contains(says), "{error}");
    }
}

/// A container's root could not: the hard limit belongs to the host.
#[test]
fn a_hard_limit_above_our_own_is_raised() {
    const SYS_RESOURCE: u64 = 1 << 24;
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ours = status.lines().find_map(|line| line.strip_prefix("CapEff:\t")).unwrap();
    if u64::from_str_radix(ours, 16).unwrap() & SYS_RESOURCE == 0 {
        return tests::skip("root of this machine may not raise limits (no CAP_SYS_RESOURCE)");
    }
    let sandbox = Sandbox::minimal();
    let mut command = std::process::Command::new("prlimit");
    command.args(["--memlock=4096:4096", "--nofile=2000:2000", "--"]);
    let call = sandbox.run("--ulimit memlock=8192:16384 --ulimit nofile=3000:4000 minimal sh -c ");
    let inner = call.into_command();
    command.arg(inner.get_program()).args(inner.get_args()).arg("grep -E 'locked|files' /proc/self/limits");
    command.env("BULKHEAD_ROOT", sandbox.root());
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let figures: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().skip(3).take(2).collect()).collect();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(figures, [["3000", "4000"], ["8192", "16384"]], "{text}{errors}");
}

#[test]
fn labels_come_from_flags_and_files() {
    let sandbox = Sandbox::minimal();
    let file = sandbox.write("labels", "from=file\n# no\nboth=file\nbare\n");
    let file = file.to_str().unwrap();
    let words = ["run", "--name", "labelled", "--label", "a=b=c", "-l", "alone", "--label-file", file];
    sandbox.call(words.iter().chain(&["-l", "both=flag", "minimal", "true"])).ok();
    let listed = sandbox.call(["ps", "-a", "--format", "json"]).ok();
    let row: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let mut labels: Vec<&str> = row["Labels"].as_str().unwrap().split(',').collect();
    labels.sort_unstable();
    assert_eq!(labels, ["a=b=c", "alone=", "bare=", "both=flag", "from=file"]);
    sandbox.call(["rm", "labelled"]).ok();
    assert!(sandbox.run("--label =x minimal true").fails(125).contains("no name in front of the ="));
    assert!(sandbox.run("--label-file /nowhere minimal true").fails(125).contains("/nowhere"));
}

#[test]
fn how_it_is_to_be_stopped_is_kept_for_who_stops_it() {
    let sandbox = Sandbox::minimal();
    sandbox.run_kept("kept", "--stop-signal SIGQUIT --stop-timeout 7");
    let shown = sandbox.call(["inspect", "kept"]).ok();
    assert!(shown.contains("\"stop_signal\": 3") && shown.contains("\"stop_timeout\": 7"), "{shown}");
    sandbox.call(["rm", "kept"]).ok();
    assert!(sandbox.run("--stop-signal NOPE minimal true").fails(125).contains("is not a signal"));
    assert!(sandbox.run("--stop-timeout soon minimal true").fails(125).contains("is not a whole number"));
}

trait Kept {
    fn run_kept(&self, name: &str, flags: &str);
}

impl Kept for Sandbox {
    /// Runs a program that ends at once, in a container that stays.
    fn run_kept(&self, name: &str, flags: &str) {
        let words = ["run", "--name", name].into_iter().chain(flags.split_whitespace());
        self.call(words.chain(["minimal", "true"])).ok();
    }
}
