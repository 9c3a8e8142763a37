// SPDX-License-Identifier: Apache-2.0
//! Profiles by others: Docker's JSON (`--security-opt seccomp=FILE`) and `linux.seccomp` of the OCI runtime spec.
//!
//! Both become the same [`Filter`] as our own policy. They are taken as libseccomp and runc take them, with these
//! differences, all to the strict side:
//!
//! - Where several rules for a call hold, the strictest decides, as among filters in the kernel. (libseccomp keeps
//!   an unconditional rule and silently drops the others.)
//! - Two conditions on one argument in one rule are an error: runc reads them as OR, the specification as AND.
//! - The other ABIs that a profile lists are open only if the [`Request`] opens them too.
//! - A name that no table here has is an error where leaving it out would let a call through, and is told
//!   ([`Profile::ignored`]) where that only refuses it.
//!
//! As in runc, numbers newer than the newest call that a restrictive profile names get ENOSYS, so that an old
//! profile does not break a new libc.

mod multiplexer;
mod text;

use std::borrow::Cow;

use super::action::Action;
use super::call::{Abi, Arch, Call};
use super::error::Error;
use super::filter::{Answer, AnswerId, FOREIGN, Filter, Numbering};
use super::request::{ForeignAbi, Request};
use super::rule::Rule;

/// A profile that was read, for any machine and container.
#[derive(Debug, Clone)]
pub struct Profile {
    default: Action,
    /// The entry points that it lists for whatever machine,
    abis: Vec<Abi>,
    /// or for each machine by its native one.
    arch_map: Vec<(Abi, Vec<Abi>)>,
    rules: Vec<ProfileRule>,
    ignored: Vec<String>,
    flags: u32,
    listener: Option<Listener>,
}

/// Who answers the calls that a profile hands to a supervisor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The socket to which the descriptor is sent.
    pub path: String,
    /// What is sent along.
    pub metadata: String,
}

#[derive(Debug, Clone)]
struct ProfileRule {
    calls: Vec<Call>,
    rule: Rule,
    includes: Circumstances,
    excludes: Circumstances,
}

/// When a rule counts.
#[derive(Debug, Clone, Default)]
struct Circumstances {
    capabilities: u64,
    /// Empty: any.
    machines: Vec<String>,
    kernel: Option<(u32, u32)>,
}

