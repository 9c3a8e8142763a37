// SPDX-License-Identifier: Apache-2.0
//! An archive that has taken over the process that unpacks it (any flaw of a tar reader or of a decoder;
//! CVE-2026-17106, CVE-2014-9357 had one with all rights): what it can reach then.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use tests::Sandbox;

/// Each line fails without the wall that is named beside it, in crates/runtime/src/worker.rs.
const REFUSED: [(&str, &str); 20] = [
    ("make a file", "done"),
    ("give it away", "done"),
    ("make a link", "done"),
    ("hide a name", "done"),
    // NOSYMFOLLOW on its mount.
    ("follow the link", "LOOP"),
    // Landlock: it writes and never reads.
    ("read the file", "ACCESS"),
    // `see_only`: the path is not there.
    ("read a secret", "NOENT"),
    ("make a file outside", "NOENT"),
    // What is above its root is its root.
    ("climb", "done"),
    ("open what is above", "XDEV"),
    ("see processes", "NOENT"),
    // Landlock.
    ("make a disk", "ACCESS"),
    // The filter.
    ("mark a layer", "PERM"),
    ("open a socket", "PERM"),
    ("kill the parent", "PERM"),
    ("run a program", "PERM"),
    ("start a process", "PERM"),
    ("change the root", "PERM"),
    ("leave the namespaces", "PERM"),
    // `limit`.
    ("fill the disk", "FBIG"),
];

#[test]
fn a_process_that_an_archive_took_over_reaches_nothing() {
    let sandbox = Sandbox::new();
    let secret = sandbox.write("secret", "not for archives");
    let tree = sandbox.file("tree");
    std::fs::create_dir(&tree).unwrap();
    let mut command = Command::new(tests::helper("unpacker"));
    command.arg(&secret).arg(std::process::id().to_string()).current_dir(&tree);
    let mut started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(started.stdout.take().unwrap()).lines().map(Result::unwrap);
    for (what, outcome) in REFUSED {
        assert_eq!(lines.next().unwrap(), format!("{what}: {outcome}"));
    }
    assert_eq!(lines.next().unwrap(), "ready");
    walls_of(started.id());
    let open = std::fs::read_dir(format!("/proc/{}/fd", child_of(started.id()))).unwrap();
    assert_eq!(open.count(), 3, "descriptors that it was not given");
    drop(started.stdin.take());
    assert!(started.wait().unwrap().success());
    assert_eq!(std::fs::read(&secret).unwrap(), b"not for archives");
    assert!(!sandbox.file("secret.new").exists() && !sandbox.file("climbed").exists());
    assert!(tree.join("climbed").exists());
}

fn child_of(starter: u32) -> u32 {
    let [child] = children_of(starter)[..] else { panic!("not one child") };
    child
}

/// The same process from outside: the walls that an attempt cannot tell apart.
fn walls_of(starter: u32) {
    let pid = child_of(starter);
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Seccomp:"), "2");
    // CHOWN, DAC_OVERRIDE, FOWNER, FSETID, SETFCAP.
    for set in ["CapPrm:", "CapEff:", "CapBnd:"] {
        assert_eq!(field(set), "000000008000001b", "{set}");
    }
    for set in ["CapInh:", "CapAmb:"] {
        assert_eq!(field(set), "0000000000000000", "{set}");
    }
    for namespace in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"] {
        let of = |process: u32| std::fs::read_link(format!("/proc/{process}/ns/{namespace}")).unwrap();
        assert_ne!(of(pid), of(starter), "{namespace}");
    }
    let mounts = std::fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap();
    let [mount] = mounts.lines().collect::<Vec<_>>()[..] else { panic!("{mounts}") };
    for attribute in ["nosuid", "nodev", "noexec", "nosymfollow"] {
        assert!(mount.contains(attribute), "{mount}");
    }
}

/// That it is such processes that unpack and decompress zstd: a load is stopped in the middle of a layer,
/// and looked at.
#[test]
fn layers_are_unpacked_behind_these_walls() {
    for (compressed, helpers) in [(false, 1), (true, 2)] {
        let sandbox = Sandbox::new();
        let (read, mut write) = std::io::pipe().unwrap();
        let mut command = Command::new(tests::binary());
        command.args(["import", "-", "slow"]).env("BULKHEAD_ROOT", sandbox.root());
        command.stdin(read).stdout(Stdio::null()).stderr(Stdio::null());
        let mut started = command.spawn().unwrap();
        let beginning = beginning();
        let sent = if compressed { zstd::encode_all(&beginning[..], 1).unwrap() } else { beginning };
        std::io::Write::write_all(&mut write, &sent).unwrap();
        let found = tests::eventually("the processes that unpack", || {
            let found: Vec<u32> =
                children_of(started.id()).into_iter().filter(|helper| filtered(*helper)).collect();
            (found.len() == helpers).then_some(found)
        });
        found.into_iter().for_each(walls_of);
        drop(write);
        assert_eq!(started.wait().unwrap().code(), Some(1));
    }
}

/// The head of a file of 2 MiB and half of its content.
fn beginning() -> Vec<u8> {
    let mut head = vec![0u8; 512];
    head[..4].copy_from_slice(b"file");
    for (at, text) in [(100, "0000644\0"), (124, "00010000000\0"), (136, "00000000000\0"), (156, "0")] {
        head[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    head[148..156].fill(b' ');
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    // Not to be compressed away: what is sent has to fill the pipes.
    let mut state = 1u32;
    head.extend(
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(1 << 20),
    );
    head
}

fn children_of(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Whether the child of `helper` is behind its walls by now.
fn filtered(helper: u32) -> bool {
    let [worker] = children_of(helper)[..] else { return false };
    let status = std::fs::read_to_string(format!("/proc/{worker}/status")).unwrap_or_default();
    status.lines().any(|line| line == "Seccomp:\t2")
}
