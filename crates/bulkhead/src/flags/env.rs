// SPDX-License-Identifier: Apache-2.0
//! `-e NAME[=value]` and what `--env-file` names.

use std::env::VarError;
use std::path::PathBuf;

use super::{Complaint, list_file};

/// `-e`: a name, and a value when there is a `=`.
pub(crate) fn parse(text: &str) -> Result<(String, Option<String>), Complaint> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name, Some(value.to_owned())),
        None => (text, None),
    };
    if name.is_empty() {
        return Err(format!("{text:?} has no name in front of the ="));
    }
    Ok((name.to_owned(), value))
}

/// A variable of ours by name.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Result<String, VarError>;

/// The variables that `files` name, in order. A bare name takes our value, and is passed over when we
/// have none, as Docker does.
pub(crate) fn of_files(
    files: &[PathBuf],
    lookup: Lookup<'_>,
) -> Result<Vec<(String, Option<String>)>, Complaint> {
    let mut gathered = Vec::new();
    for file in files {
        for (name, value) in list_file::read(file)? {
            let value = value_or_ours(&name, value, lookup)?;
            gathered.extend(value.map(|value| (name, Some(value))));
        }
    }
    Ok(gathered)
}

/// The variables of `-e`, in order. A bare name takes our value; when we have none, it stays bare and
/// removes what the image sets.
pub(crate) fn of_flags(
    given: Vec<(String, Option<String>)>,
    lookup: Lookup<'_>,
) -> Result<Vec<(String, Option<String>)>, Complaint> {
    given
        .into_iter()
        .map(|(name, value)| {
            let value = value_or_ours(&name, value, lookup)?;
            Ok((name, value))
        })
        .collect()
}

fn value_or_ours(name: &str, value: Option<String>, lookup: Lookup<'_>) -> Result<Option<String>, Complaint> {
    if value.is_some() {
        return Ok(value);
    }
    match lookup(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("the value of {name} here is not UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Result<String, VarError> {
        match name {
            "HERE" => Ok("ours".to_owned()),
            "BAD" => Err(VarError::NotUnicode("x".into())),
            _ => Err(VarError::NotPresent),
        }
    }

    fn pair(name: &str, value: Option<&str>) -> (String, Option<String>) {
        (name.to_owned(), value.map(str::to_owned))
    }

    #[test]
    fn one_variable() {
        for (text, want) in [
            ("A=1", pair("A", Some("1"))),
            ("A=", pair("A", Some(""))),
            ("A", pair("A", None)),
            ("A B=1", pair("A B", Some("1"))),
        ] {
            assert_eq!(parse(text), Ok(want));
        }
        for text in ["", "=x"] {
            assert_eq!(parse(text), Err(format!("{text:?} has no name in front of the =")));
        }
    }

    #[test]
    fn bare_names_are_looked_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vars");
        std::fs::write(&file, "F=1\nHERE\nGONE\n").unwrap();
        let want = [pair("F", Some("1")), pair("HERE", Some("ours"))];
        assert_eq!(of_files(&[file], &lookup), Ok(want.to_vec()));
        let given = vec![pair("E", Some("2")), pair("HERE", None), pair("GONE", None)];
        let want = [pair("E", Some("2")), pair("HERE", Some("ours")), pair("GONE", None)];
        assert_eq!(of_flags(given, &lookup), Ok(want.to_vec()));
    }

    #[test]
    fn a_value_that_is_no_text_is_refused() {
        let want = "the value of BAD here is not UTF-8".to_owned();
        assert_eq!(of_flags(vec![pair("BAD", None)], &lookup), Err(want));
    }
}
