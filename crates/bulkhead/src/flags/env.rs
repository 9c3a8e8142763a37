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

/// The variables of a run: those of the files first, then those of `-e`, whatever the order of the
/// flags (as Docker does).
///
/// A bare name takes its value from the caller through `lookup`. Where the caller has none, a file's
/// name is passed over, and one of `-e` removes what the image sets.
pub(crate) fn gather(
    files: &[PathBuf],
    given: Vec<(String, Option<String>)>,
    lookup: &dyn Fn(&str) -> Result<String, VarError>,
) -> Result<Vec<(String, Option<String>)>, Complaint> {
    let mut gathered = Vec::new();
    for file in files {
        for (name, value) in list_file::read(file)? {
            let value = value_or_ours(&name, value, lookup)?;
            gathered.extend(value.map(|value| (name, Some(value))));
        }
    }
    for (name, value) in given {
        let value = value_or_ours(&name, value, lookup)?;
        gathered.push((name, value));
    }
    Ok(gathered)
}

fn value_or_ours(
    name: &str,
    value: Option<String>,
    lookup: &dyn Fn(&str) -> Result<String, VarError>,
) -> Result<Option<String>, Complaint> {
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
        for (text, want) in
            [("A=1", pair("A", Some("1"))), ("A=", pair("A", Some(""))), ("A", pair("A", None)), ("A B=1", pair("A B", Some("1")))]
        {
            assert_eq!(parse(text), Ok(want));
        }
        for text in ["", "=x"] {
            assert_eq!(parse(text), Err(format!("{text:?} has no name in front of the =")));
        }
    }

    #[test]
    fn files_come_first_and_bare_names_are_looked_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("vars");
        std::fs::write(&file, "F=1\nHERE\nGONE\n").unwrap();
        let given = vec![pair("E", Some("2")), pair("HERE", None), pair("GONE", None)];
        let want = [
            pair("F", Some("1")),
            pair("HERE", Some("ours")),
            pair("E", Some("2")),
            pair("HERE", Some("ours")),
            pair("GONE", None),
        ];
        assert_eq!(gather(&[file], given, &lookup), Ok(want.to_vec()));
    }

    #[test]
    fn a_value_that_is_no_text_is_refused() {
        let want = "the value of BAD here is not UTF-8".to_owned();
        assert_eq!(gather(&[], vec![pair("BAD", None)], &lookup), Err(want));
    }
}
