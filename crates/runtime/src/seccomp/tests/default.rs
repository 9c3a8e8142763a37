// SPDX-License-Identifier: Apache-2.0
//! What the built-in policy refuses and allows, by name, as the research that led to it asks.

use super::super::{
    Abi, Action, Arch, Call, Capability, Errno, ForeignAbi, Policy, Program, Request, UserNamespace,
};
use super::{answer, answer_to, data};

const NATIVE: Abi = Abi::X86_64;
const HIGH: u64 = 0xdead_beef_0000_0000;

fn default() -> Program {
    Policy::built_in().compile(&Request::new(Arch::X86_64)).unwrap()
}

fn with_32_bit_programs() -> Program {
    let request = Request { foreign_abi: ForeignAbi::Allowed, ..Request::new(Arch::X86_64) };
    Policy::built_in().compile(&request).unwrap()
}

fn with_capabilities(names: &[&str], user_namespace: UserNamespace) -> Program {
    let capabilities = names.iter().map(|name| Capability::named(name).unwrap().mask()).sum();
    let request = Request { capabilities, user_namespace, ..Request::new(Arch::X86_64) };
    Policy::built_in().compile(&request).unwrap()
}

fn refused(errno: &str) -> Action {
    Action::Refuse(Errno::named(errno).unwrap())
}

/// Checks rows of call, arguments and expected answer (`allow` or an error).
fn check(program: &Program, abi: Abi, rows: &[(&str, &[u64], &str)]) {
    for (name, arguments, expected) in rows {
        let expected = if *expected == "allow" { Action::Allow } else { refused(expected) };
        assert_eq!(answer_to(program, abi, name, arguments), expected, "{name}({arguments:x?}) on {abi:?}");
    }
}

#[test]
fn rare_socket_families_are_refused() {
    let rows: &[(&str, &[u64], &str)] = &[
        ("socket", &[1, 1, 0], "allow"),
        ("socket", &[2, 1 | 0x80000, 6], "allow"),
        ("socket", &[10, 2 | 0x800, 17], "allow"),
        ("socket", &[2, 2, 1], "allow"),
        ("socket", &[10, 2, 58], "allow"),
        ("socket", &[16, 3, 0], "allow"),
        ("socket", &[16, 3, 9], "EPROTONOSUPPORT"),
        ("socket", &[16, 3, 12], "EPROTONOSUPPORT"),
        ("socket", &[16, 3, 6], "EPROTONOSUPPORT"),
        ("socket", &[2, 3, 1], "EPERM"),
        ("socket", &[10, 3 | 0x80000, 58], "EPERM"),
        ("socket", &[2, 10, 0x300], "EPERM"),
        ("socket", &[2, 1, 132], "EPROTONOSUPPORT"),
        ("socket", &[2, 1, 256], "EPROTONOSUPPORT"),
        ("socket", &[2, 1, 262], "EPROTONOSUPPORT"),
        ("socket", &[2, 5, 132], "EPROTONOSUPPORT"),
        ("socket", &[2, 2, 115], "EPROTONOSUPPORT"),
        ("socketpair", &[1, 1, 0], "allow"),
        ("socketpair", &[30, 1, 0], "EAFNOSUPPORT"),
    ];
    for (program, abi) in [(default(), NATIVE), (with_32_bit_programs(), Abi::I386)] {
        check(&program, abi, rows);
        // AX.25 to MCTP, all but the four above: AF_KEY, AF_PACKET, AF_TIPC, AF_ALG, AF_VSOCK, AF_XDP and so on.
        for family in (0..64).filter(|family| ![1, 2, 10, 16].contains(family)) {
            for family in [family, family | HIGH] {
                check(&program, abi, &[("socket", &[family, 3, 0], "EAFNOSUPPORT")]);
            }
        }
    }
}

/// CVE-2026-31431: the native call was refused, the same through the 32-bit multiplexer was not.
#[test]
fn the_32_bit_way_to_a_socket_is_shut() {
    let socketcall = Call::named("socketcall").unwrap();
    assert!(socketcall.number(NATIVE).is_none());
    for sub_call in [1, 8, 1 | HIGH] {
        check(&with_32_bit_programs(), Abi::I386, &[("socketcall", &[sub_call, 0x1000], "EAFNOSUPPORT")]);
    }
    check(&with_32_bit_programs(), Abi::I386, &[("socketcall", &[3, 0x1000], "allow")]);
    check(&default(), Abi::I386, &[("socketcall", &[3, 0x1000], "ENOSYS"), ("getpid", &[], "ENOSYS")]);
}

#[test]
fn x32_is_shut_even_where_32_bit_programs_run() {
    for program in [default(), with_32_bit_programs()] {
        for call in Call::all() {
            if let Some(number) = call.number(Abi::X32) {
                assert_eq!(answer(&program, &data(Abi::X32, number, [0; 6])), refused("ENOSYS"), "{call}");
            }
        }
    }
}

