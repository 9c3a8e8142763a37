// SPDX-License-Identifier: Apache-2.0
//! Names of containers.

use std::fmt;

use crate::Error;

/// A container's name: a letter or digit, then one or more letters, digits, `_`, `.` or `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContainerName(String);

impl ContainerName {
    /// Reads a name as a person types it; a leading slash, as Docker's API has it, is dropped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let name = text.strip_prefix('/').unwrap_or(text);
        let good = name.len() >= 2
            && name.len() <= 128
            && name.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if good {
            return Ok(Self(name.to_owned()));
        }
        Err(Error::malformed(
            "container name",
            text,
            "only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, 2 to 128 of them",
        ))
    }
}

impl fmt::Display for ContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_grammar_passes() {
        for good in ["web", "/web", "a1", "Web_1.x-y"] {
            assert!(ContainerName::parse(good).is_ok(), "{good}");
        }
        for bad in ["", "a", "-a", "a/b", "../x", "a b", "\u{e9}\u{e9}"] {
            assert!(ContainerName::parse(bad).is_err(), "{bad}");
        }
    }
}
