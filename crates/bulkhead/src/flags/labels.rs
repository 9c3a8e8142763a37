// SPDX-License-Identifier: Apache-2.0
//! `--label name[=value]`.

use super::Complaint;

/// Name and value; without a `=` the value is empty.
pub(crate) fn parse(text: &str) -> Result<(String, String), Complaint> {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    if name.is_empty() {
        return Err(format!("{text:?} has no name in front of the ="));
    }
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels() {
        for (text, name, value) in [("a=b", "a", "b"), ("a", "a", ""), ("a=", "a", ""), ("a=b=c", "a", "b=c")]
        {
            assert_eq!(parse(text), Ok((name.to_owned(), value.to_owned())));
        }
        for text in ["", "=x"] {
            assert_eq!(parse(text), Err(format!("{text:?} has no name in front of the =")));
        }
    }
}