/// CVE-2019-10063: the kernel reads the request as 32 bits, so a comparison of all 64 is none.
#[test]
fn terminal_input_cannot_be_forged_with_high_bits() {
    for request in [0x5412, 0x541c, 0x5423] {
        for high in [0, HIGH, 0x1_0000_0000, 0xffff_ffff_0000_0000] {
            check(&default(), NATIVE, &[("ioctl", &[0, request | high, 0], "EPERM")]);
            check(&with_32_bit_programs(), Abi::I386, &[("ioctl", &[0, request | high, 0], "EPERM")]);
        }
    }
    check(&default(), NATIVE, &[("ioctl", &[0, 0x5401, 0], "allow"), ("ioctl", &[0, 0x5413, 0], "allow")]);
}

#[test]
fn no_way_makes_a_namespace() {
    let kinds = [0x2_0000u64, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000];
    let every = &["SYS_ADMIN", "SYS_PTRACE", "NET_ADMIN", "SYS_CHROOT"];
    for program in [default(), with_capabilities(every, UserNamespace::Host)] {
        for kind in kinds {
            let rows: &[(&str, &[u64], &str)] = &[
                ("clone", &[kind | 17], "EPERM"),
                ("clone", &[kind | HIGH | 0x100], "EPERM"),
                ("unshare", &[kind], "EPERM"),
                ("unshare", &[kind | 0x400], "EPERM"),
                ("setns", &[3, kind], "EPERM"),
            ];
            check(&program, NATIVE, rows);
        }
        let rows: &[(&str, &[u64], &str)] = &[
            ("unshare", &[0x80], "EPERM"),
            ("unshare", &[0x200], "allow"),
            ("clone", &[0x3d_0f00], "allow"),
            ("clone", &[0x1200011], "allow"),
            ("clone3", &[], "ENOSYS"),
        ];
        check(&program, NATIVE, rows);
    }
}

#[test]
fn arguments_that_turn_a_harmless_call_into_another() {
    let rows: &[(&str, &[u64], &str)] = &[
        ("mknod", &[0, 0o010644, 0], "allow"),
        ("mknod", &[0, 0o140644, 0], "allow"),
        ("mknod", &[0, 0o644, 0], "allow"),
        ("mknod", &[0, 0o060644, 0x801], "EPERM"),
        ("mknod", &[0, 0o020666 | HIGH, 0x101], "EPERM"),
        ("mknodat", &[0, 0, 0o060644], "EPERM"),
        // The kernel takes the mode as 16 bits.
        ("mknodat", &[0, 0, 0o020666 | 0x7_0000], "EPERM"),
        ("mknodat", &[0, 0, 0o010644], "allow"),
        ("memfd_create", &[0, 1], "allow"),
        ("memfd_create", &[0, 0xb], "allow"),
        ("memfd_create", &[0, 0x10 | HIGH], "EACCES"),
        ("personality", &[0], "allow"),
        ("personality", &[0xffff_ffff], "allow"),
        ("personality", &[u64::MAX], "allow"),
        ("personality", &[8], "allow"),
        ("personality", &[0x4_0000], "EPERM"),
        ("personality", &[0x40_0000], "EPERM"),
        ("personality", &[0x2_0000], "EPERM"),
        ("setsockopt", &[3, 1, 2], "allow"),
        ("setsockopt", &[3, 6, 1], "allow"),
        ("setsockopt", &[3, 6, 31], "ENOENT"),
        ("setsockopt", &[3, 0, 64], "EPERM"),
        ("setsockopt", &[3, 41 | HIGH, 64 | HIGH], "EPERM"),
    ];
    check(&default(), NATIVE, rows);
}

#[test]
fn what_escapes_are_made_of_is_refused() {
    let names = "\
        mount umount2 pivot_root fsopen fsconfig fsmount fspick open_tree open_tree_attr move_mount \
        mount_setattr chroot ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd bpf perf_event_open \
        io_uring_setup io_uring_enter io_uring_register userfaultfd keyctl add_key request_key \
        name_to_handle_at open_by_handle_at fanotify_init fanotify_mark settimeofday clock_settime adjtimex \
        clock_adjtime sethostname setdomainname syslog reboot init_module finit_module delete_module \
        kexec_load kexec_file_load swapon swapoff acct iopl ioperm quotactl vhangup";
    for name in names.split_whitespace() {
        check(&default(), NATIVE, &[(name, &[], "EPERM")]);
    }
    let absent = "\
        clone3 statmount listmount modify_ldt vmsplice tee remap_file_pages memfd_secret mbind set_mempolicy \
        migrate_pages move_pages mq_open mq_notify lookup_dcookie uselib";
    for name in absent.split_whitespace() {
        check(&default(), NATIVE, &[(name, &[], "ENOSYS")]);
    }
}

