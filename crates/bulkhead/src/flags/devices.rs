// SPDX-License-Identifier: Apache-2.0
//! `--device host[:inside][:rwm]`.

use std::path::PathBuf;

use engine::request::DeviceRequest;

use super::Complaint;

/// Both paths absolute; the rights default to `rwm`, the path inside to the one outside.
pub(crate) fn parse(text: &str) -> Result<DeviceRequest, Complaint> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, access) = match parts[..] {
        [source] => (source, source, "rwm"),
        [source, rights] if are_rights(rights) => (source, source, rights),
        [source, target] => (source, target, "rwm"),
        [source, target, rights] if are_rights(rights) => (source, target, rights),
        [_, _, rights] => {
            return Err(format!("{rights:?} in {text:?} are not rights, each of r, w and m once at most"));
        }
        _ => return Err(format!("{text:?} is not host[:inside][:rwm]")),
    };
    if let Some(relative) = [source, target].into_iter().find(|path| !path.starts_with('/')) {
        return Err(format!("{relative:?} in {text:?} is not an absolute path"));
    }
    Ok(DeviceRequest { source: PathBuf::from(source), target: target.to_owned(), access: access.to_owned() })
}

fn are_rights(text: &str) -> bool {
    let once = |right: char| text.matches(right).count() <= 1;
    !text.is_empty() && text.chars().all(|c| "rwm".contains(c) && once(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices() {
        for (text, source, target, access) in [
            ("/dev/null", "/dev/null", "/dev/null", "rwm"),
            ("/dev/null:rw", "/dev/null", "/dev/null", "rw"),
            ("/dev/null:/dev/x", "/dev/null", "/dev/x", "rwm"),
            ("/dev/null:/dev/x:r", "/dev/null", "/dev/x", "r"),
            ("/dev/null:/dev/x:mwr", "/dev/null", "/dev/x", "mwr"),
        ] {
            let want = DeviceRequest { source: source.into(), target: target.into(), access: access.into() };
            assert_eq!(parse(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("", r#""" in "" is not an absolute path"#),
            ("null", r#""null" in "null" is not an absolute path"#),
            ("/dev/null:rrr", r#""rrr" in "/dev/null:rrr" is not an absolute path"#),
            ("/dev/null::r", r#""" in "/dev/null::r" is not an absolute path"#),
            (
                "/dev/a:/dev/b:q",
                r#""q" in "/dev/a:/dev/b:q" are not rights, each of r, w and m once at most"#,
            ),
            ("/dev/a:/dev/b:", r#""" in "/dev/a:/dev/b:" are not rights, each of r, w and m once at most"#),
            ("/a:/b:r:w", r#""/a:/b:r:w" is not host[:inside][:rwm]"#),
            ("vendor.com/gpu=0", r#""vendor.com/gpu=0" in "vendor.com/gpu=0" is not an absolute path"#),
        ] {
            assert_eq!(parse(text), Err(want.to_owned()), "{text}");
        }
    }
}
