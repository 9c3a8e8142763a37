// SPDX-License-Identifier: Apache-2.0
//! Writes `table.rs` from `policies/seccomp.toml`, and proves that it is up to date.

use std::fmt::Write as _;

use super::super::{Action, Policy, Rule, Scope, Test};

/// The policy as it is edited.
pub(super) const TOML: &str = include_str!("../../../../../policies/seccomp.toml");

/// Run with `BLESS=1` to write the table anew after a change to the policy.
#[test]
fn the_table_is_made_from_the_policy() {
    let policy = Policy::parse(TOML).unwrap();
    let table = render(&policy);
    if std::env::var_os("BLESS").is_some() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/seccomp/table.rs");
        std::fs::write(here, &table).unwrap();
        return;
    }
    assert_eq!(
        &policy,
        Policy::built_in(),
        "table.rs is not what seccomp.toml says: BLESS=1 cargo test seccomp"
    );
    assert!(table == include_str!("../table.rs"), "table.rs was edited by hand: BLESS=1 cargo test seccomp");
}

fn render(policy: &Policy) -> String {
    let mut out = String::from(HEAD);
    out.push_str("\nconst ENTRIES: &[Entry] = &[\n");
    for entry in policy.entries() {
        let (names, rules) = (names(&entry.calls), rules(&entry.rules));
        let otherwise = action(entry.otherwise);
        writeln!(out, "    entry(&calls([{names}]), &[{rules}], {otherwise}, {:?}),", entry.reason).unwrap();
    }
    out.push_str("];\n\nconst LIFTS: &[Lift] = &[\n");
    for lift in policy.lifts() {
        let (names, rules, capability) = (names(&lift.calls), rules(&lift.rules), lift.capability.number());
        let scope = if lift.scope == Scope::Host { "Host" } else { "Container" };
        writeln!(out, "    // {}", lift.capability).unwrap();
        writeln!(
            out,
            "    lift({capability}, Scope::{scope}, &calls([{names}]), &[{rules}], {:?}),",
            lift.reason
        )
        .unwrap();
    }
    out.push_str("];\n");
    out
}

fn names(calls: &[super::super::Call]) -> String {
    calls.iter().map(|call| format!("{:?}", call.name())).collect::<Vec<_>>().join(", ")
}

fn rules(rules: &[Rule]) -> String {
    rules.iter().map(rule).collect::<Vec<_>>().join(", ")
}

fn rule(rule: &Rule) -> String {
    let conditions: Vec<_> = rule
        .conditions()
        .map(|condition| {
            let test = match condition.test {
                Test::Is => "is",
                Test::IsNot => "is_not",
                other => panic!("the rule language has no {other:?}"),
            };
            format!("{test}({}, {:#x}, {:#x})", condition.argument, condition.mask, condition.value)
        })
        .collect();
    format!("rule(&[{}], {})", conditions.join(", "), action(rule.action()))
}

fn action(action: Action) -> String {
    match action {
        Action::Allow => "ALLOW".into(),
        Action::Refuse(errno) => format!("errno({})", errno.number()),
        other => panic!("the rule language has no {other:?}"),
    }
}

const HEAD: &str = "\
// SPDX-License-Identifier: Apache-2.0
//! `policies/seccomp.toml` as Rust, so that a run parses nothing. Not edited by hand: after a change to the
//! policy, `BLESS=1 cargo test -p runtime seccomp` writes it again.

use std::borrow::Cow;

use super::policy::{Entry, Lift, Policy, Scope};
use super::shorthand::{ALLOW, calls, entry, errno, is, is_not, lift, rule};

pub(super) static POLICY: Policy = Policy { entries: Cow::Borrowed(ENTRIES), lifts: Cow::Borrowed(LIFTS) };
";
