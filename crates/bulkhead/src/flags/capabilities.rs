// SPDX-License-Identifier: Apache-2.0
//! Capabilities by name, with or without `CAP_`, in any case, or `ALL`.

use engine::request::Caps;

use super::Complaint;
use super::nearest::suggestion;

/// The name in upper case without `CAP_`, or `ALL`.
pub(crate) fn parse(text: &str) -> Result<String, Complaint> {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
    // Compared here and not by `Caps::named`, which would take a second prefix off.
    if name == "ALL" || Caps::all().names().any(|known| known == name) {
        return Ok(name.to_owned());
    }
    Err(format!("{text:?} is not a capability{}", suggestion(name, Caps::all().names())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (text, want) in [
            ("NET_ADMIN", "NET_ADMIN"),
            ("net_admin", "NET_ADMIN"),
            ("CAP_SYS_TIME", "SYS_TIME"),
            ("cap_chown", "CHOWN"),
            ("all", "ALL"),
        ] {
            assert_eq!(parse(text), Ok(want.to_owned()));
        }
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("NET_ADMN", r#""NET_ADMN" is not a capability; did you mean NET_ADMIN?"#),
            ("root", r#""root" is not a capability"#),
            ("", r#""" is not a capability"#),
            ("CAP_CAP_CHOWN", r#""CAP_CAP_CHOWN" is not a capability"#),
        ] {
            assert_eq!(parse(text), Err(want.to_owned()), "{text}");
        }
    }
}
