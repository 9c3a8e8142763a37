// SPDX-License-Identifier: Apache-2.0
//! The language of rules in a policy file.
//!
//! ```text
//! rule       = condition {", " condition} ": " answer
//! condition  = argument ["& " mask] ("is" | "is not") value {"or" value}
//! argument   = "arg0" … "arg5"
//! value      = a number, decimal or 0x…, or one of the kernel's names below
//! answer     = "allow" | an error by name
//! ```
//!
//! Every argument is compared as an `int`: all that our policy looks at are ints, flag words whose defined bits
//! are the lower 32, or a `umode_t`. A condition with several values becomes as many rules ("is"), or holds when
//! the argument is none of them ("is not").

use super::action::{Action, Errno};
use super::error::Error;
use super::rule::{Condition, Rule, Test};

/// The rules that one line means: several when a condition has alternatives.
pub(super) fn rules(line: &str) -> Result<Vec<Rule>, Error> {
    let wrong = |reason: String| Error::Rule { rule: line.to_owned(), reason };
    let (conditions, word) = line.rsplit_once(':').ok_or_else(|| wrong("no answer after a colon".into()))?;
    let action = answer(word.trim())?;
    let mut alternatives = vec![Vec::new()];
    for condition in conditions.split(',') {
        let condition = Alternatives::read(condition).map_err(&wrong)?;
        alternatives = alternatives.iter().flat_map(|before| condition.added_to(before)).collect();
    }
    let rules = alternatives.iter().map(|conditions| Rule::new(conditions, action));
    rules.collect::<Option<_>>().ok_or_else(|| wrong(format!("more than {} conditions", Rule::MOST)))
}

/// `allow`, or the error that a call returns instead.
pub(super) fn answer(word: &str) -> Result<Action, Error> {
    match word {
        "allow" => Ok(Action::Allow),
        name => Errno::named(name)
            .map(Action::Refuse)
            .ok_or_else(|| Error::UnknownAnswer { name: name.to_owned() }),
    }
}

/// One condition as written.
struct Alternatives {
    argument: u8,
    mask: u64,
    test: Test,
    values: Vec<u64>,
}

impl Alternatives {
    fn read(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace().peekable();
        let argument = argument(words.next().unwrap_or_default())?;
        let mask = match words.next_if_eq(&"&") {
            Some(_) => value(words.next().unwrap_or_default())?,
            None => Condition::INT,
        };
        if words.next() != Some("is") {
            return Err(format!("no `is` in `{}`", text.trim()));
        }
        let test = if words.next_if_eq(&"not").is_some() { Test::IsNot } else { Test::Is };
        let mut values = vec![value(words.next().unwrap_or_default())?];
        while let Some(word) = words.next() {
            if word != "or" {
                return Err(format!("`{word}` where only `or` can stand"));
            }
            values.push(value(words.next().unwrap_or_default())?);
        }
        match values.iter().find(|value| *value & !mask != 0) {
            Some(value) => {
                Err(format!("{value:#x} has bits outside the mask {mask:#x}, so it never matches"))
            }
            None => Ok(Self { argument, mask, test, values }),
        }
    }

    fn added_to(&self, before: &[Condition]) -> Vec<Vec<Condition>> {
        let condition = |value: &u64| Condition {
            argument: self.argument,
            mask: self.mask,
            test: self.test,
            value: *value,
        };
        let with = |more: &[u64]| before.iter().copied().chain(more.iter().map(condition)).collect();
        match self.test {
            Test::IsNot => vec![with(&self.values)],
            _ => self.values.iter().map(|value| with(&[*value])).collect(),
        }
    }
}

fn argument(word: &str) -> Result<u8, String> {
    match word.strip_prefix("arg").and_then(|digit| digit.parse::<u8>().ok()) {
        Some(argument @ 0..=5) => Ok(argument),
        _ => Err(format!("`{word}` is none of arg0 to arg5")),
    }
}

fn value(word: &str) -> Result<u64, String> {
    let number = match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    };
    number
        .or_else(|| NAMES.iter().find(|(name, _)| *name == word).map(|(_, value)| *value))
        .map(u64::from)
        .ok_or_else(|| format!("`{word}` is neither a 32-bit number nor a name known here"))
}

