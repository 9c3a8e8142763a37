// SPDX-License-Identifier: Apache-2.0
//! Descriptors (image specification, descriptor.md), and what their media types mean.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::digest::{Digest, Hasher};
use crate::manifest::{OCI_CONFIG, OCI_LAYER};

/// What a blob is, how long, and which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Text")]
pub struct Descriptor {
    /// Its type.
    pub media_type: String,
    /// Its content.
    pub digest: Digest,
    /// Bytes.
    pub size: u64,
    /// The machine it is for, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Remarks.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Compression {
    Plain,
    Gzip,
    Zstd,
}

impl std::fmt::Display for Compression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}

impl Descriptor {
    /// How the layer that it describes is compressed, by its media type. A type that is no layer's is
    /// an error: an artifact is not an image.
    pub fn layer_compression(&self) -> Result<Compression, Error> {
        let kind = self.media_type.as_str();
        let suffix = LAYER_TYPES.iter().find_map(|begin| kind.strip_prefix(begin));
        match suffix {
            Some("") => Ok(Compression::Plain),
            Some("+gzip" | ".gzip") => Ok(Compression::Gzip),
            Some("+zstd" | ".zstd") => Ok(Compression::Zstd),
            _ => Err(Error::document(
                "manifest",
                format!("`{}` is not a layer's media type", crate::shown(kind)),
            )),
        }
    }

    /// That what it describes is an image's configuration.
    pub fn check_config(&self) -> Result<(), Error> {
        match self.media_type.as_str() {
            OCI_CONFIG | DOCKER_CONFIG => Ok(()),
            other => {
                let kind = crate::shown(other);
                Err(Error::document(
                    "manifest",
                    format!("its configuration is of the type `{kind}`: it is no image"),
                ))
            }
        }
    }
}

/// A kind of machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// GOARCH.
    pub architecture: String,
    /// GOOS.
    pub os: String,
    /// GOARCH's variant, such as `v7` of `arm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

/// A descriptor as it is written.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    media_type: String,
    digest: Digest,
    size: u64,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    urls: Vec<String>,
    artifact_type: Option<String>,
    data: Option<String>,
}

impl TryFrom<Text> for Descriptor {
    type Error = Error;

    fn try_from(text: Text) -> Result<Self, Error> {
        for kind in std::iter::once(&text.media_type).chain(&text.artifact_type) {
            if !is_media_type(kind) {
                return Err(Error::malformed(
                    "media type",
                    kind,
                    "write type/subtype (RFC 6838, section 4.2)",
                ));
            }
        }
        if let Some(url) = text.urls.iter().find(|url| !is_url(url)) {
            return Err(Error::malformed("URL", url, "it has no scheme"));
        }
        if let Some(data) = &text.data {
            check_data(data, &text.digest, text.size)?;
        }
        let Text { media_type, digest, size, platform, annotations, .. } = text;
        Ok(Self { media_type, digest, size, platform, annotations })
    }
}

/// RFC 6838, section 4.2: two restricted names.
fn is_media_type(text: &str) -> bool {
    let name = |name: &str| {
        (1..=127).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| name(kind) && name(subtype))
}

/// RFC 3986, section 3.1: a scheme, a colon, something behind it.
fn is_url(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && !rest.is_empty()
    })
}

/// Content that comes along must be the content that is meant.
fn check_data(data: &str, digest: &Digest, size: u64) -> Result<(), Error> {
    let refused = |reason: &str| Error::malformed("content of a descriptor", data, reason);
    let content = base64(data).ok_or_else(|| refused("it is not base64"))?;
    let mut hasher = Hasher::new(digest.algorithm());
    hasher.update(&content);
    if content.len() as u64 != size || hasher.finish() != *digest {
        return Err(refused("it is not what the digest says"));
    }
    Ok(())
}

/// RFC 4648, section 4, with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(((bits >> count) & 0xff).try_into().ok()?);
        }
    }
    Some(bytes)
}

const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Without what says how they are compressed.
const LAYER_TYPES: [&str; 4] = [
    OCI_LAYER,
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types() {
        for good in ["a/b", "application/vnd.oci.image.layer.v1.tar+gzip", "1/2"] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in ["", "a", "a/", "/b", ".a/b", "a/b/c", "a b/c", &format!("a/{}", "b".repeat(128))] {
            assert!(!is_media_type(bad), "{bad}");
        }
    }

    #[test]
    fn base64_of_rfc_4648() {
        for (text, bytes) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar")]
        {
            assert_eq!(base64(text).as_deref(), Some(bytes.as_bytes()));
        }
        for bad in ["Z", "Zg", "Zg=", "====", "Zg==Zg==", "Z-==", "Z m9v"] {
            assert_eq!(base64(bad), None, "{bad}");
        }
    }
}
