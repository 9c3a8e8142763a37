// SPDX-License-Identifier: Apache-2.0
//! Entry points of the kernel that no container needs.

use std::os::fd::OwnedFd;

use kernel::probe::Arg::{In, Int, Out};
use kernel::rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};

use super::errno::{
    EBADF, EFAULT, EINVAL, ENODEV, ENOENT, ENOEXEC, ENOKEY, ENOTBLK, EOVERFLOW, ESRCH, ESTALE, words,
};
use super::{Here, Row, Seen, row};
use crate::Class::{Attempt, Leak, Posture, Resource};
use crate::Wall;

pub(super) const ROWS: &[Row] = &[
    row("chroot", Posture, "chroot(2)", |here| here.knock(161, &mut [In(b"/\0")])).wants("SYS_CHROOT"),
    row("chroot-break", Attempt, "leave the root by a double chroot", chroot_break)
        .wants("SYS_CHROOT")
        .held(&[Wall::MountNamespace]),
    row("shocker", Attempt, "open the host's root by its handle (shocker, 2014)", shocker)
        .wants("DAC_READ_SEARCH"),
    // Not every file system has handles: overlayfs has none, tmpfs has.
    row("name-to-handle", Posture, "name_to_handle_at(2)", |here| {
        Seen::most_telling([&b"/\0"[..], b"/dev/shm\0", b"/etc/hosts\0"].map(|path| {
            let (mut handle, mut mount) = (handle(128, &[]), [0u8; 4]);
            let mut words = [Int(AT_FDCWD), In(path), Out(&mut handle), Out(&mut mount), Int(0)];
            here.knock_until(303, &mut words, &[EOVERFLOW])
        }))
    }),
    row("bpf", Attempt, "bpf(BPF_MAP_CREATE)", |here| {
        let mut attributes = [0u8; 128];
        for (at, value) in [(0, 2u32), (4, 4), (8, 4), (12, 1)] {
            attributes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        here.knock(321, &mut [Int(0), In(&attributes), Int(128)])
    })
    .wants("SYS_ADMIN"),
    row("perf", Attempt, "perf_event_open(2)", |here| {
        let mut attributes = [0u8; 128];
        attributes[..4].copy_from_slice(&1u32.to_le_bytes());
        attributes[4..8].copy_from_slice(&128u32.to_le_bytes());
        here.knock(298, &mut [In(&attributes), Int(0), Int(u64::MAX), Int(u64::MAX), Int(0)])
    })
    .wants("PERFMON"),
    row("keyctl", Attempt, "keyctl(2), keyrings are not namespaced", |here| {
        here.knock_until(250, &mut [Int(0), Int((-3i64).cast_unsigned()), Int(0)], &[ENOKEY])
    }),
    row("add-key", Attempt, "add_key(2)", |here| {
        here.knock(248, &mut [In(b"user\0"), In(b"drill\0"), In(b"x"), Int(1), Int((-2i64).cast_unsigned())])
    }),
    row("request-key", Attempt, "request_key(2)", |here| {
        here.knock_until(249, &mut [In(b"user\0"), In(b"drill-none\0"), Int(0), Int(0)], &[ENOKEY])
    }),
    row("uffd", Attempt, "userfaultfd(2)", |here| here.knock(323, &mut [Int(0)])).wants("SYS_PTRACE"),
    row("uffd-user", Attempt, "userfaultfd(UFFD_USER_MODE_ONLY)", |here| here.knock(323, &mut [Int(1)])),
    row("io_uring", Attempt, "io_uring_setup(2)", |here| {
        let mut parameters = [0u8; 120];
        here.knock(425, &mut [Int(1), Out(&mut parameters)])
    }),
    row("ptrace", Posture, "be traced", |here| here.knock(101, &mut [Int(0), Int(0), Int(0), Int(0)])),
    row("vm-readv", Posture, "process_vm_readv(2) of itself", |here| {
        here.knock(310, &mut [Int(std::process::id().into()), Int(0), Int(0), Int(0), Int(0), Int(0)])
    }),
    row("kcmp", Attempt, "kcmp(2)", |here| {
        let pid = u64::from(std::process::id());
        here.knock(312, &mut [Int(pid), Int(pid), Int(0), Int(1), Int(1)])
    }),
    row("pidfd-getfd", Posture, "pidfd_getfd(2) of itself", |here| {
        match here.process.call(434, &mut [Int(std::process::id().into()), Int(0)]) {
            Ok(pidfd) => here.knock_until(438, &mut [Int(pidfd.unsigned_abs()), Int(0), Int(0)], &[EBADF]),
            Err(errno) => Seen::refused(errno),
        }
    }),
    row("swapoff", Attempt, "swapoff(2)", |here| {
        here.knock_until(168, &mut [In(b"/drill-none\0")], &[ENOENT, EINVAL])
    })
    .wants("SYS_ADMIN"),
    row("init_module", Attempt, "init_module(2)", |here| {
        here.knock_until(175, &mut [Int(0), Int(0), In(b"\0")], &[EFAULT, EINVAL, ENOEXEC])
    })
    .wants("SYS_MODULE"),
    row("delete_module", Attempt, "delete_module(2)", |here| {
        here.knock_until(176, &mut [In(b"drill_none\0"), Int(0x800)], &[ENOENT])
    })
    .wants("SYS_MODULE"),
    // Seventeen segments are one too many, which is looked at after the capability.
    row("kexec", Attempt, "kexec_load(2)", |here| {
        here.knock_until(246, &mut [Int(0), Int(17), Int(0), Int(0)], &[EINVAL, EFAULT])
    })
    .wants("SYS_BOOT"),
    row("reboot", Attempt, "reboot(2), with wrong magic numbers", |here| {
        here.knock_until(169, &mut [Int(0), Int(0), Int(0)], &[EINVAL])
    })
    .wants("SYS_BOOT"),
    row("iopl", Attempt, "iopl(3)", |here| here.knock(172, &mut [Int(3)])).wants("SYS_RAWIO"),
    row("ioperm", Attempt, "ioperm(2)", |here| here.knock(173, &mut [Int(0x80), Int(1), Int(1)]))
        .wants("SYS_RAWIO"),
    row("acct", Attempt, "acct(2)", |here| here.knock_until(163, &mut [In(b"/drill-none\0")], &[ENOENT]))
        .wants("SYS_PACCT"),
    row("quotactl", Attempt, "quotactl(2)", |here| {
        here.knock_until(
            179,
            &mut [Int(0x8000_0400), In(b"/drill-none\0"), Int(0), Int(0)],
            &[ENOENT, ENODEV, ENOTBLK, ESRCH, EFAULT],
        )
    }),
    row("dmesg", Leak, "read the kernel's log by syslog(2)", |here| {
        let mut text = [0u8; 256];
        here.knock(103, &mut [Int(3), Out(&mut text), Int(256)])
    })
    .wants("SYSLOG"),
    // A tick of one microsecond is refused, after the capability is asked for.
    row("adjtime", Attempt, "set the clock (adjtimex)", |here| {
        let mut timex = [0u8; 208];
        timex[..4].copy_from_slice(&0x4000u32.to_le_bytes());
        timex[88..96].copy_from_slice(&1u64.to_le_bytes());
        here.knock_until(159, &mut [Out(&mut timex)], &[EINVAL])
    })
    .wants("SYS_TIME"),
    row("sethostname", Attempt, "sethostname(2), to the name it has", |here| {
        let name = kernel::rustix::system::uname();
        let name = name.nodename().to_bytes();
        here.knock(170, &mut [In(name), Int(name.len() as u64)])
    })
    .wants("SYS_ADMIN"),
    // In a session of its own, which has no terminal to hang up.
    row("vhangup", Attempt, "vhangup(2)", |here| match kernel::rustix::process::setsid() {
        Ok(_) => here.knock(153, &mut []),
        Err(errno) => Seen::Unknown(format!("setsid: {errno}")),
    })
    .wants("SYS_TTY_CONFIG"),
    row("personality", Attempt, "personality(ADDR_NO_RANDOMIZE)", |here| {
        here.knock(135, &mut [Int(0x0004_0000)])
    }),
    row("personality-rx", Attempt, "personality(READ_IMPLIES_EXEC)", |here| {
        here.knock(135, &mut [Int(0x0040_0000)])
    }),
    row("modify_ldt", Posture, "modify_ldt(2)", |here| {
        let mut table = [0u8; 64];
        here.knock(154, &mut [Int(0), Out(&mut table), Int(64)])
    }),
    row("mbind", Posture, "mbind(2)", |here| {
        here.knock_until(237, &mut [Int(0), Int(0), Int(0), Int(0), Int(0), Int(0)], &[EINVAL])
    }),
    row("fanotify", Attempt, "fanotify_init(2)", |here| here.knock(300, &mut [Int(0), Int(0)]))
        .wants("SYS_ADMIN"),
    row("fanotify-unpriv", Posture, "fanotify_init(2) without privilege", |here| {
        here.knock(300, &mut [Int(0x200), Int(0)])
    }),
    row("memfd_secret", Posture, "memfd_secret(2)", |here| here.knock(447, &mut [Int(0)])),
    row("rt-sched", Resource, "real-time scheduling", |here| {
        here.knock(144, &mut [Int(0), Int(1), In(&1u32.to_le_bytes())])
    })
    .wants("SYS_NICE"),
    row("nice", Resource, "the highest priority", |here| {
        here.knock(141, &mut [Int(0), Int(0), Int((-20i64).cast_unsigned())])
    })
    .wants("SYS_NICE"),
    row("tiocsti", Attempt, "type at the terminal (TIOCSTI)", type_at_terminal),
];

/// Only a way to leave when another root is reached than the one we have. The first chroot is to a
/// directory that is always there, and leaves the working directory outside of it.
fn chroot_break(here: &Here<'_>) -> Seen {
    let Some(before) = identity("/") else { return Seen::Unknown("/ cannot be looked at".into()) };
    if let Err(errno) = here.process.call(161, &mut [In(b"/dev\0")]) {
        return Seen::Refused(errno, "chroot".into());
    }
    for _ in 0..64 {
        if let Err(error) = std::env::set_current_dir("..") {
            return Seen::io("chdir ..", &error);
        }
    }
    if let Err(errno) = here.process.call(161, &mut [In(b".\0")]) {
        return Seen::Refused(errno, "the second chroot".into());
    }
    match identity("/") {
        Some(after) if after == before => Seen::Stopped("it leads back to the same root".into()),
        after => Seen::Open(format!("the root is {after:?} and was {before:?}")),
    }
}

fn identity(path: &str) -> Option<(u64, u64)> {
    let stat = kernel::rustix::fs::stat(path).ok()?;
    Some((stat.st_dev, stat.st_ino))
}

/// A handle of eight bytes: inode 2, generation 0, which is the root of ext4 and many others.
fn shocker(here: &Here<'_>) -> Seen {
    let mut handle = handle(8, &2u64.to_le_bytes());
    handle[4..8].copy_from_slice(&1i32.to_le_bytes());
    Seen::most_telling(["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/"].map(|path| {
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) => return Seen::io(path, &error),
        };
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file).unsigned_abs();
        // ESTALE: the handle was looked up, which is all that a patient attacker needs.
        here.knock_until(304, &mut [Int(fd.into()), In(&handle), Int(0)], &[ESTALE])
    }))
}

