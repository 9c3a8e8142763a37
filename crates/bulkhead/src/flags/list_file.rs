// SPDX-License-Identifier: Apache-2.0
//! The files of `--env-file` and `--label-file`: a `NAME=value` on each line.
//!
//! Docker's rules: spaces in front of a line, empty lines and lines that begin with `#` do not count;
//! a byte order mark is skipped; quotes are part of the value; a value keeps the spaces at its end.
//! The bytes are somebody's, so a complaint names file and line.

use std::path::Path;

use super::Complaint;

/// A line: a name, and a value when there is a `=`.
pub(crate) type Entry = (String, Option<String>);

/// Reads and parses a file that a person named.
pub(crate) fn read(path: &Path) -> Result<Vec<Entry>, Complaint> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    parse(&bytes, &path.display().to_string())
}

/// `file` is for the complaint.
pub(crate) fn parse(bytes: &[u8], file: &str) -> Result<Vec<Entry>, Complaint> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut entries = Vec::new();
    for (index, raw) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let found = line(raw).map_err(|what| format!("{file}, line {}: {what}", index + 1))?;
        entries.extend(found);
    }
    Ok(entries)
}

fn line(raw: &[u8]) -> Result<Option<Entry>, Complaint> {
    let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
    let text = str::from_utf8(raw).map_err(|_| "not UTF-8".to_owned())?.trim_start();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.contains('\0') {
        return Err("a NUL byte".to_owned());
    }
    match text.split_once('=') {
        Some(("", _)) => Err("no name in front of the =".to_owned()),
        Some((name, value)) => Ok(Some((one_word(name)?, Some(value.to_owned())))),
        None => Ok(Some((one_word(text.trim_end())?, None))),
    }
}

fn one_word(name: &str) -> Result<String, Complaint> {
    if name.contains(char::is_whitespace) {
        Err(format!("a space in the name {name:?}"))
    } else {
        Ok(name.to_owned())
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let text =
            b"\xef\xbb\xbfFIRST=1\n\n# no\n   # no either\n  LEAD=x y \r\nQ=\"a b\"\nBARE  \nEMPTY=\nEQ=a=b";
        let want = [
            ("FIRST", Some("1")),
            ("LEAD", Some("x y ")),
            ("Q", Some("\"a b\"")),
            ("BARE", None),
            ("EMPTY", Some("")),
            ("EQ", Some("a=b")),
        ];
        let want: Vec<Entry> = want.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))).to_vec();
        assert_eq!(parse(text, "f"), Ok(want));
        assert_eq!(parse(b"", "f"), Ok(Vec::new()));
    }

    #[test]
    fn complaints_name_file_and_line() {
        for (text, want) in [
            (b"A=1\n=x\n".as_slice(), "vars.env, line 2: no name in front of the ="),
            (b"a b=1", r#"vars.env, line 1: a space in the name "a b""#),
            (b"A =1", r#"vars.env, line 1: a space in the name "A ""#),
            (b"a b", r#"vars.env, line 1: a space in the name "a b""#),
            (b"\n\nX=\xff", "vars.env, line 3: not UTF-8"),
            (b"X=\0", "vars.env, line 1: a NUL byte"),
        ] {
            assert_eq!(parse(text, "vars.env"), Err(want.to_owned()));
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("none.env");
        let want = format!("cannot read {}: No such file or directory (os error 2)", path.display());
        assert_eq!(read(&path), Err(want));
    }
}
