// SPDX-License-Identifier: Apache-2.0
//! The files of `--env-file` and `--label-file`. Their parser belongs to a program and not to a
//! library, so its file is taken in here.

use list_file::parse;

/// A whole file.
pub(crate) fn lists(bytes: &[u8]) {
    let Ok(entries) = parse(bytes, "file") else { return };
    for (name, value) in entries {
        assert!(!name.is_empty() && !name.contains(['=', '\0', '\n']) && !name.contains(char::is_whitespace));
        assert!(value.is_none_or(|value| !value.contains(['\0', '\n'])));
    }
}

type Complaint = String;

#[allow(dead_code, reason = "the program also reads the file; here only the parser is called")]
#[path = "../../../crates/bulkhead/src/flags/list_file.rs"]
mod list_file;
