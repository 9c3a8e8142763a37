// SPDX-License-Identifier: Apache-2.0
//! `run` when it cannot: a full disk, a kernel that lacks what a wall needs, and whatever was asked for
//! in vain. One sentence, Docker's exit code, and nothing left.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use tests::{Sandbox, helper, image};

/// `script` in a mount namespace of its own, with the sandbox's state root on a tmpfs of `size`.
fn on_a_small_disk(sandbox: &Sandbox, size: &str, script: &str) -> Output {
    std::fs::create_dir(sandbox.root()).unwrap();
    let prologue = r#"mount -t tmpfs -o "size=$1,mode=700" small "$BULKHEAD_ROOT"; b=$2; image=$3"#;
    let mut command = Command::new("unshare");
    command.args([
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-euc",
        &format!("{prologue}\n{script}"),
        "sh",
    ]);
    command.arg(size).arg(tests::binary()).arg(image("minimal.tar"));
    command.env("BULKHEAD_ROOT", sandbox.root()).output().unwrap()
}

#[test]
fn a_full_disk() {
    let sandbox = Sandbox::new();
    let output = on_a_small_disk(
        &sandbox,
        "12m",
        r#"
        "$b" import "$image" minimal
        head -c 100m /dev/zero > "$BULKHEAD_ROOT/ballast" || true
        code=0; "$b" run --name one minimal true || code=$?
        echo "code $code"
        find "$BULKHEAD_ROOT/containers" "$BULKHEAD_ROOT/names" "$BULKHEAD_ROOT/slots" -mindepth 1
        rm "$BULKHEAD_ROOT/ballast"
        "$b" run --rm --name one minimal echo room again
    "#,
    );
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let said: Vec<&str> = out.lines().skip(1).collect();
    assert_eq!(said, ["code 125", "room again"], "{err}");
    assert!(
        err.contains("error: cannot run minimal: could not") && err.contains("No space left on device"),
        "{err}"
    );
}

/// What the container writes is its own trouble: the program is told, and the container ends as it
/// likes.
#[test]
fn a_disk_that_fills_up_inside() {
    let sandbox = Sandbox::new();
    let output = on_a_small_disk(
        &sandbox,
        "12m",
        r#"
        "$b" import "$image" minimal
        "$b" run --rm minimal sh -c 'dd if=/dev/zero of=/file bs=64k 2>&1 | grep -o No.space.left.on.device; echo "code $?"; rm /file; echo x > /file; echo over'
        "$b" run --rm minimal echo next
    "#,
    );
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(
        out.lines().skip(1).collect::<Vec<_>>(),
        ["No space left on device", "code 0", "over", "next"],
        "{err}"
    );
}

/// `run` on a kernel that lacks the call of this number.
fn without(sandbox: &Sandbox, number: &str) -> Command {
    let call = sandbox.run("minimal echo ran").into_command();
    let mut command = Command::new(helper("without"));
    command.arg(number).arg(call.get_program()).args(call.get_args());
    command
}

/// The numbers are the same on every architecture from 424 on.
#[test]
fn a_kernel_without_what_a_wall_needs() {
    let sandbox = Sandbox::minimal();
    let cgroups = Cgroups::new("without");
    for (number, name) in [
        ("424", "pidfd_send_signal"),
        ("428", "open_tree"),
        ("429", "move_mount"),
        ("430", "fsopen"),
        ("431", "fsconfig"),
        ("432", "fsmount"),
        ("434", "pidfd_open"),
        ("435", "clone3"),
        ("436", "close_range"),
        ("437", "openat2"),
        ("442", "mount_setattr"),
        ("444", "landlock_create_ruleset"),
        ("446", "landlock_restrict_self"),
        (SECCOMP, "seccomp"),
        (BPF, "bpf"),
    ] {
        let output = cgroups.around(&sandbox, &without(&sandbox, number)).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match output.status.code() {
            // Not needed, or done in another way.
            Some(0) => assert!(out == "ran\n" && UNNEEDED.contains(&name), "{name}: {out}{err}"),
            Some(125) => {
                assert!(out.is_empty() && !UNNEEDED.contains(&name), "{name}: {out}{err}");
                assert!(err.starts_with("error: cannot run minimal: "), "{name}: {err}");
                assert!(
                    err.contains("Function not implemented") || err.contains("Landlock"),
                    "{name}: {err}"
                );
            }
            _ => panic!("{name}: {:?}\n{out}{err}", output.status),
        }
        assert!(sandbox.containers().is_empty() && cgroups.left().is_empty(), "{name}: {:?}", cgroups.left());
    }
    assert_eq!(sandbox.run("minimal echo well").ok(), "well");
}

/// Calls that `run` does without when it has to, or never makes.
const UNNEEDED: [&str; 2] = ["pidfd_send_signal", "pidfd_open"];

#[cfg(target_arch = "x86_64")]
const SECCOMP: &str = "317";
#[cfg(target_arch = "x86_64")]
const BPF: &str = "321";
#[cfg(not(target_arch = "x86_64"))]
const SECCOMP: &str = "277";
#[cfg(not(target_arch = "x86_64"))]
const BPF: &str = "280";

/// A cgroup of the test's own in each hierarchy, which the binary under test takes for the whole, so
/// that what one call leaves there is told from what all others do.
struct Cgroups {
    name: String,
    points: Vec<PathBuf>,
}

