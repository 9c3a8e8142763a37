// SPDX-License-Identifier: Apache-2.0
//! OCI image layouts (image specification, image-layout.md).

use oci::manifest::{Descriptor, Document};
use oci::{Index, Manifest, Reference, json};

use super::spool::Spool;
use super::{Found, document};
use crate::error::{Error, Result};
use crate::import::ARCHITECTURE;

/// The images of the layout in `spool` that are for this machine.
pub(super) fn images(spool: &Spool) -> Result<Vec<Found>> {
    let index: Index = json::read("index", &document(spool, "index.json")?)?;
    let mut found = Vec::new();
    for descriptor in &index.manifests {
        if !is_attestation(descriptor) {
            take(spool, descriptor, 0, names(descriptor)?, &mut found)?;
        }
    }
    Ok(found)
}

fn take(spool: &Spool, descriptor: &Descriptor, depth: usize, names: Vec<Reference>, found: &mut Vec<Found>) -> Result<()> {
    if depth > DEEPEST {
        return Err(Error::refused(format!("its indexes are nested deeper than {DEEPEST}")));
    }
    let member = spool.blob(&descriptor.digest, descriptor.size)?;
    let bytes = spool.read(&member, "manifest")?;
    match Document::parse(&bytes)? {
        Document::Manifest(manifest) => {
            found.push(image(spool, descriptor, &manifest, names)?);
            Ok(())
        }
        Document::Index(index) => {
            let fitting = index.manifests.iter().filter(|inner| !is_attestation(inner)).find(|inner| fits(inner));
            match fitting {
                Some(inner) => take(spool, inner, depth + 1, names, found),
                None => Err(Error::refused(format!("it has no image for linux/{ARCHITECTURE}"))),
            }
        }
    }
}

fn image(spool: &Spool, descriptor: &Descriptor, manifest: &Manifest, names: Vec<Reference>) -> Result<Found> {
    let config = spool.blob(&manifest.config.digest, manifest.config.size)?;
    let layers = manifest.layers.iter().map(|layer| Ok((spool.blob(&layer.digest, layer.size)?, layer.digest.to_string())));
    Ok(Found {
        config: spool.read(&config, "configuration")?,
        manifest: Some(descriptor.digest.clone()),
        layers: layers.collect::<Result<_>>()?,
        names,
    })
}

/// `org.opencontainers.image.ref.name` is a tag or a whole name; containerd and Docker write the whole
/// name beside it.
fn names(descriptor: &Descriptor) -> Result<Vec<Reference>> {
    let full = descriptor.annotations.get("io.containerd.image.name");
    let short = descriptor.annotations.get("org.opencontainers.image.ref.name").filter(|name| name.contains([':', '/']));
    match full.or(short) {
        Some(name) => Ok(vec![Reference::parse(name)?]),
        None => Ok(Vec::new()),
    }
}

fn fits(descriptor: &Descriptor) -> bool {
    descriptor.platform.as_ref().is_none_or(|platform| platform.os == "linux" && platform.architecture == ARCHITECTURE)
}

/// BuildKit puts provenance beside images, as manifests for no machine.
fn is_attestation(descriptor: &Descriptor) -> bool {
    descriptor.platform.as_ref().is_some_and(|platform| platform.architecture == "unknown")
}

const DEEPEST: usize = 4;
