// SPDX-License-Identifier: Apache-2.0
//! Switches: `--rm`, `--rm=false`, in the spellings that Docker's flags take.

use super::Complaint;

/// `text` is what stands after the `=`.
pub(crate) fn parse(text: &str) -> Result<bool, Complaint> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => Err(format!("{other:?} is neither true nor false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        for on in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(parse(on), Ok(true));
        }
        for off in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(parse(off), Ok(false));
        }
        assert_eq!(parse("yes"), Err("\"yes\" is neither true nor false".to_owned()));
        assert_eq!(parse(""), Err("\"\" is neither true nor false".to_owned()));
    }
}