fn handle(length: u32, content: &[u8]) -> Vec<u8> {
    let mut handle = vec![0u8; 136];
    handle[..4].copy_from_slice(&length.to_le_bytes());
    handle[8..8 + content.len()].copy_from_slice(content);
    handle
}

/// On a terminal of our own making, whose other side stays open: when it closes, the session gets a
/// SIGHUP, which would end this process before it has told anything.
fn type_at_terminal(here: &Here<'_>) -> Seen {
    let (master, terminal) = match own_terminal() {
        Ok(pair) => pair,
        Err(errno) => return Seen::Unknown(format!("no terminal: {}", words(errno.raw_os_error()))),
    };
    let typed = here.process.type_at(&terminal, b'x');
    std::mem::forget(master);
    match typed {
        Ok(()) => Seen::Open("a byte was typed".into()),
        Err(errno) => Seen::refused(errno),
    }
}

/// The terminal's two sides; the second is this process's controlling terminal.
fn own_terminal() -> Result<(OwnedFd, OwnedFd), kernel::Errno> {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let master = openpt(flags)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let terminal = ioctl_tiocgptpeer(&master, flags)?;
    kernel::rustix::process::setsid()?;
    kernel::rustix::process::ioctl_tiocsctty(&terminal)?;
    Ok((master, terminal))
}

const AT_FDCWD: u64 = (-100i64).cast_unsigned();
