// SPDX-License-Identifier: Apache-2.0
//! Image configurations (image specification, config.md), with what Docker adds.
//!
//! Docker writes `null` where the specification has an empty list, so `null` reads as empty. Unknown
//! fields are let through: the bytes, and with them the image's id, are kept as they came.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::{Error, json};

/// A whole configuration.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    /// When the image was made, RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// GOARCH.
    #[serde(default)]
    pub architecture: String,
    /// GOARCH's variant.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// GOOS.
    #[serde(default)]
    pub os: String,
    /// How a container of it runs.
    #[serde(default, deserialize_with = "null_is_default")]
    pub config: Process,
    /// Its layers.
    pub rootfs: RootFs,
    /// How it came to be.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
}

/// The layers, by the digest of their uncompressed tar.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The lowest first.
    #[serde(default, deserialize_with = "null_is_default")]
    pub diff_ids: Vec<Digest>,
}

/// How a container of the image runs, unless told otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Process {
    /// `user[:group]`, names or numbers.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `NAME=value`.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// Comes before the command.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// The default command, or arguments for the entrypoint.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Absolute.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Labels.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Mount points.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: BTreeMap<String, Empty>,
    /// Ports.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "BTreeMap::is_empty")]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// `SIGTERM` or a number.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub stop_signal: String,
    /// How to tell whether it is well (Docker's); not looked into here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<serde_json::Value>,
    /// Instructions for who builds on this image (Docker's).
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "Vec::is_empty")]
    pub on_build: Vec<String>,
}

/// The value of a set's members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Empty {}

/// One step of how the image came to be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct History {
    /// RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// The instruction.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// A remark.
    #[serde(default, deserialize_with = "null_is_default", skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Whether it has no layer of its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// Reads and checks a configuration.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let config: Self = json::read(WHAT, bytes)?;
        if config.rootfs.kind != "layers" {
            return Err(Error::document(
                WHAT,
                format!("rootfs.type is `{}` and not `layers`", crate::shown(&config.rootfs.kind)),
            ));
        }
        let dates = config.history.iter().filter_map(|step| step.created.as_ref()).chain(&config.created);
        for date in dates {
            crate::date::parse(date)?;
        }
        if config.rootfs.diff_ids.len() > MOST_LAYERS {
            return Err(Error::document(WHAT, format!("it has more than {MOST_LAYERS} layers")));
        }
        if let Some(entry) =
            config.config.env.iter().find(|entry| !entry.contains('=') || entry.starts_with('='))
        {
            return Err(Error::document(
                WHAT,
                format!("the variable `{}` is not NAME=value", crate::shown(entry)),
            ));
        }
        Ok(config)
    }
}

/// Reads `null` as the type's default.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

const WHAT: &str = "image configuration";
/// overlayfs joins 500, one of which the engine adds; real images stay below 127.
const MOST_LAYERS: usize = 499;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn docker_nulls_and_unknown_fields_are_fine() {
        let text = br#"{"architecture":"amd64","os":"linux","container":"x","config":{"Env":null,"Cmd":["sh"],"Labels":null,"OnBuild":null},
            "rootfs":{"type":"layers","diff_ids":[]}}"#;
        let config = ImageConfig::parse(text).unwrap();
        assert_eq!(config.config.cmd, ["sh"]);
        assert!(ImageConfig::parse(br#"{"rootfs":{"type":"tar","diff_ids":[]}}"#).is_err());
        assert!(
            ImageConfig::parse(br#"{"config":{"Env":["NOPE"]},"rootfs":{"type":"layers","diff_ids":[]}}"#)
                .is_err()
        );
    }
}
