// SPDX-License-Identifier: Apache-2.0
//! Machines, as `--platform os/arch[/variant]` names them, and which entry of an index is for one.
//!
//! The names are Go's. As containerd has it, a machine also runs what is for an older variant of it,
//! and the newest of those is taken.

use std::fmt;

use oci::descriptor::Descriptor;

use crate::error::{Error, Result};

/// A kind of machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    os: String,
    architecture: String,
    /// The one that is meant when nothing is said is left out.
    variant: Option<String>,
}

impl Platform {
    /// Linux on a machine like this one.
    pub fn here() -> Self {
        Self::new("linux", std::env::consts::ARCH, None)
    }

    /// Reads `os/arch[/variant]`, `arch` alone for Linux, or `os` alone for this machine's kind.
    pub fn parse(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let plain = |part: &&str| {
            !part.is_empty()
                && part.len() <= 64
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        };
        match parts.as_slice() {
            parts if !parts.iter().all(plain) => {}
            [os] if SYSTEMS.contains(os) => return Ok(Self::new(os, std::env::consts::ARCH, None)),
            [architecture] => return Ok(Self::new("linux", architecture, None)),
            [os, architecture] => return Ok(Self::new(os, architecture, None)),
            [os, architecture, variant] => return Ok(Self::new(os, architecture, Some(variant))),
            _ => {}
        }
        Err(Error::refused(format!(
            "`{}` as a platform: write os/arch or os/arch/variant, as in linux/arm64",
            oci::shown(text)
        )))
    }

    fn new(os: &str, architecture: &str, variant: Option<&str>) -> Self {
        let (architecture, own) = normal(&architecture.to_ascii_lowercase());
        let variant =
            variant.map(|variant| variant.to_ascii_lowercase()).filter(|variant| !variant.is_empty());
        let variant = variant.or(own.map(str::to_owned));
        let variant = variant.map(|variant| {
            if variant.starts_with(|first: char| first.is_ascii_digit()) {
                format!("v{variant}")
            } else {
                variant
            }
        });
        let variant = variant.filter(|variant| usual(&architecture) != Some(variant.as_str()));
        Self { os: os.to_ascii_lowercase(), architecture, variant }
    }

    /// Of an index's entries, the one that such a machine runs best: attestations are none of them.
    pub(crate) fn choose<'a>(&self, entries: &'a [Descriptor]) -> Option<&'a Descriptor> {
        let mut best: Option<(u32, &Descriptor)> = None;
        for entry in entries.iter().filter(|entry| !is_attestation(entry)) {
            // The first of equals, as every other tool has it.
            if let Some(rank) = self.rank(entry)
                && best.is_none_or(|(known, _)| rank > known)
            {
                best = Some((rank, entry));
            }
        }
        best.map(|(_, entry)| entry)
    }

    /// How well the machine runs what is for an entry's; none when not at all.
    fn rank(&self, entry: &Descriptor) -> Option<u32> {
        let theirs = Self::of(entry)?;
        if (&theirs.os, &theirs.architecture) != (&self.os, &self.architecture) {
            return None;
        }
        let (ours, theirs) = (self.level()?, theirs.level()?);
        (theirs <= ours).then_some(theirs)
    }

    fn of(entry: &Descriptor) -> Option<Self> {
        let platform = entry.platform.as_ref()?;
        Some(Self::new(&platform.os, &platform.architecture, platform.variant.as_deref()))
    }

    /// The number of the variant: a machine runs what has at most its own.
    fn level(&self) -> Option<u32> {
        let variant = self.variant.as_deref().or_else(|| usual(&self.architecture)).unwrap_or("v1");
        variant.strip_prefix('v')?.split('.').next()?.parse().ok()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.as_ref().map_or(Ok(()), |variant| write!(f, "/{variant}"))
    }
}

/// The platforms of an index's entries, for a person.
pub(crate) fn offered(entries: &[Descriptor]) -> String {
    let mut names: Vec<String> = entries
        .iter()
        .filter(|entry| !is_attestation(entry))
        .filter_map(Platform::of)
        .map(|platform| oci::shown(&platform.to_string()))
        .collect();
    names.sort();
    names.dedup();
    if names.is_empty() { "machines that it does not name".to_owned() } else { names.join(", ") }
}

