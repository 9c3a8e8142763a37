// SPDX-License-Identifier: Apache-2.0
//! Manifests and indexes (image specification; Docker's schema 2 is the same under other names).

use serde::{Deserialize, Serialize};

use crate::descriptor::Descriptor;
use crate::{Error, json};

/// One image.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// Its own type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The lowest first.
    pub layers: Vec<Descriptor>,
    /// What it is about, when it is an attachment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
}

/// Several images.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// Its own type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What it lists.
    pub manifests: Vec<Descriptor>,
    /// What it is about, when it is an attachment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
}

/// A manifest or an index.
#[derive(Debug, Clone)]
pub enum Document {
    /// One image.
    Manifest(Manifest),
    /// Several.
    Index(Index),
}

impl Document {
    /// Reads a document and says which it is: by its own fields, which must not be those of both
    /// (CVE-2021-41190), and by its media type when it has one.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let fields: Fields = json::read(WHAT, bytes)?;
        if fields.schema_version == Some(1) {
            return Err(Error::document(
                WHAT,
                "it is of schema 1, which carries no digests of layers; push the image again with a current tool",
            ));
        }
        if fields.schema_version != Some(2) {
            return Err(Error::document(WHAT, "schemaVersion is not 2"));
        }
        if fields.fs_layers.is_some() {
            return Err(Error::document(WHAT, "it has the layers of schema 1 besides (CVE-2021-41190)"));
        }
        let index_type = fields.media_type.as_deref().is_some_and(|kind| INDEX_TYPES.contains(&kind));
        let manifest_type = fields.media_type.as_deref().is_some_and(|kind| MANIFEST_TYPES.contains(&kind));
        if fields.media_type.is_some() && !index_type && !manifest_type {
            return Err(Error::document(WHAT, "its media type is neither a manifest's nor an index's"));
        }
        let (image, list) = (fields.config.is_some() || fields.layers.is_some(), fields.manifests.is_some());
        match (image, list) {
            (true, true) => {
                Err(Error::document(WHAT, "it has the fields of a manifest and of an index (CVE-2021-41190)"))
            }
            (true, false) if !index_type => Self::manifest(bytes),
            (false, true) if !manifest_type => json::read("index", bytes).map(Self::Index),
            _ => Err(Error::document(WHAT, "its fields are not those of its media type")),
        }
    }

    /// Reads a document that a descriptor calls `media_type`, which must be what it turns out to be
    /// (CVE-2021-41190).
    pub fn parse_as(media_type: &str, bytes: &[u8]) -> Result<Self, Error> {
        let document = Self::parse(bytes)?;
        let (types, own) = match &document {
            Self::Manifest(manifest) => (MANIFEST_TYPES, &manifest.media_type),
            Self::Index(index) => (INDEX_TYPES, &index.media_type),
        };
        if !types.contains(&media_type) || own.as_ref().is_some_and(|own| own != media_type) {
            let kind = crate::shown(media_type);
            return Err(Error::document(WHAT, format!("its descriptor says it is of the type `{kind}`")));
        }
        Ok(document)
    }

    fn manifest(bytes: &[u8]) -> Result<Self, Error> {
        let manifest: Manifest = json::read(WHAT, bytes)?;
        if manifest.layers.is_empty() {
            return Err(Error::document(WHAT, "it lists no layers"));
        }
        if manifest.layers.len() > MOST_LAYERS {
            return Err(Error::document(WHAT, format!("it lists more than {MOST_LAYERS} layers")));
        }
        Ok(Self::Manifest(manifest))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    schema_version: Option<u32>,
    media_type: Option<String>,
    config: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
    manifests: Option<serde::de::IgnoredAny>,
    fs_layers: Option<serde::de::IgnoredAny>,
}

/// The media type of our own manifests.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of our own configurations.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The media type of a layer as it lies in an archive.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

const WHAT: &str = "manifest";
const MANIFEST_TYPES: [&str; 2] = [OCI_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json"];
const INDEX_TYPES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
/// As in the configuration.
const MOST_LAYERS: usize = 499;

#[cfg(test)]
mod tests {
    use super::*;

    fn digest() -> String {
        format!("sha256:{}", "0".repeat(64))
    }

    #[test]
    fn manifest_and_index_are_told_apart() {
        let described = format!(r#"{{"mediaType":"x/y","digest":"{}","size":1}}"#, digest());
        let config = format!(r#""config":{described},"layers":[{described}]"#);
        assert!(matches!(
            Document::parse(format!(r#"{{"schemaVersion":2,{config}}}"#).as_bytes()),
            Ok(Document::Manifest(_))
        ));
        assert!(matches!(Document::parse(br#"{"schemaVersion":2,"manifests":[]}"#), Ok(Document::Index(_))));
        let both = format!(r#"{{"schemaVersion":2,{config},"manifests":[]}}"#);
        assert!(Document::parse(both.as_bytes()).unwrap_err().to_string().contains("CVE-2021-41190"));
        let old = format!(r#"{{"schemaVersion":2,{config},"fsLayers":[]}}"#);
        assert!(Document::parse(old.as_bytes()).unwrap_err().to_string().contains("schema 1"));
        let lie = format!(r#"{{"schemaVersion":2,"mediaType":"{}",{config}}}"#, INDEX_TYPES[0]);
        assert!(Document::parse(lie.as_bytes()).is_err());
        assert!(Document::parse(br#"{"schemaVersion":1}"#).unwrap_err().to_string().contains("schema 1"));
    }
}