impl Profile {
    /// Reads a profile.
    ///
    /// # Errors
    /// When it is no JSON, has fields that neither format has, or says what cannot be expressed or has no one
    /// meaning.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        text::read(json)
    }

    /// Takes a profile out of a larger document, such as `linux.seccomp` of an OCI `config.json`.
    ///
    /// # Errors
    /// As [`Profile::parse`].
    pub fn from_value(json: serde_json::Value) -> Result<Self, Error> {
        text::take(json)
    }

    /// Names of calls that were left out since no table here has them. They get ENOSYS or the profile's default,
    /// which is at least as strict as what the profile says of them.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// Where the descriptor for notifications is to be sent, if the profile has any.
    pub fn listener(&self) -> Option<&Listener> {
        self.listener.as_ref()
    }

    /// The filter for one container.
    pub fn filter(&self, request: &Request<'_>) -> Filter<'static> {
        let mut filter = Filter::with_flags(self.flags);
        let default = filter.intern(Answer::Flat(self.default));
        let mut calls = vec![default; Call::COUNT];
        let rules = self.rules_by_call(request);
        for (call, rules) in Call::all().zip(&rules).filter(|(_, rules)| !rules.is_empty()) {
            calls[call.index()] = filter.intern(strictest(rules, self.default));
        }
        request.amend(&mut filter, &mut calls);

        let mut named = vec![false; Call::COUNT];
        self.rules.iter().flat_map(|one| &one.calls).for_each(|call| named[call.index()] = true);
        let opened = self.abis(request);
        let own: Vec<_> = opened
            .iter()
            .map(|abi| self.with_unheard_of(&mut filter, *abi, default, calls.clone(), &named))
            .collect();
        let numberings: Vec<_> = own.iter().map(Own::numbering).collect();
        for section in numberings.chunk_by(|one, other| one.abi.audit() == other.abi.audit()) {
            filter.add_section(section);
        }
        filter
    }

    /// The rules that count in `request`, by [`Call::index`].
    fn rules_by_call(&self, request: &Request<'_>) -> Vec<Vec<Rule>> {
        let mut rules = vec![Vec::new(); Call::COUNT];
        for one in self.rules.iter().filter(|one| one.counts(request)) {
            for call in &one.calls {
                rules[call.index()].push(one.rule);
                if let Some((multiplexer, rule)) = multiplexer::rule_for(*call, one.rule, self.default) {
                    rules[multiplexer.index()].push(rule);
                }
            }
        }
        rules
    }

    /// The entry points that both the profile and the request open, those that share one beside each other.
    fn abis(&self, request: &Request<'_>) -> Vec<Abi> {
        let native = request.arch.abi();
        let mapped = self.arch_map.iter().find(|(abi, _)| *abi == native).map(|(_, subordinate)| subordinate);
        let listed = mapped.unwrap_or(&self.abis);
        let others = [Abi::X32, request.arch.foreign_abi()];
        let open = |abi: &Abi| request.foreign_abi == ForeignAbi::Allowed && listed.contains(abi);
        let fits = |abi: &Abi| *abi != Abi::X32 || request.arch == Arch::X86_64;
        std::iter::once(native).chain(others.into_iter().filter(fits).filter(open)).collect()
    }

    /// The answers on one ABI, where what is newer than the profile does not exist.
    fn with_unheard_of(
        &self,
        filter: &mut Filter<'_>,
        abi: Abi,
        default: AnswerId,
        mut calls: Vec<AnswerId>,
        named: &[bool],
    ) -> Own {
        let numbered = || Call::all().filter_map(|call| Some((call, call.number(abi)?)));
        let public = numbered().filter(|(_, number)| *number - abi.marker() < FIRST_PRIVATE);
        let newest = public.filter(|(call, _)| named[call.index()]).map(|(_, number)| number).max();
        let (newest, unheard_of) = match newest {
            Some(newest) if self.default < Action::Notify => (newest, filter.intern(Answer::Flat(FOREIGN))),
            _ => (u32::MAX, default),
        };
        for (call, number) in numbered() {
            if number > newest && !named[call.index()] && calls[call.index()] == default {
                calls[call.index()] = unheard_of;
            }
        }
        Own { abi, calls, unknown: default, newest, unheard_of }
    }
}

/// What [`Numbering`] borrows.
struct Own {
    abi: Abi,
    calls: Vec<AnswerId>,
    unknown: AnswerId,
    newest: u32,
    unheard_of: AnswerId,
}

impl Own {
    fn numbering(&self) -> Numbering<'_> {
        Numbering {
            abi: self.abi,
            calls: &self.calls,
            unknown: self.unknown,
            newest: self.newest,
            unheard_of: self.unheard_of,
        }
    }
}

/// One answer from several rules: the strictest that holds.
fn strictest(rules: &[Rule], default: Action) -> Answer<'static> {
    let mut rules = rules.to_vec();
    rules.sort_by_key(Rule::action);
    let always = rules.iter().position(|rule| rule.conditions().next().is_none());
    let otherwise = always.map_or(default, |at| rules[at].action());
    rules.truncate(always.unwrap_or(rules.len()));
    if rules.is_empty() {
        Answer::Flat(otherwise)
    } else {
        Answer::Inspect { rules: Cow::Owned(rules), otherwise }
    }
}

impl ProfileRule {
    /// Docker's reading: every included capability, one of the included machines, no excluded thing.
    fn counts(&self, request: &Request<'_>) -> bool {
        let machine = match request.arch {
            Arch::X86_64 => "amd64",
            Arch::Aarch64 => "arm64",
        };
        let named = |machines: &[String]| machines.iter().any(|name| name == machine);
        let (includes, excludes) = (&self.includes, &self.excludes);
        request.capabilities & includes.capabilities == includes.capabilities
            && request.capabilities & excludes.capabilities == 0
            && (includes.machines.is_empty() || named(&includes.machines))
            && !named(&excludes.machines)
            && includes.kernel.is_none_or(|oldest| request.kernel >= oldest)
            && excludes.kernel.is_none_or(|oldest| request.kernel < oldest)
    }
}

/// From here on numbers are ARM's private calls, which say nothing about age.
const FIRST_PRIVATE: u32 = 0xf0000;
