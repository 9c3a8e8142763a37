// SPDX-License-Identifier: Apache-2.0
//! Every number on every entry point: the program answers what the policy says.

use super::super::{Abi, Arch, Call, ForeignAbi, Policy, Request, UserNamespace};
use super::{answer, data, said};

/// Native, foreign and x32 numbers, ARM's private ones, and the ends of each range.
fn numbers() -> impl Iterator<Item = u32> {
    let x32 = 0x4000_0000;
    let ends = [0x3fff_ffff, 0x4fff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u32::MAX];
    (0..1024).chain(x32..x32 + 1024).chain(0xeffff..0xf0009).chain(ends)
}

/// A machine that no table here knows: 64-bit RISC-V, and each known one with its byte order turned.
const ALIEN: [u32; 3] = [0xc000_00f3, 0x8000_003e, 0];

fn check(request: &Request<'_>) {
    let policy = Policy::built_in();
    let filter = policy.filter(request);
    let program = filter.clone().compile().unwrap();
    // Arguments are another test's; these two make most rules fall one way or the other.
    for arguments in [[0; 6], [2, 0x1_0000_5412, 0, 0, 0, 0]] {
        for number in numbers() {
            for arch in Abi::ALL.map(Abi::audit).into_iter().chain(ALIEN) {
                let mut call = data(Abi::X86_64, number, arguments);
                call.arch = arch;
                let expected = said(policy, request, &call);
                assert_eq!(filter.decide(&call), expected, "the filter, {call:x?}");
                assert_eq!(answer(&program, &call), expected, "the program, {call:x?}");
            }
        }
    }
}

fn both(change: impl Fn(&mut Request<'_>)) {
    for arch in [Arch::X86_64, Arch::Aarch64] {
        let mut request = Request::new(arch);
        change(&mut request);
        check(&request);
    }
}

#[test]
fn by_default() {
    both(|_| {});
}

#[test]
fn with_32_bit_programs() {
    both(|request| request.foreign_abi = ForeignAbi::Allowed);
}

#[test]
fn with_every_capability() {
    both(|request| request.capabilities = u64::MAX);
    both(|request| {
        request.capabilities = u64::MAX;
        request.user_namespace = UserNamespace::Host;
        request.foreign_abi = ForeignAbi::Allowed;
    });
}

#[test]
fn with_calls_asked_for_by_name() {
    let named = |name| Call::named(name).unwrap();
    let notify = [named("sysinfo"), named("sched_getaffinity"), named("socket"), named("bpf")];
    let (allow, refuse) =
        ([named("keyctl"), named("mknod"), named("splice")], [named("splice"), named("chown")]);
    for arch in [Arch::X86_64, Arch::Aarch64] {
        check(&Request { notify: &notify, allow: &allow, refuse: &refuse, ..Request::new(arch) });
    }
}
