// SPDX-License-Identifier: Apache-2.0
//! `--sysctl name=value`. Which names a container may set is the engine's to say.

use super::Complaint;

/// Name and value; the value may be empty and may hold `=`.
pub(crate) fn parse(text: &str) -> Result<(String, String), Complaint> {
    match text.split_once('=') {
        Some((name, value)) if is_name(name) => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!("{text:?} is not name=value, as in net.ipv4.ip_forward=1")),
    }
}

/// At least two words with dots between them, none of which could climb out of /proc/sys.
fn is_name(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-@".contains(&b))
    };
    text.contains('.') && text.split('.').all(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs() {
        for (text, name, value) in [
            ("net.ipv4.ip_forward=1", "net.ipv4.ip_forward", "1"),
            ("kernel.sem=250 32000 32 128", "kernel.sem", "250 32000 32 128"),
            ("net.core.x=", "net.core.x", ""),
        ] {
            assert_eq!(parse(text), Ok((name.to_owned(), value.to_owned())));
        }
    }

    #[test]
    fn refusals() {
        for text in ["", "net.x", "=1", "net=1", "net..x=1", ".net=1", "net./../kernel.x=1", "net x.y=1"] {
            let want = format!("{text:?} is not name=value, as in net.ipv4.ip_forward=1");
            assert_eq!(parse(text), Err(want));
        }
    }
}
