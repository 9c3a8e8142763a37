// SPDX-License-Identifier: Apache-2.0
//! Every entry of a policy, and every exception, has its reason.

use toml::{Table, Value};

use super::{none, root};

#[test]
fn every_policy_entry_has_a_reason() {
    let mut without = Vec::new();
    let mut entries = 0;
    for file in std::fs::read_dir(root().join("policies")).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|kind| kind != "toml") {
            continue;
        }
        let policy: Table = std::fs::read_to_string(&file).unwrap().parse().unwrap();
        entries += policy.values().filter_map(Value::as_array).map(Vec::len).sum::<usize>();
        without.extend(unreasoned(&policy).map(|entry| format!("{}: {entry}", file.display())));
    }
    assert!(entries > 50, "the policies were not found: {entries} entries");
    none("entries without a reason", &without);
}

#[test]
fn every_exception_to_a_ban_has_a_reason() {
    let deny: Table = std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap();
    let mut without = Vec::new();
    for (section, list) in
        [("bans", "skip"), ("bans", "skip-tree"), ("advisories", "ignore"), ("licenses", "exceptions")]
    {
        let entries = deny[section].get(list).and_then(Value::as_array).into_iter().flatten();
        without.extend(
            entries.filter(|entry| !has_reason(entry)).map(|entry| format!("{section}.{list}: {entry:?}")),
        );
    }
    none("exceptions without a reason", &without);
}

#[test]
fn an_entry_without_a_reason_is_found() {
    let policy: Table =
        "[[hide]]\nreason = 'disks of the host'\n[[hide]]\nreason = 'no'\n[[show]]\npath = '/x'"
            .parse()
            .unwrap();
    assert_eq!(unreasoned(&policy).collect::<Vec<_>>(), ["[[hide]] number 2", "[[show]] number 1"]);
}

/// The entries of the policy that lack a reason.
fn unreasoned(policy: &Table) -> impl Iterator<Item = String> {
    policy.iter().flat_map(|(section, value)| {
        let entries = value.as_array().into_iter().flatten().enumerate();
        let without = entries.filter(|(_, entry)| !has_reason(entry));
        without.map(move |(place, _)| format!("[[{section}]] number {}", place + 1))
    })
}

fn has_reason(entry: &Value) -> bool {
    entry.get("reason").and_then(Value::as_str).is_some_and(|reason| reason.len() > SHORTEST)
}

/// A reason is more than a word.
const SHORTEST: usize = 10;