/// The kernel's constants that the policy uses. The same on every ABI here.
const NAMES: &[(&str, u32)] = &[
    // linux/socket.h, linux/net.h, linux/netlink.h, linux/in.h
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("AF_NETLINK", 16),
    ("AF_PACKET", 17),
    ("SOCK_TYPE_MASK", 0xf),
    ("SOCK_STREAM", 1),
    ("SOCK_DGRAM", 2),
    ("SOCK_RAW", 3),
    ("SOCK_PACKET", 10),
    ("NETLINK_ROUTE", 0),
    ("NETLINK_SOCK_DIAG", 4),
    ("NETLINK_AUDIT", 9),
    ("NETLINK_NETFILTER", 12),
    ("NETLINK_GENERIC", 16),
    ("IPPROTO_IP", 0),
    ("IPPROTO_ICMP", 1),
    ("IPPROTO_TCP", 6),
    ("IPPROTO_UDP", 17),
    ("IPPROTO_IPV6", 41),
    ("IPPROTO_ICMPV6", 58),
    ("TCP_ULP", 31),
    // linux/netfilter_*/*_tables.h: each family's first two options, which replace a rule set
    ("IPT_SO_SET_REPLACE", 64),
    ("IPT_SO_SET_ADD_COUNTERS", 65),
    ("ARPT_SO_SET_REPLACE", 96),
    ("ARPT_SO_SET_ADD_COUNTERS", 97),
    ("EBT_SO_SET_ENTRIES", 128),
    ("EBT_SO_SET_COUNTERS", 129),
    // linux/net.h, the sub-calls of socketcall
    ("SYS_SOCKET", 1),
    ("SYS_SOCKETPAIR", 8),
    // linux/sched.h. All CLONE_NEW* flags of clone, and those of unshare, which has CLONE_NEWTIME besides
    ("CLONE_NAMESPACES", 0x7e02_0000),
    ("UNSHARE_NAMESPACES", 0x7e02_0080),
    // linux/stat.h
    ("S_IFMT", 0xf000),
    ("S_IFCHR", 0x2000),
    ("S_IFBLK", 0x6000),
    // asm/ioctls.h
    ("TIOCSTI", 0x5412),
    ("TIOCLINUX", 0x541c),
    ("TIOCSETD", 0x5423),
    // linux/memfd.h
    ("MFD_EXEC", 0x10),
    // linux/personality.h
    ("PER_LINUX", 0),
    ("PER_LINUX32", 8),
    ("PER_QUERY", 0xffff_ffff),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn is(argument: u8, mask: u64, value: u64) -> Condition {
        Condition { argument, mask, test: Test::Is, value }
    }

    #[test]
    fn a_line_says_what_it_means() {
        let refuse = Action::Refuse(Errno::PERM);
        let read = rules("arg0 is AF_INET, arg1 & SOCK_TYPE_MASK is SOCK_RAW: EPERM").unwrap();
        let conditions = [is(0, Condition::INT, 2), is(1, 0xf, 3)];
        assert_eq!(read, [Rule::new(&conditions, refuse).unwrap()]);
    }

    #[test]
    fn alternatives_multiply() {
        let read = rules("arg0 is 1 or 2, arg1 is 3 or 4: allow").unwrap();
        let values: Vec<Vec<_>> =
            read.iter().map(|rule| rule.conditions().map(|condition| condition.value).collect()).collect();
        assert_eq!(values, [[1, 3], [1, 4], [2, 3], [2, 4]]);
    }

    #[test]
    fn is_not_means_none_of_them() {
        let read = rules("arg0 is not 1 or 2: EPERM").unwrap();
        assert_eq!(read.len(), 1);
        for (argument, holds) in [(0, true), (1, false), (2, false), (3, true), (0x1_0000_0001, false)] {
            assert_eq!(read[0].holds(&[argument, 0, 0, 0, 0, 0]), holds, "{argument}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for (line, why) in [
            ("arg0 is 1", "no answer"),
            ("arg6 is 1: allow", "`arg6` is none"),
            ("arg is 1: allow", "`arg` is none"),
            ("arg0 == 1: allow", "no `is`"),
            ("arg0 is AF_ALG: allow", "`AF_ALG` is neither"),
            ("arg0 is 0x100000000: allow", "neither a 32-bit"),
            ("arg0 is 1 2: allow", "`2` where only `or`"),
            ("arg0 is: allow", "`` is neither"),
            (": allow", "`` is none"),
            ("arg1 & 0xf is 0x10: allow", "never matches"),
            ("arg0 is 1: maybe", "`maybe` is no answer"),
            ("arg0 is not 1 or 2 or 3 or 4 or 5 or 6 or 7: allow", "more than 6"),
        ] {
            let error = rules(line).unwrap_err().to_string();
            assert!(error.contains(why), "{line}: {error}");
        }
    }

    #[test]
    fn no_constant_has_two_values() {
        for (at, (name, _)) in NAMES.iter().enumerate() {
            assert!(NAMES[at + 1..].iter().all(|(other, _)| other != name), "{name}");
        }
    }
}
