// SPDX-License-Identifier: Apache-2.0
//! What an archive could do that has taken over the process that unpacks it: the same confinement, with
//! attempts in place of the unpacker. `unpacker OUTSIDE PARENT`, in the directory to be confined to, prints a
//! line for each attempt, then `ready`, and ends with its input.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "it ends where it cannot go on")]

use std::ffi::CString;

use kernel::Errno;
use kernel::rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, XattrFlags};
use kernel::rustix::net::{AddressFamily, SocketType, socket};
use kernel::rustix::process::{Pid, Signal, chroot, kill_process};
use kernel::rustix::stdio;
use runtime::worker::{Limits, Sees, run_confined};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [outside, parent] = &words[..] else { panic!("unpacker OUTSIDE PARENT") };
    let parent = Pid::from_raw(parent.parse().unwrap()).unwrap();
    let limits = Limits { file: 1 << 20, memory: 1 << 30 };
    let code = run_confined(Sees::WorkingDirectory, limits, || {
        for (what, outcome) in attempts(outside, parent) {
            let outcome = outcome.map_or_else(name, |()| "done".to_owned());
            say(&format!("{what}: {outcome}\n"));
        }
        say("ready\n");
        while matches!(kernel::rustix::io::read(stdio::stdin(), &mut [0; 64]), Ok(1..)) {}
        0
    });
    std::process::exit(code.unwrap_or_else(|error| {
        say(&format!("{error}\n"));
        1
    }));
}

fn name(errno: Errno) -> String {
    let names = [
        (Errno::LOOP, "LOOP"),
        (Errno::ACCESS, "ACCESS"),
        (Errno::NOENT, "NOENT"),
        (Errno::XDEV, "XDEV"),
        (Errno::PERM, "PERM"),
        (Errno::FBIG, "FBIG"),
    ];
    names
        .iter()
        .find(|(known, _)| *known == errno)
        .map_or_else(|| errno.to_string(), |(_, name)| (*name).to_owned())
}

type Outcome = Result<(), Errno>;

/// First what an unpacker is for, so that a refusal means something.
fn attempts(outside: &str, parent: Pid) -> Vec<(&'static str, Outcome)> {
    let make = |name: &str| {
        fs::openat(CWD, name, OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY, Mode::RUSR).map(drop)
    };
    let write = |name: &str| fs::openat(CWD, name, OFlags::WRONLY, Mode::empty()).map(drop);
    let read = |name: &str| fs::openat(CWD, name, OFlags::RDONLY, Mode::empty()).map(drop);
    let up = OFlags::PATH | OFlags::DIRECTORY;
    let program = CString::new("/file").unwrap();
    vec![
        ("make a file", make("file")),
        ("give it away", fs::chownat(CWD, "file", uid(1234), gid(4321), AtFlags::SYMLINK_NOFOLLOW)),
        ("make a link", fs::symlinkat("file", CWD, "link")),
        ("hide a name", fs::mknodat(CWD, "whiteout", FileType::CharacterDevice, Mode::empty(), 0)),
        ("follow the link", write("link")),
        ("read the file", read("file")),
        ("read a secret", read(outside)),
        ("make a file outside", make(&format!("{outside}.new"))),
        ("climb", make("../climbed")),
        ("open what is above", fs::openat2(CWD, "..", up, Mode::empty(), ResolveFlags::BENEATH).map(drop)),
        ("see processes", read("/proc/self/status")),
        ("make a disk", fs::mknodat(CWD, "disk", FileType::BlockDevice, Mode::RUSR, fs::makedev(254, 0))),
        ("mark a layer", fs::setxattr("/", c"trusted.overlay.opaque", b"y", XattrFlags::empty())),
        ("open a socket", socket(AddressFamily::INET, SocketType::STREAM, None).map(drop)),
        ("kill the parent", kill_process(parent, Signal::KILL)),
        ("run a program", Err(kernel::process::execute(&program, &[], &[]))),
        ("start a process", kernel::fork::fork().map(drop).map_err(|error| error.errno)),
        ("change the root", chroot("/")),
        (
            "leave the namespaces",
            kernel::fork::unshare(kernel::fork::Namespaces::USER).map_err(|error| error.errno),
        ),
        ("fill the disk", fill()),
    ]
}

fn fill() -> Outcome {
    let file = fs::openat(CWD, "file", OFlags::WRONLY, Mode::empty())?;
    fs::ftruncate(file, 2 << 20)
}

fn uid(id: u32) -> Option<fs::Uid> {
    Some(fs::Uid::from_raw(id))
}

fn gid(id: u32) -> Option<fs::Gid> {
    Some(fs::Gid::from_raw(id))
}

fn say(text: &str) {
    kernel::rustix::io::write(stdio::stdout(), text.as_bytes()).unwrap();
}