/// What BuildKit puts beside images: provenance and bills of materials.
fn is_attestation(entry: &Descriptor) -> bool {
    entry.annotations.contains_key("vnd.docker.reference.type")
        || entry
            .platform
            .as_ref()
            .is_some_and(|platform| platform.os == "unknown" && platform.architecture == "unknown")
}

/// Go's name of an architecture, and the variant that the given one implies.
fn normal(architecture: &str) -> (String, Option<&'static str>) {
    let (name, variant) = match architecture {
        "x86_64" | "x86-64" => ("amd64", None),
        "aarch64" => ("arm64", None),
        "i386" | "i686" | "x86" => ("386", None),
        "armhf" => ("arm", Some("v7")),
        "armel" => ("arm", Some("v6")),
        "powerpc64le" => ("ppc64le", None),
        other => (other, None),
    };
    (name.to_owned(), variant)
}

/// The variant that is meant when none is said.
fn usual(architecture: &str) -> Option<&'static str> {
    match architecture {
        "arm" => Some("v7"),
        "arm64" => Some("v8"),
        "amd64" => Some("v1"),
        _ => None,
    }
}

const SYSTEMS: [&str; 5] = ["linux", "windows", "darwin", "freebsd", "wasi"];

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(platform: &str, number: u8) -> Descriptor {
        let parts: Vec<&str> = platform.split('/').collect();
        let variant = parts.get(2).map(|variant| format!(",\"variant\":\"{variant}\"")).unwrap_or_default();
        let text = format!(
            r#"{{"mediaType":"a/b","digest":"sha256:{}","size":1,"platform":{{"os":"{}","architecture":"{}"{variant}}}}}"#,
            format!("{number:02x}").repeat(32),
            parts[0],
            parts[1]
        );
        oci::json::read("descriptor", text.as_bytes()).unwrap()
    }

    fn chosen(wanted: &str, offered: &[&str]) -> Option<usize> {
        let entries: Vec<Descriptor> =
            offered.iter().zip(0..).map(|(platform, at)| entry(platform, at)).collect();
        let chosen = Platform::parse(wanted).unwrap().choose(&entries)?.clone();
        entries.iter().position(|entry| *entry == chosen)
    }

    #[test]
    fn names() {
        for (text, want) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("Linux/AArch64/8", "linux/arm64"),
            ("armhf", "linux/arm"),
            ("armel", "linux/arm/v6"),
            ("linux/arm/7", "linux/arm"),
        ] {
            assert_eq!(Platform::parse(text).unwrap().to_string(), want, "{text}");
        }
        for bad in ["", "/", "a/b/c/d", "linux/", "linux/a b", "linux/\u{1b}"] {
            assert!(Platform::parse(bad).is_err(), "{bad}");
        }
        assert!(Platform::here().to_string().starts_with("linux/"));
    }

    #[test]
    fn the_best_of_an_index() {
        for (wanted, offered, want) in [
            ("linux/amd64", &["linux/386", "linux/amd64", "linux/arm64/v8"][..], Some(1)),
            ("linux/arm64", &["linux/arm/v7", "linux/arm64/v8"], Some(1)),
            ("linux/arm64/v8", &["linux/arm64"], Some(0)),
            ("linux/arm/v7", &["linux/arm/v5", "linux/arm/v6"], Some(1)),
            ("linux/arm/v6", &["linux/arm/v7", "linux/arm/v5"], Some(1)),
            ("linux/arm/v6", &["linux/arm/v7"], None),
            ("linux/amd64", &["linux/amd64/v3", "linux/amd64"], Some(1)),
            ("linux/amd64/v3", &["linux/amd64", "linux/amd64/v2"], Some(1)),
            ("linux/amd64", &["windows/amd64"], None),
            ("linux/amd64", &["linux/amd64", "linux/amd64"], Some(0)),
            ("linux/unknown", &["unknown/unknown"], None),
        ] {
            assert_eq!(chosen(wanted, offered), want, "{wanted} of {offered:?}");
        }
    }

    #[test]
    fn attestations_are_no_images() {
        let mut beside = entry("linux/amd64", 0);
        beside.annotations.insert("vnd.docker.reference.type".to_owned(), "attestation-manifest".to_owned());
        assert!(Platform::parse("linux/amd64").unwrap().choose(&[beside]).is_none());
        assert_eq!(offered(&[entry("linux/arm64/v8", 1), entry("unknown/unknown", 2)]), "linux/arm64");
    }
}
