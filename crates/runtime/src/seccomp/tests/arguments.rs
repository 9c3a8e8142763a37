// SPDX-License-Identifier: Apache-2.0
//! Any rules on any arguments: the program answers what the rules say (CVE-2017-18367, CVE-2019-10063), however long
//! it gets.

use proptest::prelude::*;

use super::super::filter::{Answer, AnswerId, Filter, Numbering};
use super::super::{Abi, Action, Arch, Call, Condition, Errno, ForeignAbi, Policy, Request, Rule, Test};
use super::{answer, data, said, telling_arguments, telling_values};

/// Values that meet at the borders of words: few, so that equality happens.
fn value() -> impl Strategy<Value = u64> {
    let word =
        prop::sample::select(vec![0, 1, 2, 0x10, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffffu64]);
    prop_oneof![(word.clone(), word).prop_map(|(high, low)| high << 32 | low), any::<u64>()]
}

fn mask() -> impl Strategy<Value = u64> {
    prop_oneof![Just(u64::MAX), Just(Condition::INT), Just(!Condition::INT), value()]
}

fn condition() -> impl Strategy<Value = Condition> {
    let tests = vec![Test::Is, Test::IsNot, Test::Below, Test::AtMost, Test::Above, Test::AtLeast];
    (0..3u8, mask(), prop::sample::select(tests), value())
        .prop_map(|(argument, mask, test, value)| Condition { argument, mask, test, value: value & mask })
}

fn action() -> impl Strategy<Value = Action> {
    let refuse = |number| Action::Refuse(Errno::new(number).unwrap());
    prop_oneof![
        Just(Action::Allow),
        Just(Action::KillProcess),
        Just(Action::Notify),
        Just(Action::Log),
        (0..=4095u32).prop_map(refuse),
        any::<u16>().prop_map(Action::Trace),
    ]
}

fn rules(most: usize) -> impl Strategy<Value = Vec<Rule>> {
    let rule = (prop::collection::vec(condition(), 0..=4), action())
        .prop_map(|(conditions, action)| Rule::new(&conditions, action).unwrap());
    prop::collection::vec(rule, 0..=most)
}

/// A filter with one section whose calls get these answers in turn.
fn filter(answers: Vec<(Vec<Rule>, Action)>, foreign: bool) -> Filter<'static> {
    let mut filter = Filter::default();
    let ids: Vec<AnswerId> = answers
        .into_iter()
        .map(|(rules, otherwise)| filter.intern(Answer::Inspect { rules: rules.into(), otherwise }))
        .collect();
    let calls: Vec<_> = (0..Call::COUNT).map(|at| ids[at % ids.len()]).collect();
    for abi in [Abi::X86_64, Abi::I386].into_iter().take(if foreign { 2 } else { 1 }) {
        filter.add_section(&[Numbering {
            abi,
            calls: &calls,
            unknown: ids[0],
            newest: 460,
            unheard_of: ids[ids.len() - 1],
        }]);
    }
    filter
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_program_answers_as_its_rules(
        rules in rules(4),
        otherwise in action(),
        arguments in prop::collection::vec([value(), value(), value()], 20),
    ) {
        let telling = [0, 1, 2].map(|argument| telling_values(&rules, argument));
        let filter = filter(vec![(rules, otherwise)], false);
        let program = filter.clone().compile().unwrap();
        for (at, [one, two, three]) in arguments.into_iter().enumerate() {
            // Half of the calls have values from the rules themselves.
            let pick = |own: u64, argument: usize| match at % 2 {
                0 => telling[argument][own as usize % telling[argument].len()],
                _ => own,
            };
            let call = data(Abi::X86_64, 7, [pick(one, 0), pick(two, 1), pick(three, 2), 0, 0, 0]);
            prop_assert_eq!(answer(&program, &call), filter.decide(&call), "{:x?}", call);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Forty different rule lists in turn put nearly everything out of reach of a conditional jump.
    #[test]
    fn a_long_program_too(
        answers in prop::collection::vec((rules(3), action()), 20..40),
        values in prop::collection::vec([value(), value(), value()], 8),
    ) {
        let filter = filter(answers, true);
        let Ok(program) = filter.clone().compile() else { return Ok(()) };
        prop_assert!(program.instructions.len() > 512);
        for number in (0..500).chain([0x3fff_ffff, 0x4000_0000, u32::MAX]) {
            for (abi, [one, two, three]) in [Abi::X86_64, Abi::I386, Abi::Arm].iter().cycle().zip(&values) {
                let call = data(*abi, number, [*one, *two, *three, 0, 0, 0]);
                prop_assert_eq!(answer(&program, &call), filter.decide(&call), "{:x?}", call);
            }
        }
    }
}

/// Every combination of the values that the built-in rules look at, for every call that has rules.
#[test]
fn the_built_in_rules_to_the_last_value() {
    let policy = Policy::built_in();
    for capabilities in [0, u64::MAX] {
        let request =
            Request { capabilities, foreign_abi: ForeignAbi::Allowed, ..Request::new(Arch::X86_64) };
        let program = policy.compile(&request).unwrap();
        for entry in policy.entries().iter().filter(|entry| !entry.rules.is_empty()) {
            for (call, abi) in entry.calls.iter().flat_map(|call| [(call, Abi::X86_64), (call, Abi::I386)]) {
                let Some(number) = call.number(abi) else { continue };
                for arguments in telling_arguments(&rules_about(policy, *call)) {
                    let call = data(abi, number, arguments);
                    assert_eq!(answer(&program, &call), said(policy, &request, &call), "{call:x?}");
                }
            }
        }
    }
}

fn rules_about(policy: &Policy, call: Call) -> Vec<Rule> {
    let entries =
        policy.entries().iter().filter(|entry| entry.calls.contains(&call)).map(|entry| &entry.rules);
    let lifts = policy.lifts().iter().filter(|lift| lift.calls.contains(&call)).map(|lift| &lift.rules);
    entries.chain(lifts).flat_map(|rules| rules.iter().copied()).collect()
}
