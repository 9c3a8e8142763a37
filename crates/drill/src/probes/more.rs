// SPDX-License-Identifier: Apache-2.0
//! Doors that the compared probes do not knock at: newer system calls, rare socket families, the same
//! calls by another ABI. Counted apart.

use kernel::probe::Arg::{In, Int, Out};

use super::errno::{EBADF, EINVAL};
use super::sockets::socket;
use super::{Row, Seen, row};
use crate::Class::{Attempt, Leak};

pub(super) const ROWS: &[Row] = &[
    row("af-rare", Attempt, "a socket of a rare family (CAN, RDS, TIPC, XDP, SMC, key, ...)", |here| {
        let found = RARE.iter().find(|(_, family, kind)| socket(here, *family, *kind, 0).is_open());
        match found {
            Some((name, ..)) => Seen::Open(format!("a socket of {name}")),
            None => Seen::most_telling(RARE.map(|(_, family, kind)| socket(here, family, kind, 0))),
        }
    }),
    row("i386-unshare", Attempt, "unshare(CLONE_NEWUSER) as a 32-bit call", |here| {
        match here.process.call_i386(310, [0x1000_0000, 0, 0]) {
            Ok(_) => Seen::Open("returned 0".into()),
            Err(errno) => Seen::refused(errno),
        }
    })
    .may_fault(),
    row("kexec-file", Attempt, "kexec_file_load(2)", |here| {
        here.knock_until(320, &mut [Int(u64::MAX), Int(u64::MAX), Int(0), Int(0), Int(0)], &[EBADF, EINVAL])
    })
    .wants("SYS_BOOT"),
    row("open_tree_attr", Attempt, "open_tree_attr(2), Linux 6.15", |here| {
        here.knock(467, &mut [Int((-100i64).cast_unsigned()), In(b"/\0"), Int(1), Int(0), Int(0)])
    })
    .wants("SYS_ADMIN"),
    row("fspick", Attempt, "fspick(2) of the root file system", |here| {
        here.knock(433, &mut [Int((-100i64).cast_unsigned()), In(b"/\0"), Int(0)])
    })
    .wants("SYS_ADMIN"),
    row("listmount", Leak, "every mount by listmount(2), Linux 6.8", |here| {
        // struct mnt_id_req: size 24, LSMT_ROOT.
        let mut request = [0u8; 24];
        request[..4].copy_from_slice(&24u32.to_le_bytes());
        request[8..16].copy_from_slice(&u64::MAX.to_le_bytes());
        let mut ids = [0u8; 512];
        here.knock(458, &mut [In(&request), Out(&mut ids), Int(64), Int(0)])
    }),
    row("lookup-dcookie", Leak, "paths of other programs by lookup_dcookie(2)", |here| {
        let mut path = [0u8; 64];
        here.knock_until(212, &mut [Int(0), Out(&mut path), Int(64)], &[EINVAL])
    })
    .wants("SYS_ADMIN"),
    row("sock-diag", Leak, "sockets of the network by netlink (SOCK_DIAG)", |here| {
        socket(here, NETLINK, 3, 4)
    }),
    row("nl-kobject", Leak, "device events of the host by netlink", |here| socket(here, NETLINK, 3, 15)),
];

/// Name, family, kind.
const RARE: [(&str, u64, u64); 9] = [
    ("AF_AX25", 3, 2),
    ("AF_KEY", 15, 3),
    ("AF_RDS", 21, 5),
    ("AF_CAN", 29, 3),
    ("AF_TIPC", 30, 5),
    ("AF_BLUETOOTH", 31, 3),
    ("AF_QIPCRTR", 42, 2),
    ("AF_SMC", 43, 1),
    ("AF_XDP", 44, 3),
];
const NETLINK: u64 = 16;
