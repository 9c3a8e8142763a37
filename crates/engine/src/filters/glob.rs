// SPDX-License-Identifier: Apache-2.0
//! Shell patterns as Go's path.Match has them: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are
//! classes, a backslash takes the meaning of the next character away.

/// Whether the whole of `text` fits; a pattern that makes no sense fits nothing.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when the text after the last star does not fit.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() || p < pattern.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
            continue;
        }
        match text.get(t).and_then(|letter| one(&pattern[p..], *letter)) {
            Some(length) => (p, t) = (p + length, t + 1),
            None => match star {
                // A longer piece for the last star: earlier ones need none.
                Some((at, taken)) if taken < text.len() && text[taken] != '/' => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                _ => return false,
            },
        }
    }
    true
}

/// How much of the pattern stands for this letter.
fn one(pattern: &[char], letter: char) -> Option<usize> {
    match pattern.first()? {
        '?' => (letter != '/').then_some(1),
        '\\' => (pattern.get(1) == Some(&letter)).then_some(2),
        '[' => class(&pattern[1..], letter).map(|length| length + 1),
        plain => (*plain == letter).then_some(1),
    }
}

/// The same behind `[`.
fn class(pattern: &[char], letter: char) -> Option<usize> {
    let negated = pattern.first() == Some(&'^');
    let mut at = usize::from(negated);
    let mut found = false;
    let start = at;
    loop {
        let (low, length) = member(&pattern[at.min(pattern.len())..])?;
        if low == ']' && length == 1 && at > start {
            return (found != negated).then_some(at + 1);
        }
        at += length;
        let mut high = low;
        if pattern.get(at) == Some(&'-') {
            let (last, length) = member(&pattern[at + 1..])?;
            (high, at) = (last, at + 1 + length);
        }
        found |= (low..=high).contains(&letter);
    }
}

fn member(pattern: &[char]) -> Option<(char, usize)> {
    match pattern.first()? {
        '\\' => pattern.get(1).map(|letter| (*letter, 2)),
        letter => Some((*letter, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, text, want) in [
            ("", "", true),
            ("*", "busybox", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("busy*:1.?", "busybox:1.3", true),
            ("b*x*x", "busyboxbox", true),
            ("b*x", "busybo", false),
            ("[a-c]*[^x]", "bz", true),
            ("[a-c]*[^x]", "bx", false),
            ("[^a]", "a", false),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("[a", "a", false),
            ("[]", "a", false),
            ("a*", "a", true),
            ("?", "/", false),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
        assert!(!matches(&"*a".repeat(5000), &"a".repeat(4000)), "in time that does not explode");
    }
}