/// A number that is newer than the policy is not there, so that libc falls back.
#[test]
fn unheard_of_calls_do_not_exist() {
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let program = Policy::built_in().compile(&Request::new(arch)).unwrap();
        for number in 472..2000 {
            assert_eq!(answer(&program, &data(arch.abi(), number, [0; 6])), refused("ENOSYS"), "{number}");
        }
    }
}

#[test]
fn a_capability_opens_what_it_says_and_no_more() {
    let rows: &[(&[&str], &str, &[u64], &str)] = &[
        (&["SYS_ADMIN"], "mount", &[], "allow"),
        (&["SYS_ADMIN"], "bpf", &[], "EPERM"),
        (&["SYS_ADMIN"], "fanotify_init", &[], "EPERM"),
        (&["SYS_ADMIN"], "pivot_root", &[], "EPERM"),
        (&["SYS_PTRACE"], "ptrace", &[], "allow"),
        (&["SYS_CHROOT"], "chroot", &[], "allow"),
        (&["NET_RAW"], "socket", &[2, 3, 1], "allow"),
        (&["NET_RAW"], "socket", &[17, 3, 0x300], "allow"),
        (&["NET_RAW"], "socket", &[38, 5, 0], "EAFNOSUPPORT"),
        (&["NET_RAW"], "socket", &[16, 3, 12], "EPROTONOSUPPORT"),
        (&["NET_ADMIN"], "socket", &[16, 3, 12], "allow"),
        (&["NET_ADMIN"], "socket", &[16, 3, 6], "EPROTONOSUPPORT"),
        (&["NET_ADMIN"], "socket", &[2, 3, 1], "EPERM"),
        (&["NET_ADMIN", "NET_RAW"], "socket", &[2, 3, 1], "allow"),
        (&["NET_ADMIN", "NET_RAW"], "socket", &[16, 3, 12], "allow"),
        (&["NET_ADMIN"], "setsockopt", &[3, 0, 64], "allow"),
        (&["NET_ADMIN"], "setsockopt", &[3, 6, 31], "ENOENT"),
        // Of no use in a user namespace of one's own, so not lifted there.
        (&["SYS_TIME"], "clock_settime", &[], "EPERM"),
        (&["SYS_MODULE"], "init_module", &[], "EPERM"),
        (&["BPF"], "bpf", &[], "EPERM"),
        (&["MKNOD"], "mknod", &[0, 0o060644], "EPERM"),
        (&["DAC_READ_SEARCH"], "open_by_handle_at", &[], "EPERM"),
    ];
    for (capabilities, name, arguments, expected) in rows {
        check(&with_capabilities(capabilities, UserNamespace::Own), NATIVE, &[(name, arguments, expected)]);
    }
    for (capability, name) in
        [("SYS_TIME", "clock_settime"), ("BPF", "bpf"), ("MKNOD", "mknod"), ("SYS_ADMIN", "quotactl")]
    {
        let program = with_capabilities(&[capability], UserNamespace::Host);
        check(&program, NATIVE, &[(name, &[0, 0o060644], "allow")]);
    }
}

#[test]
fn what_was_lifted_is_told() {
    assert_eq!(default().lifted, []);
    let told = |program: &Program| program.lifted.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        told(&with_capabilities(&["SYS_CHROOT", "SYS_TIME"], UserNamespace::Own)),
        ["SYS_CHROOT opens chroot: sshd, vsftpd and postfix lock their workers up with it."]
    );
    let [keyctl, read] = ["keyctl", "read"].map(|name| Call::named(name).unwrap());
    let request = Request { allow: &[keyctl, read], ..Request::new(Arch::X86_64) };
    let program = Policy::built_in().compile(&request).unwrap();
    assert_eq!(told(&program), ["the user opened keyctl: asked for by name"], "read was open before");
}

#[test]
fn a_supervisor_is_asked_only_where_the_call_would_be_made() {
    let notify = ["sysinfo", "sched_getaffinity", "socket", "mount"].map(|name| Call::named(name).unwrap());
    let program =
        Policy::built_in().compile(&Request { notify: &notify, ..Request::new(Arch::X86_64) }).unwrap();
    assert!(program.notifies());
    assert!(!default().notifies());
    for (name, arguments, expected) in [
        ("sysinfo", [0, 0, 0], Action::Notify),
        ("sched_getaffinity", [0, 0, 0], Action::Notify),
        ("socket", [1, 1, 0], Action::Notify),
        ("socket", [38, 1, 0], refused("EAFNOSUPPORT")),
        ("mount", [0, 0, 0], refused("EPERM")),
        ("sched_setaffinity", [0, 0, 0], Action::Allow),
    ] {
        assert_eq!(answer_to(&program, NATIVE, name, &arguments), expected, "{name}");
    }
}
