// SPDX-License-Identifier: Apache-2.0
//! Entry points of the kernel that no container needs.

use kernel::probe::Arg::{In, Int, Out};

use super::try_call::{EBADF, EFAULT, EINVAL, ENODEV, ENOENT, ENOEXEC, ENOKEY, ENOTBLK, ENOTTY, ESRCH};
use super::{Here, Row, Seen, row};
use crate::Class::{Attempt, Leak, Posture, Resource};

pub(super) const ROWS: &[Row] = &[
    row("chroot", Posture, "chroot(2)", |here| here.knock(161, &mut [In(b"/\0")])),
    row("chroot-break", Attempt, "leave the root by a double chroot", chroot_break),
    row("shocker", Attempt, "open the host's root by its handle (shocker, 2014)", shocker),
    row("name-to-handle", Posture, "name_to_handle_at(2)", |here| {
        let (mut handle, mut mount) = (handle(128, &[]), [0u8; 4]);
        here.knock(303, &mut [Int(AT_FDCWD), In(b"/\0"), Out(&mut handle), Out(&mut mount), Int(0)])
    }),
    row("bpf", Attempt, "bpf(BPF_MAP_CREATE)", |here| {
        let mut attributes = [0u8; 128];
        for (at, value) in [(0, 2u32), (4, 4), (8, 4), (12, 1)] {
            attributes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        here.knock(321, &mut [Int(0), In(&attributes), Int(128)])
    }),
    row("perf", Attempt, "perf_event_open(2)", |here| {
        let mut attributes = [0u8; 128];
        attributes[..4].copy_from_slice(&1u32.to_le_bytes());
        attributes[4..8].copy_from_slice(&128u32.to_le_bytes());
        here.knock(298, &mut [In(&attributes), Int(0), Int(u64::MAX), Int(u64::MAX), Int(0)])
    }),
    row("keyctl", Attempt, "keyctl(2), keyrings are not namespaced", |here| {
        here.knock_until(250, &mut [Int(0), Int((-3i64).cast_unsigned()), Int(0)], &[ENOKEY])
    }),
    row("add-key", Attempt, "add_key(2)", |here| {
        here.knock(248, &mut [In(b"user\0"), In(b"drill\0"), In(b"x"), Int(1), Int((-2i64).cast_unsigned())])
    }),
    row("request-key", Attempt, "request_key(2)", |here| {
        here.knock_until(249, &mut [In(b"user\0"), In(b"drill-none\0"), Int(0), Int(0)], &[ENOKEY])
    }),
    row("uffd", Attempt, "userfaultfd(2)", |here| here.knock(323, &mut [Int(0)])),
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
            Err(errno) => Seen::Stopped(super::try_call::name(errno)),
        }
    }),
    row("swapoff", Attempt, "swapoff(2)", |here| here.knock_until(168, &mut [In(b"/drill-none\0")], &[ENOENT, EINVAL])),
    row("init_module", Attempt, "init_module(2)", |here| {
        here.knock_until(175, &mut [Int(0), Int(0), In(b"\0")], &[EFAULT, EINVAL, ENOEXEC])
    }),
    row("delete_module", Attempt, "delete_module(2)", |here| {
        here.knock_until(176, &mut [In(b"drill_none\0"), Int(0x800)], &[ENOENT])
    }),
    // Seventeen segments are one too many, which is looked at after the capability.
    row("kexec", Attempt, "kexec_load(2)", |here| here.knock_until(246, &mut [Int(0), Int(17), Int(0), Int(0)], &[EINVAL, EFAULT])),
    row("reboot", Attempt, "reboot(2), with wrong magic numbers", |here| here.knock_until(169, &mut [Int(0), Int(0), Int(0)], &[EINVAL])),
    row("iopl", Attempt, "iopl(3)", |here| here.knock(172, &mut [Int(3)])),
    row("ioperm", Attempt, "ioperm(2)", |here| here.knock(173, &mut [Int(0x80), Int(1), Int(1)])),
    row("acct", Attempt, "acct(2)", |here| here.knock_until(163, &mut [In(b"/drill-none\0")], &[ENOENT])),
    row("quotactl", Attempt, "quotactl(2)", |here| {
        here.knock_until(179, &mut [Int(0x8000_0400), In(b"/drill-none\0"), Int(0), Int(0)], &[ENOENT, ENODEV, ENOTBLK, ESRCH, EFAULT])
    }),
    row("dmesg", Leak, "read the kernel's log by syslog(2)", |here| {
        let mut text = [0u8; 256];
        here.knock(103, &mut [Int(3), Out(&mut text), Int(256)])
    }),
    // A tick of one microsecond is refused, after the capability is asked for.
    row("adjtime", Attempt, "set the clock (adjtimex)", |here| {
        let mut timex = [0u8; 208];
        timex[..4].copy_from_slice(&0x4000u32.to_le_bytes());
        timex[88..96].copy_from_slice(&1u64.to_le_bytes());
        here.knock_until(159, &mut [Out(&mut timex)], &[EINVAL])
    }),
    row("sethostname", Attempt, "sethostname(2), to the name it has", |here| {
        let name = kernel::rustix::system::uname();
        let name = name.nodename().to_bytes();
        here.knock(170, &mut [In(name), Int(name.len() as u64)])
    }),
    row("vhangup", Attempt, "vhangup(2)", |here| {
        drop(kernel::rustix::process::setsid());
        here.knock(153, &mut [])
    }),
    row("personality", Attempt, "personality(ADDR_NO_RANDOMIZE)", |here| here.knock(135, &mut [Int(0x0004_0000)])),
    row("personality-rx", Attempt, "personality(READ_IMPLIES_EXEC)", |here| here.knock(135, &mut [Int(0x0040_0000)])),
    row("modify_ldt", Posture, "modify_ldt(2)", |here| {
        let mut table = [0u8; 64];
        here.knock(154, &mut [Int(0), Out(&mut table), Int(64)])
    }),
    row("mbind", Posture, "mbind(2)", |here| here.knock_until(237, &mut [Int(0), Int(0), Int(0), Int(0), Int(0), Int(0)], &[EINVAL])),
    row("fanotify", Attempt, "fanotify_init(2)", |here| here.knock(300, &mut [Int(0), Int(0)])),
    row("fanotify-unpriv", Posture, "fanotify_init(2) without privilege", |here| here.knock(300, &mut [Int(0x200), Int(0)])),
    row("memfd_secret", Posture, "memfd_secret(2)", |here| here.knock(447, &mut [Int(0)])),
    row("rt-sched", Resource, "real-time scheduling", |here| here.knock(144, &mut [Int(0), Int(1), In(&1u32.to_le_bytes())])),
    row("nice", Resource, "the highest priority", |here| here.knock(141, &mut [Int(0), Int(0), Int((-20i64).cast_unsigned())])),
    row("tiocsti", Attempt, "type at the terminal (TIOCSTI)", type_at_terminal),
];

