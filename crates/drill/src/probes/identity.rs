// SPDX-License-Identifier: Apache-2.0
//! Who the program is, and what it can make of that.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use kernel::probe::Arg::{In, Int};

use super::files::writable;
use super::try_call::{ENOENT, ENOEXEC, name};
use super::{Here, Row, Seen, row};
use crate::Class::Posture;

pub(super) const ROWS: &[Row] = &[
    row("userns-root", Posture, "root inside is root outside", |_| {
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let outside = map.split_whitespace().nth(1).unwrap_or("0").to_owned();
        Seen::open_if(outside == "0", format!("uid_map: 0 is {outside} outside"))
    }),
    row("nnp", Posture, "programs can gain privileges (no_new_privs unset)", |_| {
        let value = status("NoNewPrivs");
        Seen::open_if(value != "1", format!("NoNewPrivs {value}"))
    }),
    row("suid-mount", Posture, "the root file system honours set-user-id bits", |_| flag("/", kernel::rustix::fs::StatVfsMountFlags::NOSUID)),
    row("suid-make", Posture, "make a set-user-id file of root's", |_| match own_file("suid") {
        Ok(path) => {
            let set = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o4755));
            let root = kernel::rustix::process::geteuid().is_root();
            drop(std::fs::remove_file(&path));
            match set {
                Ok(()) => Seen::open_if(root, "chmod 4755 worked"),
                Err(error) => Seen::Stopped(error.to_string()),
            }
        }
        Err(error) => Seen::Stopped(error.to_string()),
    }),
    row("filecap-make", Posture, "give a file capabilities", |_| match own_file("cap") {
        Ok(path) => {
            let all = [1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
            let set = kernel::rustix::fs::setxattr(&path, "security.capability", &all, kernel::rustix::fs::XattrFlags::empty());
            drop(std::fs::remove_file(&path));
            match set {
                Ok(()) => Seen::Open("setxattr(security.capability) worked".into()),
                Err(errno) => Seen::Stopped(name(errno.raw_os_error())),
            }
        }
        Err(error) => Seen::Stopped(error.to_string()),
    }),
    row("rootfs-write", Posture, "write to the root file system", |_| match std::fs::File::create("/.drill-write") {
        Ok(_) => {
            drop(std::fs::remove_file("/.drill-write"));
            Seen::Open("made a file in /".into())
        }
        Err(error) => Seen::Stopped(error.to_string()),
    }),
    row("shm-exec", Posture, "run programs from /dev/shm", |_| flag("/dev/shm", kernel::rustix::fs::StatVfsMountFlags::NOEXEC)),
    row("wx-mmap", Posture, "memory that is writable and executable", |here| {
        let (size, private_anonymous) = (4096, 0x22);
        here.knock(MMAP, &mut [Int(0), Int(size), Int(7), Int(private_anonymous), Int(u64::MAX), Int(0)])
    }),
    row("memfd-exec", Posture, "run a program from memory only", memfd_exec),
    row("setuid-any", Posture, "become any user", |here| here.knock(SETUID, &mut [Int(12_345)])),
    row("lowport", Posture, "bind a port below 1024", |_| match std::net::TcpListener::bind("127.0.0.1:82") {
        Ok(_) => Seen::Open("bound port 82".into()),
        Err(error) => Seen::Stopped(error.to_string()),
    }),
];

/// Asks for the execute bit by name, else takes what there is; a text that is no program shows whether
/// the attempt got as far as reading it.
fn memfd_exec(here: &Here<'_>) -> Seen {
    let (cloexec, executable) = (1, 0x10);
    let made = match here.process.call(MEMFD_CREATE, &mut [In(b"drill\0"), Int(cloexec | executable)]) {
        Err(_) => here.process.call(MEMFD_CREATE, &mut [In(b"drill\0"), Int(cloexec)]),
        made => made,
    };
    let Some(fd) = made.ok().and_then(|fd| i32::try_from(fd).ok()) else {
        return Seen::Stopped("no memory file can be made".into());
    };
    let path = format!("/proc/self/fd/{fd}");
    if let Err(error) = std::fs::write(&path, b"no program") {
        return Seen::Stopped(error.to_string());
    }
    let arguments = [0u8; 8];
    let empty_path = 0x1000;
    let fd = u64::from(fd.unsigned_abs());
    here.knock_until(EXECVEAT, &mut [Int(fd), In(b"\0"), In(&arguments), In(&arguments), Int(empty_path)], &[ENOEXEC, ENOENT])
}

pub(super) fn status(key: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.map_or_else(|| "?".to_owned(), |value| value.trim().to_owned())
}

fn flag(path: &str, wanted: kernel::rustix::fs::StatVfsMountFlags) -> Seen {
    match kernel::rustix::fs::statvfs(path) {
        Ok(stat) => Seen::open_if(!stat.f_flag.contains(wanted), format!("mount flags of {path}: {:?}", stat.f_flag)),
        Err(errno) => Seen::Stopped(name(errno.raw_os_error())),
    }
}

fn own_file(suffix: &str) -> std::io::Result<std::path::PathBuf> {
    let path = writable()?.join(format!(".drill-{suffix}-{}", std::process::id()));
    std::fs::File::create(&path)?.write_all(b"drill")?;
    Ok(path)
}

const MMAP: i64 = 9;
const SETUID: i64 = 105;
const MEMFD_CREATE: i64 = 319;
const EXECVEAT: i64 = 322;
