// SPDX-License-Identifier: Apache-2.0
//! Templates of `--format`, which may come from a script that was given one.

use template::{Error, Functions, Keys, Template, Value};

/// The text of a template, applied to a document and to a row.
pub(crate) fn templates(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Template::parse(text) {
        Ok(template) => {
            let json = document();
            for value in [Value::document(&json, KEYS), Value::row(&json, "row")] {
                for functions in [Functions::Values, Functions::Headings] {
                    match template.render(&value, functions) {
                        Ok(said) => assert!(said.len() <= 16 << 20),
                        Err(error) => assert!(matches!(error, Error::Execution { .. })),
                    }
                }
            }
        }
        Err(error) => {
            assert!(matches!(error, Error::Syntax { line, .. } if line <= 1 + text.matches('\n').count()))
        }
    }
}

fn document() -> serde_json::Value {
    serde_json::json!({
        "ID": "abc", "Size": 17, "Part": 1.5, "Up": true, "None": null, "List": ["a", "b", 3],
        "Labels": {"a": "b"}, "State": {"Status": "running"},
    })
}

const KEYS: Keys<'_> = Keys { maps: &["Labels"], lists: &["None"] };
