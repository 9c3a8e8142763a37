// SPDX-License-Identifier: Apache-2.0
//! Who the program is, and what it can make of that.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use kernel::probe::Arg::{In, Int};
use kernel::rustix::fs::{StatVfsMountFlags, XattrFlags};

use super::files::writable;
use super::{Here, Row, Seen, errno, row};
use crate::Class::Posture;
use crate::Wall;

pub(super) const ROWS: &[Row] = &[
    row("userns-root", Posture, "root inside is root outside", |here| {
        let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        match map.split_whitespace().nth(1).and_then(|outer| outer.parse().ok()) {
            Some(outer) => {
                let outside = here.facts.on_host(outer);
                Seen::open_if(outside == 0, format!("root inside is user {outside} outside"))
            }
            None => Seen::Unknown("uid_map cannot be read".into()),
        }
    })
    .held(&[Wall::User]),
    row("nnp", Posture, "programs can gain privileges (no_new_privs unset)", |_| {
        let value = status("NoNewPrivs");
        Seen::open_if(value != "1", format!("NoNewPrivs {value}"))
    })
    .held(&[Wall::NoNewPrivs]),
    row("suid-mount", Posture, "the root file system honours set-user-id bits", |_| {
        flag("/", "nosuid", StatVfsMountFlags::NOSUID)
    })
    .held(&[Wall::Mounts]),
    row("suid-make", Posture, "make a set-user-id file of root's", |_| {
        on_own_file("suid", |path| {
            let root = kernel::rustix::process::geteuid().is_root();
            match std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o4755)) {
                Ok(()) if root => Seen::Open("chmod 4755 worked".into()),
                Ok(()) => Seen::Stopped("chmod 4755 worked, but on a file of an ordinary user".into()),
                Err(error) => Seen::io("chmod 4755", &error),
            }
        })
    })
    .held(&[Wall::User]),
    row("filecap-make", Posture, "give a file capabilities", |_| {
        on_own_file("cap", |path| {
            let name = "security.capability";
            match kernel::rustix::fs::setxattr(path, name, ALL_CAPABILITIES, XattrFlags::empty()) {
                Ok(()) => Seen::Open("setxattr(security.capability) worked".into()),
                Err(errno) => Seen::refused(errno.raw_os_error()),
            }
        })
    })
    .wants("SETFCAP"),
    row("rootfs-write", Posture, "write to the root file system", |_| {
        match std::fs::File::create("/.drill-write") {
            Ok(_) => {
                remove(&PathBuf::from("/.drill-write"));
                Seen::Open("made a file in /".into())
            }
            Err(error) => Seen::io("making a file in /", &error),
        }
    })
    .held(&[Wall::Mounts]),
    row("shm-exec", Posture, "run programs from /dev/shm", |_| {
        flag("/dev/shm", "noexec", StatVfsMountFlags::NOEXEC)
    })
    .held(&[Wall::Mounts]),
    row("wx-mmap", Posture, "memory that is writable and executable", |here| {
        let (size, private_anonymous) = (4096, 0x22);
        here.knock(MMAP, &mut [Int(0), Int(size), Int(7), Int(private_anonymous), Int(u64::MAX), Int(0)])
    }),
    row("memfd-exec", Posture, "run a program from memory only", memfd_exec),
    row("setuid-any", Posture, "become any user", |here| here.knock(SETUID, &mut [Int(12_345)]))
        .wants("SETUID")
        .held(&[Wall::User]),
    row("lowport", Posture, "bind a port below 1024", |_| {
        match std::net::TcpListener::bind("127.0.0.1:82") {
            Ok(_) => Seen::Open("bound port 82".into()),
            Err(error) if error.raw_os_error() == Some(errno::EADDRINUSE) => {
                Seen::Open("past the check: port 82 is taken".into())
            }
            Err(error) => Seen::io("binding port 82", &error),
        }
    })
    .wants("NET_BIND_SERVICE"),
];

/// Asks for the execute bit by name, else takes what there is; a text that is no program shows whether
/// the attempt got as far as reading it.
fn memfd_exec(here: &Here<'_>) -> Seen {
    let (cloexec, executable) = (1, 0x10);
    let made = match here.process.call(MEMFD_CREATE, &mut [In(b"drill\0"), Int(cloexec | executable)]) {
        Err(_) => here.process.call(MEMFD_CREATE, &mut [In(b"drill\0"), Int(cloexec)]),
        made => made,
    };
    let fd = match made {
        Ok(fd) => fd.unsigned_abs(),
        Err(errno) => return Seen::Refused(errno, "memfd_create".into()),
    };
    if let Err(error) = std::fs::write(format!("/proc/self/fd/{fd}"), b"no program") {
        return Seen::io("writing the memory file", &error);
    }
    let arguments = [0u8; 8];
    let empty_path = 0x1000;
    here.knock_until(
        EXECVEAT,
        &mut [Int(fd), In(b"\0"), In(&arguments), In(&arguments), Int(empty_path)],
        &[errno::ENOEXEC, errno::ENOENT],
    )
}

/// A field of /proc/self/status.
pub(super) fn status(key: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    line.map_or_else(|| "?".to_owned(), |value| value.trim().to_owned())
}

fn flag(path: &str, name: &str, wanted: StatVfsMountFlags) -> Seen {
    match kernel::rustix::fs::statvfs(path) {
        Ok(stat) if stat.f_flag.contains(wanted) => Seen::Stopped(format!("{path} is mounted {name}")),
        Ok(_) => Seen::Open(format!("{path} is mounted without {name}")),
        Err(errno) => Seen::Refused(errno.raw_os_error(), path.to_owned()),
    }
}

/// On a file that is made for it and taken away.
fn on_own_file(suffix: &str, attempt: impl FnOnce(&std::path::Path) -> Seen) -> Seen {
    let path = match own_file(suffix) {
        Ok(path) => path,
        Err(error) => return Seen::io("making a file", &error),
    };
    let seen = attempt(&path);
    remove(&path);
    seen
}

fn own_file(suffix: &str) -> std::io::Result<PathBuf> {
    let path = writable()?.join(format!(".drill-{suffix}-{}", std::process::id()));
    std::fs::File::create(&path)?.write_all(b"drill")?;
    Ok(path)
}

/// A file of our own; in a container to be thrown away there is nobody to tell that it stayed.
pub(super) fn remove(path: &std::path::Path) {
    match std::fs::remove_file(path) {
        Ok(()) | Err(_) => {}
    }
}

/// vfs_cap_data, revision 2: every permitted and inheritable capability.
const ALL_CAPABILITIES: &[u8] =
    &[1, 0, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];
const MMAP: i64 = 9;
const SETUID: i64 = 105;
const MEMFD_CREATE: i64 = 319;
const EXECVEAT: i64 = 322;
