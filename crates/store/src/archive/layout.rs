// SPDX-License-Identifier: Apache-2.0
//! OCI image layouts (image specification, image-layout.md).

use oci::manifest::Document;
use oci::{Descriptor, Manifest, Reference, json};
use serde::Deserialize;

use super::spool::Spool;
use super::{Found, FoundLayer, document};
use crate::error::{Error, Result};
use crate::import::ARCHITECTURE;

/// The images of the layout in `spool` that are for this machine.
pub(super) fn images(spool: &Spool) -> Result<Vec<Found>> {
    let marker: Marker = json::read("oci-layout file", &document(spool, "oci-layout")?)?;
    if marker.image_layout_version != "1.0.0" {
        let version = oci::shown(&marker.image_layout_version);
        return Err(Error::refused(format!("its layout has version `{version}` and not 1.0.0")));
    }
    let Document::Index(index) = Document::parse(&document(spool, "index.json")?)? else {
        return Err(Error::refused("its index.json is a manifest"));
    };
    let mut found = Vec::new();
    for descriptor in &index.manifests {
        if !is_attestation(descriptor) {
            take(spool, descriptor, 0, names(descriptor)?, &mut found)?;
        }
    }
    Ok(found)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Marker {
    image_layout_version: String,
}

fn take(
    spool: &Spool,
    descriptor: &Descriptor,
    depth: usize,
    names: Vec<Reference>,
    found: &mut Vec<Found>,
) -> Result<()> {
    if depth > DEEPEST {
        return Err(Error::refused(format!("its indexes are nested deeper than {DEEPEST}")));
    }
    let bytes = spool.verified(descriptor)?;
    match Document::parse_as(&descriptor.media_type, &bytes)? {
        Document::Manifest(manifest) => {
            found.push(image(spool, &manifest, bytes, names)?);
            Ok(())
        }
        Document::Index(index) => {
            let fitting =
                index.manifests.iter().filter(|inner| !is_attestation(inner)).find(|inner| fits(inner));
            match fitting {
                Some(inner) => take(spool, inner, depth + 1, names, found),
                None => Err(Error::refused(format!("it has no image for linux/{ARCHITECTURE}"))),
            }
        }
    }
}

fn image(spool: &Spool, manifest: &Manifest, bytes: Vec<u8>, names: Vec<Reference>) -> Result<Found> {
    let layers = manifest.layers.iter().map(|layer| {
        layer.layer_compression()?;
        let promised = Some(layer.clone());
        Ok(FoundLayer { member: spool.blob(layer)?, label: layer.digest.to_string(), promised })
    });
    manifest.config.check_config()?;
    Ok(Found {
        config: spool.verified(&manifest.config)?,
        manifest: Some(bytes),
        layers: layers.collect::<Result<_>>()?,
        names,
    })
}

/// `org.opencontainers.image.ref.name` is a tag or a whole name; containerd and Docker write the whole
/// name beside it.
fn names(descriptor: &Descriptor) -> Result<Vec<Reference>> {
    let full = descriptor.annotations.get("io.containerd.image.name");
    let short = descriptor
        .annotations
        .get("org.opencontainers.image.ref.name")
        .filter(|name| name.contains([':', '/']));
    let Some(name) = full.or(short) else { return Ok(Vec::new()) };
    let name = Reference::parse(name)?;
    if name.digest().is_some_and(|digest| *digest != descriptor.digest) {
        let name = name.familiar();
        return Err(Error::refused(format!("it calls an image `{name}`, which is another image's digest")));
    }
    Ok(vec![name])
}

fn fits(descriptor: &Descriptor) -> bool {
    descriptor
        .platform
        .as_ref()
        .is_none_or(|platform| platform.os == "linux" && platform.architecture == ARCHITECTURE)
}

/// BuildKit puts provenance beside images, as manifests for no machine.
fn is_attestation(descriptor: &Descriptor) -> bool {
    descriptor.platform.as_ref().is_some_and(|platform| platform.architecture == "unknown")
}

const DEEPEST: usize = 4;
