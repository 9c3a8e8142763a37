// SPDX-License-Identifier: Apache-2.0
//! What the wall promises, proved with the interpreter: from the outside, over whole number ranges and entry points.

mod abi;
mod arguments;
mod default;
mod interpretation;
mod moby;
mod profile;
mod redundancy;
mod steps;
mod table;

use super::bpf::{Data, interpret};
use super::{Abi, Action, Call, ForeignAbi, Policy, Program, Request, Rule, Scope, UserNamespace};

/// A call as the kernel shows it to a filter.
fn data(abi: Abi, nr: u32, arguments: [u64; 6]) -> Data {
    Data { nr, arch: abi.audit(), instruction_pointer: 0x7f00_0000_1000, arguments }
}

/// What `program` answers, by the interpreter.
fn answer(program: &Program, data: &Data) -> Action {
    let outcome = interpret(&program.instructions, data).expect("the kernel would not load this");
    Action::decode(outcome.word)
}

/// What `program` answers to a call by name.
fn answer_to(program: &Program, abi: Abi, name: &str, arguments: &[u64]) -> Action {
    let number = Call::named(name).unwrap().number(abi).unwrap();
    let mut all = [0; 6];
    all[..arguments.len()].copy_from_slice(arguments);
    answer(program, &data(abi, number, all))
}

/// What the policy says, read off its entries without any of the steps that make a filter.
fn said(policy: &Policy, request: &Request<'_>, data: &Data) -> Action {
    let nosys = Action::Refuse(super::Errno::NOSYS);
    let open = |abi| match request.foreign_abi {
        _ if abi == request.arch.abi() => true,
        ForeignAbi::Allowed => abi == request.arch.foreign_abi(),
        ForeignAbi::Refused => false,
    };
    let Some(abi) = Abi::ALL.into_iter().find(|abi| abi.audit() == data.arch && open(*abi)) else {
        return nosys;
    };
    let Some(call) = Call::all().find(|call| call.number(abi) == Some(data.nr)) else { return nosys };
    let told = if request.refuse.contains(&call) {
        Action::Refuse(super::Errno::PERM)
    } else if request.allow.contains(&call) {
        Action::Allow
    } else {
        opened(policy, request, call, data).unwrap_or_else(|| decided(policy, call, data))
    };
    if request.notify.contains(&call) && told == Action::Allow { Action::Notify } else { told }
}

fn decided(policy: &Policy, call: Call, data: &Data) -> Action {
    let entry = policy.entries().iter().find(|entry| entry.calls.contains(&call)).unwrap();
    let rule = entry.rules.iter().find(|rule| rule.holds(&data.arguments));
    rule.map_or(entry.otherwise, |rule| rule.action())
}

fn opened(policy: &Policy, request: &Request<'_>, call: Call, data: &Data) -> Option<Action> {
    let mut lifts = policy.lifts().iter().filter(|lift| {
        request.capabilities & lift.capability.mask() != 0
            && (lift.scope == Scope::Container || request.user_namespace == UserNamespace::Host)
            && lift.calls.contains(&call)
    });
    let opens =
        lifts.any(|lift| lift.rules.is_empty() || lift.rules.iter().any(|rule| rule.holds(&data.arguments)));
    opens.then_some(Action::Allow)
}

/// Values of one argument that could make a difference: every value that a rule compares it with, its
/// neighbours, and the same with bits set that do not count.
fn telling_values(rules: &[Rule], argument: u8) -> Vec<u64> {
    let mut values = vec![0, 1, u64::MAX, 0x1_0000_0000];
    for condition in rules.iter().flat_map(Rule::conditions).filter(|one| one.argument == argument) {
        let value = condition.value;
        let neighbours = [value.wrapping_sub(1), value, value.wrapping_add(1)];
        values.extend(neighbours.into_iter().chain([value | 0x1_0000_0000, value | !condition.mask]));
    }
    values.sort_unstable();
    values.dedup();
    values
}

/// All calls of three arguments with telling values in each.
fn telling_arguments(rules: &[Rule]) -> impl Iterator<Item = [u64; 6]> {
    let [one, two, three] = [0, 1, 2].map(|argument| telling_values(rules, argument));
    one.into_iter().flat_map(move |a| {
        let three = three.clone();
        two.clone().into_iter().flat_map(move |b| three.clone().into_iter().map(move |c| [a, b, c, 0, 0, 0]))
    })
}