impl Cgroups {
    fn new(test: &str) -> Self {
        let name = format!("bulkhead-test-{}-{test}", std::process::id());
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        let point = |line: &str| {
            let mut fields = line.split(' ').skip(1);
            let (point, kind) = (fields.next()?, fields.next()?);
            kind.starts_with("cgroup").then(|| PathBuf::from(point))
        };
        let points: Vec<PathBuf> = mounts.lines().filter_map(point).collect();
        for point in &points {
            let own = point.join(&name);
            std::fs::create_dir(&own).unwrap();
            // A v1 cpuset starts empty.
            for list in ["cpuset.cpus", "cpuset.mems"] {
                if let (Ok(ours), true) =
                    (std::fs::read(point.join(list)), own.join("cpuset.sched_load_balance").exists())
                {
                    std::fs::write(own.join(list), ours).unwrap();
                }
            }
            let controllers = std::fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
            let handed_down: Vec<String> =
                controllers.split_whitespace().map(|name| format!("+{name}")).collect();
            if !handed_down.is_empty() {
                std::fs::write(own.join("cgroup.subtree_control"), handed_down.join(" ")).unwrap();
            }
        }
        Self { name, points }
    }

    /// The same call where each hierarchy begins at the test's own cgroup.
    fn around(&self, sandbox: &Sandbox, call: &Command) -> Command {
        let script = r#"name=$1; shift; while [ "$1" != -- ]; do mount --bind "$1/$name" "$1"; shift; done; shift; exec "$@""#;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-euc", script, "sh"]);
        command.arg(&self.name).args(&self.points).arg("--").arg(call.get_program()).args(call.get_args());
        command.env("BULKHEAD_ROOT", sandbox.root()).stdin(Stdio::null());
        command
    }

    /// What containers left: any cgroup below the one that they all share.
    fn left(&self) -> Vec<PathBuf> {
        let shared = self.points.iter().map(|point| point.join(&self.name).join("bulkhead"));
        let entries = shared.flat_map(|path| std::fs::read_dir(path).into_iter().flatten());
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for point in &self.points {
            let own = point.join(&self.name);
            if own.join("bulkhead").exists() {
                std::fs::remove_dir(own.join("bulkhead")).unwrap();
            }
            std::fs::remove_dir(own).unwrap();
        }
    }
}

/// Each of these is found out at another stage, from the first look at the flags to the last step
/// before the program; the sandbox looks for what they left.
#[test]
fn whatever_is_refused_leaves_nothing() {
    let sandbox = Sandbox::minimal();
    let cgroups = Cgroups::new("refused");
    let file = sandbox.write("file", "");
    let file = file.to_str().unwrap();
    for (code, words) in [
        (125, &["-m", "1m"][..]),
        (125, &["--cpus", "1000"]),
        (125, &["--cpuset-cpus", "999"]),
        (125, &["--device", "/dev/no-such-device"]),
        (125, &["--device", file]),
        (125, &["--device-read-bps", "/dev/no-such-device:1mb"]),
        (125, &["--mount", "type=bind,src=/no/such/source,dst=/m"]),
        (125, &["-v", &format!("{file}/below:/m")]),
        (125, &["--tmpfs", "/etc/passwd"]),
        (125, &["-v", &format!("{file}:/etc")]),
        (125, &["--sysctl", "net.ipv4.ip_forward=perhaps"]),
        (125, &["--ulimit", "nofile=99999999999"]),
        (125, &["-u", "nobody-here"]),
        (125, &["-u", "root:nobody-here"]),
        (125, &["--group-add", "nobody-here"]),
        (125, &["--security-opt", &format!("seccomp={file}")]),
        (125, &["--security-opt", "apparmor=no-such-profile"]),
        (125, &["--name", "-"]),
        (125, &["--cidfile", file]),
        (125, &["--cidfile", "/no/such/folder/cid"]),
        (126, &["-w", "/etc/passwd"]),
        (127, &["--entrypoint", "/no/such/program"]),
        (126, &["--entrypoint", "/etc/passwd"]),
        (127, &["--init", "--entrypoint", "/no/such/program"]),
        (127, &["-t", "--entrypoint", "/no/such/program"]),
    ] {
        let call = sandbox.call(["run"].iter().chain(words).chain(&["minimal", "true"]));
        let output = cgroups.around(&sandbox, &call.into_command()).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {error}");
        assert_eq!(error.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{words:?}: {error}");
        for folder in ["containers", "names", "slots", "staging"] {
            let left: Vec<_> = std::fs::read_dir(sandbox.root().join(folder)).unwrap().collect();
            assert!(left.is_empty(), "{words:?} left in {folder}: {left:?}");
        }
        let left = cgroups.left();
        assert!(left.is_empty(), "{words:?} left {left:?}");
    }
    // The cgroups were where they are looked for.
    let call = sandbox.call(["run", "--rm", "-m", "64m", "minimal", "sh", "-c", "echo ready; sleep 1000"]);
    let mut running = cgroups.around(&sandbox, &call.into_command()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(running.stdout.as_mut().unwrap(), &mut [0; 6]).unwrap();
    assert!(!cgroups.left().is_empty());
    running.kill().unwrap();
    running.wait().unwrap();
    // And the next command clears what a killed one left.
    assert!(
        cgroups.around(&sandbox, &sandbox.call(["ps"]).into_command()).output().unwrap().status.success()
    );
    assert_eq!(cgroups.left(), Vec::<PathBuf>::new());
}
