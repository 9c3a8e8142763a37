// SPDX-License-Identifier: Apache-2.0
//! Our own policy: every call that exists, decided by name, with the reason.
//!
//! A policy decides each call exactly once, so no order of entries matters and none can shadow another. What it
//! does not decide does not exist yet: a number that no table here has is answered with ENOSYS, so that a
//! program built for a newer kernel falls back as it would on an older one.

use std::borrow::Cow;

use super::action::Action;
use super::call::Call;
use super::capability::Capability;
use super::error::Error;
use super::filter::{Answer, AnswerId, FOREIGN, Filter, Numbering};
use super::request::{ForeignAbi, Grant, Lifted, Request, UserNamespace};
use super::rule::Rule;
use super::table;

/// What is allowed, with arguments or without, what is refused, and what a capability opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    pub(super) entries: Cow<'static, [Entry]>,
    pub(super) lifts: Cow<'static, [Lift]>,
}

/// Calls that are decided alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which.
    pub calls: Cow<'static, [Call]>,
    /// The first of these that holds decides.
    pub rules: Cow<'static, [Rule]>,
    /// And this where none holds.
    pub otherwise: Action,
    /// Why, in a sentence.
    pub reason: Cow<'static, str>,
}

/// Calls that somebody gets back with a capability.
///
/// A capability is not a wish to have every call that it makes useful. What is not listed here stays shut, and what
/// is listed is reported as lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lift {
    /// With which.
    pub capability: Capability,
    /// In which user namespace it must hold to be of any use.
    pub scope: Scope,
    /// Which calls.
    pub calls: Cow<'static, [Call]>,
    /// Put before the rules of these calls. None: the calls are allowed whatever their arguments.
    pub rules: Cow<'static, [Rule]>,
    /// Why, in a sentence.
    pub reason: Cow<'static, str>,
}

/// Where the kernel looks for a capability.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In the user namespace that owns what is acted on, which may be the container's.
    Container,
    /// In the first user namespace only. In a container with its own, the call fails all the same, so its rule
    /// is not lifted there.
    Host,
}

impl Policy {
    /// `policies/seccomp.toml`, read at build time.
    pub fn built_in() -> &'static Self {
        &table::POLICY
    }

    /// The entries, in the order of the file.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The lifts, in the order of the file.
    pub fn lifts(&self) -> &[Lift] {
        &self.lifts
    }

    /// A policy of these parts.
    ///
    /// # Errors
    /// When a call stands twice or not at all, or an entry has no calls or no reason.
    pub fn new(entries: Vec<Entry>, lifts: Vec<Lift>) -> Result<Self, Error> {
        let said = entries.iter().map(|entry| (&entry.calls, &entry.reason));
        for (calls, reason) in said.chain(lifts.iter().map(|lift| (&lift.calls, &lift.reason))) {
            complete(calls, reason)?;
        }
        let mut decided = vec![false; Call::COUNT];
        for call in entries.iter().flat_map(|entry| entry.calls.iter()) {
            if std::mem::replace(&mut decided[call.index()], true) {
                return Err(Error::CallTwice { name: call.name() });
            }
        }
        let undecided: Vec<_> = Call::all().filter(|call| !decided[call.index()]).map(Call::name).collect();
        if undecided.is_empty() {
            Ok(Self { entries: entries.into(), lifts: lifts.into() })
        } else {
            Err(Error::Undecided { names: undecided.join(", ") })
        }
    }

    /// The filter for one container.
    pub fn filter<'p>(&'p self, request: &Request<'_>) -> Filter<'p> {
        let mut filter = Filter::default();
        let closed = filter.intern(Answer::Flat(FOREIGN));
        let mut calls = vec![closed; Call::COUNT];
        self.decide(&mut filter, &mut calls);
        self.lift(&mut filter, &mut calls, request);
        request.amend(&mut filter, &mut calls);

        let numbering =
            |abi| Numbering { abi, calls: &calls, unknown: closed, newest: u32::MAX, unheard_of: closed };
        filter.add_section(&[numbering(request.arch.abi())]);
        if request.foreign_abi == ForeignAbi::Allowed {
            filter.add_section(&[numbering(request.arch.foreign_abi())]);
        }
        filter
    }

    fn decide<'p>(&'p self, filter: &mut Filter<'p>, calls: &mut [AnswerId]) {
        for entry in self.entries.iter() {
            let answer = filter.intern(entry.answer());
            for call in entry.calls.iter() {
                calls[call.index()] = answer;
            }
        }
    }

    /// What the capabilities of `request` open, each with its reason.
    pub fn lifted(&self, request: &Request<'_>) -> Vec<Lifted> {
        self.lifts.iter().filter(|lift| lift.applies(request)).map(Lift::told).collect()
    }

    fn lift<'p>(&'p self, filter: &mut Filter<'p>, calls: &mut [AnswerId], request: &Request<'_>) {
        for lift in self.lifts.iter().filter(|lift| lift.applies(request)) {
            for call in lift.calls.iter() {
                let answer = lift.open(filter.answer(calls[call.index()]));
                calls[call.index()] = filter.intern(answer);
            }
            filter.lifted.push(lift.told());
        }
    }
}

impl Entry {
    fn answer(&self) -> Answer<'_> {
        if self.rules.is_empty() {
            Answer::Flat(self.otherwise)
        } else {
            Answer::Inspect { rules: Cow::Borrowed(&self.rules), otherwise: self.otherwise }
        }
    }
}

impl Lift {
    fn applies(&self, request: &Request<'_>) -> bool {
        let reaches = self.scope == Scope::Container || request.user_namespace == UserNamespace::Host;
        reaches && request.capabilities & self.capability.mask() != 0
    }

    fn told(&self) -> Lifted {
        Lifted {
            by: Grant::Capability(self.capability),
            calls: self.calls.clone(),
            reason: self.reason.clone(),
        }
    }

    /// The answer `before`, opened.
    fn open<'p>(&'p self, before: &Answer<'p>) -> Answer<'p> {
        if self.rules.is_empty() {
            return Answer::Flat(Action::Allow);
        }
        match before {
            Answer::Flat(otherwise) => {
                Answer::Inspect { rules: Cow::Borrowed(&self.rules), otherwise: *otherwise }
            }
            Answer::Inspect { rules, otherwise } => Answer::Inspect {
                rules: self.rules.iter().chain(rules.iter()).copied().collect(),
                otherwise: *otherwise,
            },
        }
    }
}

fn complete(calls: &[Call], reason: &str) -> Result<(), Error> {
    if calls.is_empty() {
        Err(Error::NoCalls { reason: reason.to_owned() })
    } else if reason.trim().is_empty() {
        let names: Vec<_> = calls.iter().map(|call| call.name()).collect();
        Err(Error::NoReason { calls: names.join(", ") })
    } else {
        Ok(())
    }
}
