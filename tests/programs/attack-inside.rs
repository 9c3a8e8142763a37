// SPDX-License-Identifier: Apache-2.0
//! What the attack suite runs inside containers. Each verb tries something that a container must not
//! be able to do, and says on standard output what came of it: `NAME open`, or `NAME` and the errno.
//! Nothing here does harm where it succeeds: calls are made in a process that ends right after, with
//! arguments that are wrong or without effect.
#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::ExitCode;
use std::time::Duration;

use kernel::probe::Arg::{In, Int, Out};
use kernel::probe::{Ended, Throwaway, in_child};
use kernel::rustix::fs::{CWD, RenameFlags, renameat_with};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["calls"] => calls(),
        ["handles", ref paths @ ..] => paths.iter().for_each(|path| handle(path)),
        ["descriptors"] => descriptors(),
        ["writable", ref paths @ ..] => paths.iter().for_each(|path| writable(path)),
        ["process", pid] => process(pid),
        ["swap", first, second] => swap(first, second),
        ["steal", path] => steal(path),
        ["stuff", path] => stuff(path),
        ["type"] => type_at_terminal(),
        ["keyring"] => keyring(),
        ["user"] => println!("{}", kernel::rustix::process::geteuid().as_raw()),
        _ => {
            eprintln!("attack-inside: no such attack: {words:?}");
            return ExitCode::from(125);
        }
    }
    ExitCode::SUCCESS
}

/// One line: the name and `open`, or the errno.
fn tell(name: &str, result: Result<(), i32>) {
    match result {
        Ok(()) => println!("{name} open"),
        Err(errno) => println!("{name} {}", word(errno)),
    }
}

fn word(errno: i32) -> String {
    match errno {
        1 => "EPERM".into(),
        2 => "ENOENT".into(),
        13 => "EACCES".into(),
        22 => "EINVAL".into(),
        26 => "ETXTBSY".into(),
        30 => "EROFS".into(),
        38 => "ENOSYS".into(),
        93 => "EPROTONOSUPPORT".into(),
        97 => "EAFNOSUPPORT".into(),
        other => format!("errno {other}"),
    }
}

/// Makes `attempt` in a process of its own; an errno in `past` comes after the permission check.
fn knock(name: &str, past: &[i32], attempt: impl FnOnce(&Throwaway) -> Result<i64, i32>) {
    let said = in_child(Duration::from_secs(5), |process| match attempt(process) {
        Ok(_) => "0".to_owned(),
        Err(errno) => errno.to_string(),
    });
    let errno = match said {
        Ok(Ended::Said(text)) => text.parse().unwrap_or(0),
        // A process that was killed got nothing; one that hung counts as open.
        Ok(Ended::Killed(_)) => 1,
        Ok(Ended::Hung) | Err(_) => 0,
    };
    tell(name, if errno == 0 || past.contains(&errno) { Ok(()) } else { Err(errno) });
}

fn calls() {
    knock("unshare-user", &[], |process| process.call(UNSHARE, &mut [Int(NEWUSER)]));
    knock("unshare-all", &[], |process| process.call(UNSHARE, &mut [Int(NEWUSER | NEWNS | NEWNET)]));
    knock("clone-user", &[], |process| {
        spawned(process.call(CLONE, &mut [Int(NEWUSER | SIGCHLD), Int(0), Int(0), Int(0), Int(0)]))
    });
    knock("clone3-user", &[], |process| {
        let mut arguments = [0u8; 88];
        arguments[..8].copy_from_slice(&NEWUSER.to_le_bytes());
        arguments[32..40].copy_from_slice(&SIGCHLD.to_le_bytes());
        spawned(process.call(435, &mut [In(&arguments), Int(88)]))
    });
    for (name, family, kind, protocol) in SOCKETS {
        knock(name, &[], |process| process.call(41, &mut [Int(family), Int(kind), Int(protocol)]));
    }
    for (name, family, kind) in [("i386-alg", 38, 5), ("i386-vsock", 40, 1), ("i386-unix", 1, 1)] {
        knock(name, &[], |process| {
            let address = process.low_words([family, kind, 0]).ok_or(12)?;
            process.call_i386(102, [1, address, 0]).map(i64::from)
        });
    }
    knock("i386-getpid", &[], |process| process.call_i386(20, [0; 3]).map(i64::from));
    knock("x32-getpid", &[], |process| process.call(0x4000_0000 + 39, &mut []));
    more_calls();
}

