// SPDX-License-Identifier: Apache-2.0
//! What one container needs of a filter, and what it was given beyond the default.

use std::borrow::Cow;
use std::fmt;

use super::action::{Action, Errno};
use super::call::{Arch, Call};
use super::capability::Capability;
use super::filter::{Answer, AnswerId, Filter};

/// What a filter is made for.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The machine.
    pub arch: Arch,
    /// The container's bounding set, one bit each as in `CapBnd` of `/proc/PID/status`.
    pub capabilities: u64,
    /// Whose user namespace it runs in.
    pub user_namespace: UserNamespace,
    /// Whether 32-bit programs may run.
    pub foreign_abi: ForeignAbi,
    /// Calls that a supervisor answers wherever they would be allowed. A refusal stays a refusal.
    pub notify: &'a [Call],
    /// Calls to allow whatever their arguments, by the user's own word. Each shows as lifted.
    pub allow: &'a [Call],
    /// Calls to refuse with EPERM besides. Wins over `allow` and over capabilities.
    pub refuse: &'a [Call],
    /// Version and patch level of the running kernel, for profiles that ask (`minKernel`).
    /// [`Request::new`] has 0.0, older than any.
    pub kernel: (u32, u32),
}

impl Request<'_> {
    /// The strictest request on `arch`: no capabilities, a user namespace of its own, native programs only.
    pub fn new(arch: Arch) -> Self {
        Self {
            arch,
            capabilities: 0,
            user_namespace: UserNamespace::Own,
            foreign_abi: ForeignAbi::Refused,
            notify: &[],
            allow: &[],
            refuse: &[],
            kernel: (0, 0),
        }
    }

    /// Changes the answers, by [`Call::index`], as was asked for call by call.
    pub(super) fn amend(&self, filter: &mut Filter<'_>, calls: &mut [AnswerId]) {
        let allowed = filter.intern(Answer::Flat(Action::Allow));
        let refused = filter.intern(Answer::Flat(Action::Refuse(Errno::PERM)));
        let opened: Vec<Call> =
            self.allow.iter().copied().filter(|call| calls[call.index()] != allowed).collect();
        for call in self.allow {
            calls[call.index()] = allowed;
        }
        for call in self.refuse {
            calls[call.index()] = refused;
        }
        for call in self.notify {
            let asked = filter.answer(calls[call.index()]).clone().asking();
            calls[call.index()] = filter.intern(asked);
        }
        if !opened.is_empty() {
            filter.lifted.push(Lifted {
                by: Grant::User,
                calls: opened.into(),
                reason: "asked for by name".into(),
            });
        }
    }
}

impl Answer<'_> {
    /// The same, but wherever the call would be made a supervisor is asked first.
    fn asking(self) -> Self {
        let ask = |action: Action| if action.lets_through() { Action::Notify } else { action };
        match self {
            Answer::Flat(action) => Answer::Flat(ask(action)),
            Answer::Inspect { rules, otherwise } => {
                let mut rules = rules.into_owned();
                rules.iter_mut().for_each(|rule| *rule = rule.answering(ask(rule.action())));
                Answer::Inspect { rules: rules.into(), otherwise: ask(otherwise) }
            }
        }
    }
}

/// Whose user namespace a container runs in, which decides what its capabilities reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserNamespace {
    /// Its own.
    Own,
    /// The first one: capabilities are the real thing.
    Host,
}

/// Whether the other ABI of the machine (i386, 32-bit ARM) is open. x32 never is under our own policy: no
/// image ships programs for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignAbi {
    /// Every call through it is answered with ENOSYS.
    Refused,
    /// Its calls are decided by name, like the native ones: the image ships 32-bit programs.
    Allowed,
}

/// Calls that are open although the default shuts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lifted {
    /// What opened them.
    pub by: Grant,
    /// Which.
    pub calls: Cow<'static, [Call]>,
    /// Why that makes sense.
    pub reason: Cow<'static, str>,
}

/// What a call was opened by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// A capability that was added.
    Capability(Capability),
    /// The user, who named the call.
    User,
}

impl fmt::Display for Lifted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            Grant::Capability(capability) => write!(f, "{capability} opens ")?,
            Grant::User => f.write_str("the user opened ")?,
        }
        for (at, call) in self.calls.iter().enumerate() {
            write!(f, "{}{call}", if at == 0 { "" } else { ", " })?;
        }
        write!(f, ": {}", self.reason)
    }
}
