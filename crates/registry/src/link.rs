// SPDX-License-Identifier: Apache-2.0
//! `Link` (RFC 8288): where the next page of a listing is.

/// The target of the first link whose relation is `next`. A field that cannot be read has none.
pub fn next(text: &str) -> Option<&str> {
    let mut rest = text.get(..LONGEST).unwrap_or(text);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (target, after) = rest.strip_prefix('<')?.split_once('>')?;
        let (parameters, after) = split_unquoted(after, ',');
        if relations(parameters)
            .is_some_and(|relations| relations.split(' ').any(|name| name.eq_ignore_ascii_case("next")))
        {
            return Some(target);
        }
        rest = after;
    }
}

/// The value of the first `rel` among `;`-separated parameters.
fn relations(mut parameters: &str) -> Option<&str> {
    while !parameters.is_empty() {
        let (one, after) = split_unquoted(parameters, ';');
        parameters = after;
        if let Some((name, value)) = one.split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            let value = value.trim();
            return Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value));
        }
    }
    None
}

/// What is before the first `mark` outside of quotes, and what is behind it.
fn split_unquoted(text: &str, mark: char) -> (&str, &str) {
    let mut quoted = false;
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' if quoted => {
                letters.next();
            }
            '"' => quoted = !quoted,
            _ if letter == mark && !quoted => return (&text[..at], &text[at + letter.len_utf8()..]),
            _ => {}
        }
    }
    (text, "")
}

const LONGEST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page() {
        for (text, want) in [
            (r#"</v2/a/tags/list?last=x&n=2>; rel="next""#, Some("/v2/a/tags/list?last=x&n=2")),
            (r#"<a>; rel=prev, <b>; title="x, <c>; rel=next"; REL="first Next""#, Some("b")),
            (r#"<a>; rel="prev""#, None),
            ("<a>", None),
            ("<a", None),
            ("", None),
            ("a; rel=next", None),
        ] {
            assert_eq!(next(text), want, "{text}");
        }
    }
}