fn more_calls() {
    let user = || Int((-3i64).cast_unsigned());
    knock("keyctl", &[126], |process| process.call(250, &mut [Int(0), user(), Int(0)]));
    knock("add_key", &[], |process| {
        process
            .call(248, &mut [In(b"user\0"), In(b"attack\0"), In(b"x"), Int(1), Int((-2i64).cast_unsigned())])
    });
    knock("io_uring", &[], |process| process.call(425, &mut [Int(1), Out(&mut [0u8; 120])]));
    knock("userfaultfd", &[], |process| process.call(323, &mut [Int(1)]));
    knock("perf", &[], |process| {
        let mut attributes = [0u8; 128];
        attributes[..4].copy_from_slice(&1u32.to_le_bytes());
        attributes[4..8].copy_from_slice(&128u32.to_le_bytes());
        process.call(298, &mut [In(&attributes), Int(0), Int(u64::MAX), Int(u64::MAX), Int(0)])
    });
    // An array of one element: type 2, key of 4 bytes, value of 4.
    knock("bpf", &[], |process| {
        let mut attributes = [0u8; 128];
        for (at, value) in [(0, 2), (4, 4), (8, 4), (12, 1)] {
            attributes[at] = value;
        }
        process.call(321, &mut [Int(0), In(&attributes), Int(128)])
    });
    // The errnos come after the permission check: no such file system, no such file.
    knock("fsopen", &[19], |process| process.call(430, &mut [In(b"tmpfs\0"), Int(0)]));
    knock("mount", &[], |process| {
        process.call(165, &mut [In(b"none\0"), In(b"/home\0"), In(b"tmpfs\0"), Int(0), Int(0)])
    });
    knock("ptrace", &[], |process| process.call(101, &mut [Int(0), Int(0), Int(0), Int(0)]));
    knock("vmsplice", &[9], |process| process.call(278, &mut [Int(999), Int(0), Int(0), Int(0)]));
    knock("setns", &[9, 22], |process| process.call(308, &mut [Int(999), Int(0)]));
    knock("iptables", &[9, 14, 22, 88, 92, 95], |process| {
        let socket = process.call(41, &mut [Int(2), Int(1), Int(0)])?;
        process.call(54, &mut [Int(socket.unsigned_abs()), Int(0), Int(64), Int(0), Int(0)])
    });
    knock("waitid", &[10, 22], |process| process.call(247, &mut [Int(0), Int(0), Int(0), Int(4), Int(0)]));
}

/// A new process, on a copy of this memory, ends at once.
fn spawned(result: Result<i64, i32>) -> Result<i64, i32> {
    match result {
        Ok(0) => kernel::process::exit_now(0),
        other => other,
    }
}

/// A handle of eight bytes: inode 2 and 128, generation 0, which are the roots of ext4 and xfs. ESTALE
/// means that it was looked up, which is all that a patient attacker needs.
fn handle(path: &str) {
    let Ok(file) = File::open(path) else { return println!("{path} unreadable") };
    knock(&format!("name:{path}"), &[], |process| {
        let name = std::ffi::CString::new(path).unwrap_or_default();
        let (mut handle, mut mount) = ([0u8; 136], [0u8; 4]);
        handle[0] = 128;
        let at_cwd = Int((-100i64).cast_unsigned());
        process
            .call(303, &mut [at_cwd, In(name.as_bytes_with_nul()), Out(&mut handle), Out(&mut mount), Int(0)])
    });
    let fd = file.as_raw_fd().unsigned_abs();
    knock(path, &[116], |process| {
        let mut handle = [0u8; 136];
        handle[0] = 8;
        handle[4] = 1;
        handle[8] = 2;
        process.call(304, &mut [Int(fd.into()), In(&handle), Int(0)])
    });
}

/// What is open besides the three streams: number and target.
fn descriptors() {
    let list = std::fs::read_dir("/proc/self/fd").and_then(Iterator::collect::<Result<Vec<_>, _>>);
    for entry in list.unwrap_or_default() {
        let name = entry.file_name().to_string_lossy().into_owned();
        // The list's own descriptor leads to the directory it lists.
        if let Ok(target) = std::fs::read_link(entry.path())
            && name.parse::<u32>().is_ok_and(|number| number > 2)
            && !target.ends_with("fd")
        {
            println!("{name} {}", target.display());
        }
    }
    println!("listed");
}

/// Opens for writing and never writes.
fn writable(path: &str) {
    let opened = OpenOptions::new().write(true).custom_flags(NONBLOCK).open(path);
    tell(path, opened.map(drop).map_err(errno_of));
}

