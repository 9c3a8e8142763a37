// SPDX-License-Identifier: Apache-2.0
//! Socket families that reach the network's or the kernel's insides.

use kernel::probe::Arg::Int;

use super::{Here, Row, Seen, row};
use crate::Class::{Attempt, Posture};
use crate::Wall;

pub(super) const ROWS: &[Row] = &[
    row("raw-icmp", Attempt, "a raw IP socket", |here| socket(here, INET, RAW, 1)).wants("NET_RAW"),
    row("af-packet", Attempt, "a packet socket (sniff, spoof ARP)", |here| socket(here, 17, RAW, 0))
        .wants("NET_RAW"),
    row("af-alg", Attempt, "the kernel's crypto (AF_ALG, CVE-2026-31431)", |here| {
        socket(here, ALG, SEQPACKET, 0)
    }),
    row("af-vsock", Attempt, "the virtual machine's host (AF_VSOCK)", |here| socket(here, VSOCK, STREAM, 0)),
    row("nl-audit", Attempt, "netlink to the audit system", |here| socket(here, NETLINK, RAW, 9)),
    row("nl-netfilter", Attempt, "netlink to the firewall", |here| socket(here, NETLINK, RAW, 12)),
    row("nl-xfrm", Attempt, "netlink to IPsec (CVE-2026-43284)", |here| socket(here, NETLINK, RAW, 6)),
    row("i386-alg", Attempt, "AF_ALG through the 32-bit socketcall", |here| socketcall(here, 38, 5))
        .may_fault(),
    row("i386-vsock", Attempt, "AF_VSOCK through the 32-bit socketcall", |here| socketcall(here, 40, 1))
        .may_fault(),
    row("i386-abi", Posture, "any 32-bit system call", |here| match here.process.call_i386(20, [0; 3]) {
        Ok(pid) => Seen::Open(format!("getpid by int 0x80 gave {pid}")),
        Err(errno) => Seen::refused(errno),
    })
    .may_fault(),
    row("x32-abi", Posture, "an x32 system call", |here| here.knock(0x4000_0000 + 39, &mut [])),
    row("net-route", Posture, "a way out through the host", net_route).held(&[Wall::NetworkNamespace]),
];

pub(super) fn socket(here: &Here<'_>, family: u64, kind: u64, protocol: u64) -> Seen {
    here.knock(SOCKET, &mut [Int(family), Int(kind), Int(protocol)])
}

fn socketcall(here: &Here<'_>, family: u32, kind: u32) -> Seen {
    let Some(address) = here.process.low_words([family, kind, 0]) else {
        return Seen::Unknown("no memory below 4 GiB".into());
    };
    match here.process.call_i386(102, [1, address, 0]) {
        Ok(fd) => Seen::Open(format!("descriptor {fd}")),
        Err(errno) => Seen::refused(errno),
    }
}

/// A default route, of either protocol, that is not the one to nowhere.
fn net_route(_: &Here<'_>) -> Seen {
    let routes = match std::fs::read_to_string("/proc/net/route") {
        Ok(routes) => routes,
        Err(error) => return Seen::Unknown(format!("/proc/net/route: {error}")),
    };
    let fourth = routes.lines().skip(1).any(|line| line.split('\t').nth(1) == Some("00000000"));
    let routes = match std::fs::read_to_string("/proc/net/ipv6_route") {
        Ok(routes) => routes,
        // A kernel without IPv6 has no such file and no such route.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Seen::Unknown(format!("/proc/net/ipv6_route: {error}")),
    };
    let sixth = routes.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let nowhere = fields.last() == Some(&"lo");
        fields.get(1) == Some(&"00") && fields[0].bytes().all(|digit| digit == b'0') && !nowhere
    });
    let evidence = if fourth || sixth { "there is a default route" } else { "no default route" };
    Seen::open_if(fourth || sixth, evidence)
}

const SOCKET: i64 = 41;
const INET: u64 = 2;
const NETLINK: u64 = 16;
const ALG: u64 = 38;
const VSOCK: u64 = 40;
const STREAM: u64 = 1;
const RAW: u64 = 3;
const SEQPACKET: u64 = 5;
