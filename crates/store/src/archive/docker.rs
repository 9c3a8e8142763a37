// SPDX-License-Identifier: Apache-2.0
//! What `docker save` writes: `manifest.json` names a configuration and layers by their members.

use oci::{Digest, json};
use serde::Deserialize;

use super::spool::Spool;
use super::{Found, FoundLayer, document};
use crate::error::{Error, Result};
use crate::images::tagged;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// The images of the archive in `spool`.
pub(super) fn images(spool: &Spool) -> Result<Vec<Found>> {
    if !spool.has("manifest.json")? {
        return Err(Error::refused(
            "it is neither an image layout (index.json) nor what `docker save` writes (manifest.json)",
        ));
    }
    let items: Vec<Item> = json::read("manifest.json", &document(spool, "manifest.json")?)?;
    items.into_iter().map(|item| image(spool, item)).collect()
}

fn image(spool: &Spool, item: Item) -> Result<Found> {
    let config = document(spool, &item.config)?;
    check_name(&item.config, &config)?;
    let layers = item.layers.unwrap_or_default().into_iter().map(|name| {
        let member = spool
            .find(&name)?
            .ok_or_else(|| Error::refused(format!("it has no layer `{}`", oci::shown(&name))))?;
        Ok(FoundLayer { member, label: oci::shown(&name), promised: None })
    });
    let names = item.repo_tags.unwrap_or_default();
    Ok(Found {
        config,
        manifest: None,
        layers: layers.collect::<Result<_>>()?,
        names: names.iter().map(|name| tagged(name)).collect::<Result<_>>()?,
    })
}

/// The configuration's name is its digest, in both the old form (`<hex>.json`) and the new
/// (`blobs/sha256/<hex>`), and an archive that says otherwise lies (CVE-2014-5282).
fn check_name(name: &str, config: &[u8]) -> Result<()> {
    let stem = name.rsplit('/').next().unwrap_or(name);
    let stem = stem.strip_suffix(".json").unwrap_or(stem);
    let found = Digest::sha256_of(config);
    if stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit()) && stem != found.hex() {
        return Err(Error::Digest {
            what: "the image's configuration".into(),
            wanted: format!("sha256:{stem}"),
            found: found.to_string(),
        });
    }
    Ok(())
}