/// Everything that /proc and the tracing calls give of another process.
fn process(pid: &str) {
    for file in ["environ", "mem", "maps", "auxv"] {
        let read = File::open(format!("/proc/{pid}/{file}"))
            .and_then(|mut opened| if file == "mem" { Ok(0) } else { opened.read(&mut [0u8; 64]) });
        // An empty answer is what the kernel gives of a process that has no such memory.
        tell(
            file,
            read.map_err(errno_of)
                .and_then(|length| if length == 0 && file != "mem" { Err(13) } else { Ok(()) }),
        );
    }
    for link in ["exe", "root", "cwd", "fd/0", "ns/mnt"] {
        let opened = File::open(format!("/proc/{pid}/{link}"));
        tell(link, opened.map(drop).map_err(errno_of));
    }
    tell(
        "exe-write",
        OpenOptions::new().write(true).open(format!("/proc/{pid}/exe")).map(drop).map_err(errno_of),
    );
    let number: u64 = pid.parse().unwrap_or(0);
    knock("attach", &[], |process| process.call(101, &mut [Int(0x4206), Int(number), Int(0), Int(0)]));
    // Both vectors must be good for the kernel to come as far as the permission check; that there is
    // nothing at the address comes after it.
    knock("vm_readv", &[14], |process| {
        let mut buffer = [0u8; 8];
        let vector = |address: u64| [address.to_le_bytes(), 8u64.to_le_bytes()].concat();
        let (local, remote) = (vector(buffer.as_mut_ptr() as u64), vector(4096));
        process.call(310, &mut [Int(number), In(&local), Int(1), In(&remote), Int(1), Int(0)])
    });
    knock("getfd", &[], |process| {
        let pidfd = process.call(434, &mut [Int(number), Int(0)])?;
        process.call(438, &mut [Int(pidfd.unsigned_abs()), Int(0), Int(0)])
    });
}

/// Exchanges two names until it is killed.
fn swap(first: &str, second: &str) {
    println!("swapping");
    loop {
        // The other racer may have removed one of them for a moment.
        match renameat_with(CWD, first, CWD, second, RenameFlags::EXCHANGE) {
            Ok(()) | Err(_) => {}
        }
    }
}

/// Takes away what is in a stream's pipe, by opening the side of it that is not ours.
fn steal(path: &str) {
    let Ok(mut pipe) = nonblocking().read(true).open(path) else { return println!("{path} refused") };
    let mut buffer = [0; 65536];
    loop {
        match pipe.read(&mut buffer) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

/// Empties a stream's pipe, so that its writer is told of room, and stuffs it at once; over and over for a
/// moment, and stuffed at the end.
fn stuff(path: &str) {
    let (mut output, mut input) =
        match (nonblocking().read(true).open(path), nonblocking().write(true).open(path)) {
            (Ok(output), Ok(input)) => (output, input),
            _ => return println!("{path} refused"),
        };
    let mut buffer = vec![b'x'; 65536];
    let start = std::time::Instant::now();
    for round in 0u32.. {
        while output.read(&mut buffer).is_ok_and(|length| length > 0) {}
        for _ in 0..round % 64 * 32 {
            std::hint::spin_loop();
        }
        while input.write(&buffer).is_ok() {}
        if start.elapsed() > Duration::from_millis(200) {
            break;
        }
    }
}

fn nonblocking() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.custom_flags(NONBLOCK);
    options
}

/// TIOCSTI, TIOCLINUX and TIOCSETD at standard input, also with bits above the 32 that the kernel looks
/// at (CVE-2019-10063).
fn type_at_terminal() {
    let terminal = std::io::stdin();
    let fd = terminal.as_fd().as_raw_fd().unsigned_abs();
    for (name, request) in
        [("tiocsti", 0x5412u64), ("tioclinux", 0x541c), ("tiocsetd", 0x5423), ("tiocsti-high", 0x1_0000_5412)]
    {
        knock(name, &[], |process| process.call(16, &mut [Int(fd.into()), Int(request), In(b"\0\0\0\0")]));
    }
}

/// The number of the session keyring.
fn keyring() {
    let said = in_child(Duration::from_secs(5), |process| {
        match process.call(250, &mut [Int(0), Int((-3i64).cast_unsigned()), Int(0)]) {
            Ok(number) => number.to_string(),
            Err(errno) => word(errno),
        }
    });
    match said {
        Ok(Ended::Said(text)) => println!("{text}"),
        other => println!("{other:?}"),
    }
}

fn errno_of(error: std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(0)
}

/// Family, type, protocol.
const SOCKETS: [(&str, u64, u64, u64); 12] = [
    ("af-packet", 17, 3, 0),
    ("raw-icmp", 2, 3, 1),
    ("af-alg", 38, 5, 0),
    ("af-vsock", 40, 1, 0),
    ("af-rxrpc", 33, 2, 2),
    ("af-key", 15, 3, 2),
    ("af-bluetooth", 31, 3, 1),
    ("af-xdp", 44, 3, 0),
    ("netlink-xfrm", 16, 3, 6),
    ("netlink-netfilter", 16, 3, 12),
    ("netlink-audit", 16, 3, 9),
    ("netlink-kobject", 16, 3, 15),
];
const UNSHARE: i64 = 272;
const CLONE: i64 = 56;
const NEWUSER: u64 = 0x1000_0000;
const NEWNS: u64 = 0x0002_0000;
const NEWNET: u64 = 0x4000_0000;
const SIGCHLD: u64 = 17;
const NONBLOCK: i32 = 0o4000;
