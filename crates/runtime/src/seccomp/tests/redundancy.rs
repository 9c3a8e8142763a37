// SPDX-License-Identifier: Apache-2.0
//! Nothing in the policy is there for nothing: without any one entry, call, rule or lift, some answer is another.

use super::super::{
    Action, Arch, Call, Entry, Errno, Error, ForeignAbi, Policy, Request, Rule, UserNamespace,
};
use super::{data, said, telling_arguments};

/// The most that a container can be given, so that every lift counts.
fn request(arch: Arch) -> Request<'static> {
    Request { foreign_abi: ForeignAbi::Allowed, user_namespace: UserNamespace::Host, ..Request::new(arch) }
}

/// Whether the two policies ever answer differently to `call`.
fn differ(one: &Policy, other: &Policy, call: Call, rules: &[Rule], capabilities: u64) -> bool {
    [Arch::X86_64, Arch::Aarch64].iter().any(|arch| {
        let request = Request { capabilities, ..request(*arch) };
        [arch.abi(), arch.foreign_abi()].iter().any(|abi| {
            let Some(number) = call.number(*abi) else { return false };
            telling_arguments(rules).any(|arguments| {
                let data = data(*abi, number, arguments);
                said(one, &request, &data) != said(other, &request, &data)
            })
        })
    })
}

/// An undecided call is answered like one that does not exist.
fn without(call: Call) -> Policy {
    let undecided = Entry {
        calls: vec![call].into(),
        rules: Vec::new().into(),
        otherwise: Action::Refuse(Errno::NOSYS),
        reason: "none".into(),
    };
    let policy = Policy::built_in();
    let rest = policy.entries().iter().filter_map(|entry| {
        let calls: Vec<_> = entry.calls.iter().copied().filter(|other| *other != call).collect();
        (!calls.is_empty()).then(|| Entry { calls: calls.into(), ..entry.clone() })
    });
    Policy::new(rest.chain([undecided]).collect(), policy.lifts().to_vec()).unwrap()
}

#[test]
fn no_call_is_named_for_nothing() {
    let policy = Policy::built_in();
    for entry in policy.entries() {
        for call in entry.calls.iter() {
            // ENOSYS is what an unnamed call gets too; such an entry says that this is meant, and the
            // next test shows that it must.
            let meant = entry.rules.is_empty() && entry.otherwise == Action::Refuse(Errno::NOSYS);
            assert_eq!(differ(policy, &without(*call), *call, &entry.rules, 0), !meant, "{call}");
        }
    }
}

#[test]
fn no_entry_can_be_left_out() {
    let policy = Policy::built_in();
    for left_out in 0..policy.entries().len() {
        let mut entries = policy.entries().to_vec();
        let gone = entries.remove(left_out);
        match Policy::new(entries, policy.lifts().to_vec()) {
            Err(Error::Undecided { names }) => assert!(names.contains(gone.calls[0].name())),
            other => panic!("without the entry for {}: {other:?}", gone.calls[0]),
        }
    }
}

#[test]
fn no_rule_is_shadowed_by_those_before_it() {
    let policy = Policy::built_in();
    for (at, entry) in policy.entries().iter().enumerate() {
        for left_out in 0..entry.rules.len() {
            let mut entries = policy.entries().to_vec();
            let mut rules = entry.rules.to_vec();
            rules.remove(left_out);
            entries[at].rules = rules.into();
            let other = Policy::new(entries, policy.lifts().to_vec()).unwrap();
            let call = entry.calls[0];
            assert!(differ(policy, &other, call, &entry.rules, 0), "rule {left_out} of {call}");
        }
    }
}

#[test]
fn no_lift_opens_what_is_open() {
    let policy = Policy::built_in();
    for (at, lift) in policy.lifts().iter().enumerate() {
        let mut lifts = policy.lifts().to_vec();
        lifts.remove(at);
        let other = Policy::new(policy.entries().to_vec(), lifts).unwrap();
        for call in lift.calls.iter() {
            let entry = policy.entries().iter().find(|entry| entry.calls.contains(call)).unwrap();
            let rules: Vec<_> = lift.rules.iter().chain(entry.rules.iter()).copied().collect();
            assert!(
                differ(policy, &other, *call, &rules, lift.capability.mask()),
                "{} {call}",
                lift.capability
            );
        }
        for left_out in 0..lift.rules.len() {
            let mut lifts = policy.lifts().to_vec();
            let mut rules = lift.rules.to_vec();
            rules.remove(left_out);
            lifts[at].rules = rules.into();
            // Without its last rule a lift would open everything.
            if lifts[at].rules.is_empty() {
                continue;
            }
            let other = Policy::new(policy.entries().to_vec(), lifts).unwrap();
            let call = lift.calls[0];
            let entry = policy.entries().iter().find(|entry| entry.calls.contains(&call)).unwrap();
            let about: Vec<_> = lift.rules.iter().chain(entry.rules.iter()).copied().collect();
            let differ = differ(policy, &other, call, &about, lift.capability.mask());
            assert!(differ, "rule {left_out} of {} for {call}", lift.capability);
        }
    }
}

#[test]
fn every_entry_has_a_reason_worth_reading() {
    let policy = Policy::built_in();
    let entries = policy.entries().iter().map(|entry| (&entry.reason, entry.calls[0]));
    for (reason, call) in entries.chain(policy.lifts().iter().map(|lift| (&lift.reason, lift.calls[0]))) {
        assert!(reason.len() > 15 && reason.ends_with('.'), "{call}: {reason:?}");
    }
}

#[test]
fn a_policy_that_is_not_one_is_refused() {
    let allow = |names: &str, reason: &str| format!("[[allow]]\ncalls = [{names}]\nreason = {reason:?}\n");
    for (text, why) in [
        (allow("\"read\"", "x"), "no entry decides _llseek, _newselect"),
        (allow("\"read\", \"raed\"", "x"), "no system call is named `raed`"),
        (allow("\"read\"", "x") + &allow("\"read\"", "y"), "`read` stands in two entries"),
        (allow("\"read\"", " "), "the entry for read has no reason"),
        (allow("", "x"), "the entry with the reason `x` has no calls"),
        (
            "[[inspect]]\ncalls = [\"read\"]\nrules = []\notherwise = \"EPERM\"\nreason = \"x\"".into(),
            "no rules",
        ),
        ("[[refuse]]\ncalls = [\"read\"]\nanswer = \"EWHY\"\nreason = \"x\"".into(), "`EWHY` is no answer"),
        ("[[alow]]\n".into(), "not well formed"),
        ("[[allow]]\ncalls = [\"read\"]\nreason = \"x\"\nunless = 1".into(), "not well formed"),
    ] {
        let error = Policy::parse(&text).unwrap_err().to_string();
        assert!(error.contains(why), "{text}\n{error}");
    }
}