/// Only a way to leave when another root is reached than the one we have.
fn chroot_break(here: &Here<'_>) -> Seen {
    let identity = |path: &str| {
        let stat = kernel::rustix::fs::stat(path).ok()?;
        Some((stat.st_dev, stat.st_ino))
    };
    let before = identity("/");
    let Ok(place) = super::files::writable() else { return Seen::Stopped("nowhere to make a directory".into()) };
    let inner = place.join(format!(".drill-root-{}", std::process::id()));
    drop(std::fs::create_dir(&inner));
    let name = std::ffi::CString::new(inner.to_string_lossy().into_owned()).unwrap_or_default();
    let entered = here.process.call(161, &mut [In(name.as_bytes_with_nul())]);
    if let Err(errno) = entered {
        drop(std::fs::remove_dir(&inner));
        return Seen::Stopped(super::try_call::name(errno));
    }
    for _ in 0..64 {
        drop(std::env::set_current_dir(".."));
    }
    drop(here.process.call(161, &mut [In(b".\0")]));
    drop(std::fs::remove_dir(&inner));
    let after = identity("/");
    Seen::open_if(before != after, format!("the root is {after:?} and was {before:?}"))
}

/// A handle of eight bytes: inode 2, generation 0, which is the root of ext4 and many others.
fn shocker(here: &Here<'_>) -> Seen {
    let mut handle = handle(8, &2u64.to_le_bytes());
    handle[4..8].copy_from_slice(&1i32.to_le_bytes());
    let mut last = Seen::Stopped("no file to start from".into());
    for path in ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/"] {
        let Ok(file) = std::fs::File::open(path) else { continue };
        let fd = std::os::fd::AsRawFd::as_raw_fd(&file).unsigned_abs();
        // ESTALE: the handle was looked up, which is all that a patient attacker needs.
        last = here.knock_until(304, &mut [Int(fd.into()), In(&handle), Int(0)], &[116]);
        if matches!(last, Seen::Open(_)) {
            break;
        }
    }
    last
}

fn handle(length: u32, content: &[u8]) -> Vec<u8> {
    let mut handle = vec![0u8; 136];
    handle[..4].copy_from_slice(&length.to_le_bytes());
    handle[8..8 + content.len()].copy_from_slice(content);
    handle
}

/// On a terminal of our own making.
fn type_at_terminal(here: &Here<'_>) -> Seen {
    use kernel::rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
    let open = || -> Result<_, kernel::Errno> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let terminal = ioctl_tiocgptpeer(&master, OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        kernel::rustix::process::setsid()?;
        kernel::rustix::process::ioctl_tiocsctty(&terminal)?;
        Ok((master, terminal))
    };
    let (_master, terminal) = match open() {
        Ok(pair) => pair,
        Err(errno) => return Seen::Stopped(format!("no terminal: {}", super::try_call::name(errno.raw_os_error()))),
    };
    match here.process.type_at(&terminal, b'x') {
        Ok(()) => Seen::Open("a byte was typed".into()),
        Err(ENOTTY) => Seen::Stopped("this is no terminal".into()),
        Err(errno) => Seen::Stopped(super::try_call::name(errno)),
    }
}

const AT_FDCWD: u64 = (-100i64).cast_unsigned();
