// SPDX-License-Identifier: Apache-2.0
//! One record of RFC 4180: fields with commas between them; a field in double quotes may hold commas,
//! and `""` for a quote.

use crate::flags::Complaint;

/// The fields in order; never empty.
pub(super) fn fields(text: &str) -> Result<Vec<String>, Complaint> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                quoted_field(quoted).ok_or_else(|| format!("{text:?} has a quote without its partner"))?
            }
            None => plain_field(rest).ok_or_else(|| {
                format!("{text:?} has a quote inside a field: quote the whole field, key and all")
            })?,
        };
        found.push(field);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(found),
            None => return Err(format!("{text:?} goes on after a closing quote")),
        }
    }
}

/// The field up to the next comma, and what follows; nothing when there is a quote in it.
fn plain_field(rest: &str) -> Option<(String, &str)> {
    let (field, after) = rest.split_at(rest.find(',').unwrap_or(rest.len()));
    (!field.contains('"')).then(|| (field.to_owned(), after))
}

/// The field up to its closing quote, and what follows; nothing when there is none.
fn quoted_field(mut rest: &str) -> Option<(String, &str)> {
    let mut field = String::new();
    loop {
        let (before, after) = rest.split_once('"')?;
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(more) => {
                field.push('"');
                rest = more;
            }
            None => return Some((field, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records() {
        for (text, want) in [
            ("a", vec!["a"]),
            ("a,b=c", vec!["a", "b=c"]),
            ("", vec![""]),
            ("a,,b,", vec!["a", "", "b", ""]),
            (r#""a,b",c"#, vec!["a,b", "c"]),
            (r#""say ""x""""#, vec![r#"say "x""#]),
            (r#""""#, vec![""]),
            (" a , b", vec![" a ", " b"]),
        ] {
            assert_eq!(fields(text).unwrap(), want, "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            (r#"a,"b"#, "has a quote without its partner"),
            (r#"a"b"#, "has a quote inside a field: quote the whole field, key and all"),
            (r#"src="/a""#, "has a quote inside a field: quote the whole field, key and all"),
            (r#""a"b"#, "goes on after a closing quote"),
        ] {
            assert_eq!(fields(text), Err(format!("{text:?} {want}")));
        }
    }
}
