// SPDX-License-Identifier: Apache-2.0
//! Short constructors that run at build time, so that `table.rs` reads nearly like the file it is made from.

use std::borrow::Cow;

use super::action::{Action, Errno};
use super::call::{Call, call};
use super::capability::Capability;
use super::policy::{Entry, Lift, Scope};
use super::rule::{Condition, Rule, Test};

pub(super) const ALLOW: Action = Action::Allow;

/// Refused with this error number.
pub(super) const fn errno(number: u32) -> Action {
    match Errno::new(number) {
        Some(errno) => Action::Refuse(errno),
        None => panic!("no such error number"),
    }
}

/// The calls with these names. An unknown name stops the build.
pub(super) const fn calls<const N: usize>(names: [&str; N]) -> [Call; N] {
    let mut calls = [call(names[0]); N];
    let mut at = 1;
    while at < N {
        calls[at] = call(names[at]);
        at += 1;
    }
    calls
}

pub(super) const fn is(argument: u8, mask: u64, value: u64) -> Condition {
    Condition { argument, mask, test: Test::Is, value }
}

pub(super) const fn is_not(argument: u8, mask: u64, value: u64) -> Condition {
    Condition { argument, mask, test: Test::IsNot, value }
}

pub(super) const fn rule(when: &[Condition], action: Action) -> Rule {
    match Rule::new(when, action) {
        Some(rule) => rule,
        None => panic!("too many conditions"),
    }
}

pub(super) const fn entry(
    calls: &'static [Call],
    rules: &'static [Rule],
    otherwise: Action,
    reason: &'static str,
) -> Entry {
    Entry {
        calls: Cow::Borrowed(calls),
        rules: Cow::Borrowed(rules),
        otherwise,
        reason: Cow::Borrowed(reason),
    }
}

pub(super) const fn lift(
    capability: u8,
    scope: Scope,
    calls: &'static [Call],
    rules: &'static [Rule],
    reason: &'static str,
) -> Lift {
    Lift {
        capability: Capability::bit(capability),
        scope,
        calls: Cow::Borrowed(calls),
        rules: Cow::Borrowed(rules),
        reason: Cow::Borrowed(reason),
    }
}
