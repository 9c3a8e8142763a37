// SPDX-License-Identifier: Apache-2.0
//! What the wall costs: instructions executed per call, over the measured mix of `weight.rs`.

use super::super::bpf::interpret;
use super::super::weight::MEASURED;
use super::super::{Abi, Arch, Call, Errno, ForeignAbi, Policy, Program, Request};
use super::{Action, data};

/// Arguments as the programs of the mix pass them, for calls that are looked at. The rest has zeros.
const ORDINARY: &[(&str, [u64; 6])] = &[
    ("ioctl", [1, 0x5401, 0, 0, 0, 0]),
    ("socket", [2, 1, 0, 0, 0, 0]),
    ("setsockopt", [3, 1, 2, 0, 0, 0]),
    ("clone", [0x1200011, 0, 0, 0, 0, 0]),
    ("mknodat", [0, 0, 0o010644, 0, 0, 0]),
];

/// Instructions executed for an average call, when `steps` are executed for each.
fn average(steps: impl Fn(Call) -> usize) -> f64 {
    let total: f64 = MEASURED.iter().map(|(_, weight)| f64::from(*weight)).sum();
    MEASURED.iter().map(|(call, weight)| steps(*call) as f64 * f64::from(*weight)).sum::<f64>() / total
}

fn executed(program: &Program, call: Call) -> usize {
    let arguments = ORDINARY.iter().find(|(name, _)| *name == call.name()).map_or([0; 6], |row| row.1);
    let number = call.number(Abi::X86_64).unwrap();
    interpret(&program.instructions, &data(Abi::X86_64, number, arguments)).unwrap().steps
}

/// What a list executes that compares one call after the other in this order: load and check of `arch`,
/// load of `nr`, check for x32, one comparison for each call up to the right one, and the return. Rules on
/// arguments are left out, in the list's favour.
fn in_a_list(order: &[Call], call: Call) -> usize {
    4 + order.iter().position(|other| *other == call).unwrap() + 1 + 1
}

#[test]
fn the_tree_beats_every_list() {
    let policy = Policy::built_in();
    let start = std::time::Instant::now();
    let program = policy.compile(&Request::new(Arch::X86_64)).unwrap();
    println!("compiled in {:?} by this build", start.elapsed());
    let ours = average(|call| executed(&program, call));

    let nosys = Action::Refuse(Errno::NOSYS);
    let decided = policy.entries().iter().filter(|entry| entry.otherwise != nosys || !entry.rules.is_empty());
    let mut list: Vec<_> = decided.flat_map(|entry| entry.calls.iter().copied()).collect();
    list.retain(|call| call.number(Abi::X86_64).is_some());
    list.sort_by_key(|call| call.number(Abi::X86_64));
    let by_number = average(|call| in_a_list(&list, call));

    // No list is better than the one that has the most frequent call first.
    let weight =
        |call: &Call| MEASURED.iter().find(|(other, _)| other == call).map_or(0, |(_, weight)| *weight);
    list.sort_by_key(|call| std::cmp::Reverse(weight(call)));
    let best = average(|call| in_a_list(&list, call));

    // And no balanced tree, which needs log2 of the calls, knows that some are frequent.
    let balanced = 4.0 + (list.len() as f64).log2().floor() + 1.0;
    let length = program.instructions.len();
    println!("{length} instructions; executed per call: {ours:.2}");
    println!("list by number {by_number:.2}, best list {best:.2}, balanced tree {balanced:.2}");
    assert!(ours <= MOST, "{ours:.2} instructions per call");
    assert!(ours < best && ours < balanced && ours * 8.0 < by_number);
    assert!(length <= LONGEST, "{length} instructions");
}

/// No call pays much for the common ones being cheap.
#[test]
fn the_worst_call_is_not_far() {
    let program = Policy::built_in().compile(&Request::new(Arch::X86_64)).unwrap();
    let worst = Call::all()
        .filter(|call| call.number(Abi::X86_64).is_some())
        .map(|call| (executed(&program, call), call))
        .max_by_key(|(steps, _)| *steps)
        .unwrap();
    println!("worst: {worst:?}");
    assert!(worst.0 <= 28, "{worst:?}");
}

#[test]
fn the_foreign_abi_costs_native_programs_nothing() {
    let policy = Policy::built_in();
    let native = policy.compile(&Request::new(Arch::X86_64)).unwrap();
    let both = Request { foreign_abi: ForeignAbi::Allowed, ..Request::new(Arch::X86_64) };
    let both = policy.compile(&both).unwrap();
    let [native, both] = [native, both].map(|program| average(|call| executed(&program, call)));
    assert!((native - both).abs() < 0.2, "{native:.2} and {both:.2}");
}

/// What is reached at present, with a little room for the policy to grow.
const MOST: f64 = 8.0;
const LONGEST: usize = 256;
