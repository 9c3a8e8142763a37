// SPDX-License-Identifier: Apache-2.0
//! Image references by Docker's grammar: `[host[:port]/]path[:tag][@digest]`.
//!
//! A familiar name has the default registry and `library/` left out, and both forms of a name are
//! equal.

use std::fmt;

use crate::Error;
use crate::digest::Digest;

/// The name of an image.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    host: String,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Reads a reference as a person types it. Without tag and digest the tag is `latest`.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refused = |reason: &str| Error::malformed("image name", text, reason);
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest)?)),
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let (host, path) = split_host(name);
        if host != DEFAULT_HOST && !is_host(host) {
            return Err(refused("the part before the first slash is not a host"));
        }
        if !path.split('/').all(is_component) {
            return Err(refused(
                "each part must be lower-case letters and digits, joined by `.`, `_`, `__` or dashes",
            ));
        }
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(Error::malformed(
                "tag",
                tag,
                "it must be 1 to 128 letters, digits, `_`, `.` or `-`, and not begin with `.` or `-`",
            ));
        }
        let path = if host == DEFAULT_HOST && !path.contains('/') {
            format!("library/{path}")
        } else {
            path.to_owned()
        };
        // As it is stored, so that what parses once parses again.
        if path.len() > LONGEST_NAME || host.len() > LONGEST_NAME {
            return Err(refused("host and path may have 255 characters each"));
        }
        let tag = tag.map(str::to_owned).or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self { host: host.to_owned(), path, tag, digest })
    }

    /// The registry.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The repository on its registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag; absent only when there is a digest.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest that it is pinned to.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The repository as people see it.
    pub fn familiar_name(&self) -> String {
        match (self.host.as_str(), self.path.strip_prefix("library/")) {
            (DEFAULT_HOST, Some(short)) if !short.contains('/') => short.to_owned(),
            (DEFAULT_HOST, _) => self.path.clone(),
            (host, _) => format!("{host}/{}", self.path),
        }
    }

    /// The reference as people see it.
    pub fn familiar(&self) -> String {
        format!("{}{}", self.familiar_name(), self.suffix())
    }

    fn suffix(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default();
        let digest = self.digest.as_ref().map(|digest| format!("@{digest}")).unwrap_or_default();
        tag + &digest
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}{}", self.host, self.path, self.suffix())
    }
}

/// The first part is a host when it looks like one: a dot, a port, or `localhost`.
fn split_host(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((host, path)) if host.contains(['.', ':']) || host == "localhost" => (host, path),
        _ => (DEFAULT_HOST, name),
    }
}

fn is_host(host: &str) -> bool {
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "1"));
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.split('.').all(label)
        && !port.is_empty()
        && port.len() <= 5
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// `[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*`
fn is_component(part: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    plain(*first)
        && plain(*last)
        && bytes.iter().all(|&byte| plain(byte) || b"._-".contains(&byte))
        && part.split(|letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit()).all(is_separator)
}

fn is_separator(text: &str) -> bool {
    matches!(text, "" | "." | "_" | "__") || text.bytes().all(|byte| byte == b'-')
}

fn is_tag(tag: &str) -> bool {
    (1..=128).contains(&tag.len())
        && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
        && !tag.starts_with(['.', '-'])
}

/// The registry of names that say none, as every Docker client has it.
const DEFAULT_HOST: &str = "docker.io";
/// distribution specification: a repository name ends at 255 characters.
const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn familiar_and_canonical_forms() {
        for (text, familiar, canonical) in [
            ("debian", "debian:latest", "docker.io/library/debian:latest"),
            ("debian:12", "debian:12", "docker.io/library/debian:12"),
            ("bulkhead/drill", "bulkhead/drill:latest", "docker.io/bulkhead/drill:latest"),
            ("localhost/a:b", "localhost/a:b", "localhost/a:b"),
            ("127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c", "127.0.0.1:5000/a/b:c"),
            ("docker.io/library/debian", "debian:latest", "docker.io/library/debian:latest"),
        ] {
            let reference = Reference::parse(text).unwrap();
            assert_eq!(reference.familiar(), familiar);
            assert_eq!(reference.to_string(), canonical);
            assert_eq!(Reference::parse(canonical).unwrap(), reference);
        }
        let pinned = format!("debian@sha256:{}", "0".repeat(64));
        assert_eq!(Reference::parse(&pinned).unwrap().familiar(), pinned);
    }

    #[test]
    fn what_breaks_the_grammar_is_refused() {
        for text in [
            "",
            "Debian",
            "a//b",
            "a/../b",
            "-a",
            "a-",
            "a:",
            "a:.b",
            "a b",
            "a___b",
            "a..b",
            "-.b/c",
            "a@sha256:1",
            "\u{e9}",
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
        assert!(Reference::parse(&"a".repeat(256)).is_err());
        assert!(Reference::parse(&format!("{}.x/a", "h".repeat(254))).is_err());
    }

    #[test]
    fn the_longest_name_has_a_canonical_form() {
        for length in 240..=256 {
            if let Ok(reference) = Reference::parse(&"a".repeat(length)) {
                assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
            }
        }
        assert!(Reference::parse(&"a".repeat(255 - "library/".len())).is_ok());
    }
}
