// SPDX-License-Identifier: Apache-2.0
//! The two calls of 32-bit x86 that are many: socketcall(2) and ipc(2).
//!
//! A profile speaks of `socket`; a 32-bit libc calls `socketcall` with the number of that sub-call. What is said of the
//! one has to hold for the other, or a profile that refuses a call leaves it open by its other name.

use super::super::action::Action;
use super::super::call::Call;
use super::super::rule::{Condition, Rule, Test};

/// A rule for a call that 32-bit x86 also has as a sub-call: what it means for the multiplexer.
///
/// The sub-call's arguments lie behind a pointer. So a rule with conditions refuses the sub-call altogether if it
/// is stricter than the default, and says nothing otherwise.
pub(super) fn rule_for(call: Call, rule: Rule, default: Action) -> Option<(Call, Rule)> {
    let (multiplexer, mask, sub_calls) = MULTIPLEXERS
        .iter()
        .find(|(_, _, sub_calls)| sub_calls.iter().any(|(name, _)| *name == call.name()))?;
    let (_, number) = sub_calls.iter().find(|(name, _)| *name == call.name())?;
    if rule.conditions().next().is_some() && rule.action() >= default {
        return None;
    }
    let condition = Condition { argument: 0, mask: *mask, test: Test::Is, value: *number };
    Some((Call::named(multiplexer).ok()?, Rule::new(&[condition], rule.action())?))
}

/// A call, which bits of its first argument name the sub-call, and the sub-calls (linux/net.h, linux/ipc.h).
type Multiplexer = (&'static str, u64, &'static [(&'static str, u64)]);

#[rustfmt::skip]
const MULTIPLEXERS: &[Multiplexer] = &[
    ("socketcall", Condition::INT, &[
        ("socket", 1), ("bind", 2), ("connect", 3), ("listen", 4), ("accept", 5), ("getsockname", 6), ("getpeername", 7),
        ("socketpair", 8), ("send", 9), ("recv", 10), ("sendto", 11), ("recvfrom", 12), ("shutdown", 13),
        ("setsockopt", 14), ("getsockopt", 15), ("sendmsg", 16), ("recvmsg", 17), ("accept4", 18), ("recvmmsg", 19),
        ("sendmmsg", 20),
    ]),
    // The upper half of the word is a version.
    ("ipc", 0xffff, &[
        ("semop", 1), ("semget", 2), ("semctl", 3), ("semtimedop", 4), ("msgsnd", 11), ("msgrcv", 12), ("msgget", 13),
        ("msgctl", 14), ("shmat", 21), ("shmdt", 22), ("shmget", 23), ("shmctl", 24),
    ]),
];
