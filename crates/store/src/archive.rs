// SPDX-License-Identifier: Apache-2.0
//! `load`: archives that other tools made, as a file, a stream or a directory.
//!
//! An archive's members are known by name only in an index in memory; no name from an archive ever becomes a
//! path. An archive with an `index.json` is an OCI layout, else its `manifest.json` says what `docker save`
//! has put in.
//!
//! Layers are taken in side by side, and each in one pass, straight from the archive. Only what comes through
//! a pipe is written to numbered files first: the list of its layers stands at the end.

mod docker;
mod index;
mod layout;
mod spool;
mod telling;

use std::fs::File;
use std::path::Path;

use oci::descriptor::Compression;
use oci::{Descriptor, Digest, Reference};

use crate::blobs::{layer_descriptor, same};
use crate::decode::{Bounds, Decoder};
use crate::error::{Error, Result};
use crate::import::{Expected, READING, Watched};
use crate::intake::Intake;
use crate::layers::{Content, Promise};
use crate::{OnProgress, Store};
use spool::{Member, Spool};
use telling::Telling;

/// An image that an archive brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Loaded {
    /// It has this name now.
    Named(String),
    /// It came without a name.
    Unnamed(String),
}

/// One image of an archive, before its layers are unpacked.
struct Found {
    config: Vec<u8>,
    /// As it stands in the archive, when there is one.
    manifest: Option<Vec<u8>>,
    layers: Vec<FoundLayer>,
    names: Vec<Reference>,
}

/// A layer's blob.
#[derive(Debug, Clone, PartialEq)]
struct FoundLayer {
    member: Member,
    /// What to call it in errors.
    label: String,
    /// What the manifest says of it, when there is one.
    promised: Option<Descriptor>,
}

impl Store {
    /// Takes in all images of a docker-archive or an OCI layout in a tar file or pipe, which may be
    /// compressed. Either all of them are here afterwards, or nothing of it is.
    pub fn load(&self, archive: File, progress: OnProgress<'_>) -> Result<Vec<Loaded>> {
        let intake = self.intake()?;
        let spool = match index::members(&archive)? {
            Some(members) => Spool::of_file(archive, members),
            None => {
                let stream = Watched::new(archive, READING, &mut *progress);
                let decoder = Decoder::new(stream, Bounds::default(), &*self.unpacker)
                    .map_err(|error| Error::refused(error.to_string()))?;
                Spool::of_tar(decoder, &intake.directory())?
            }
        };
        take_in(intake, &spool, progress)
    }

    /// The same for an OCI layout in a directory.
    pub fn load_directory(&self, directory: &Path, progress: OnProgress<'_>) -> Result<Vec<Loaded>> {
        let intake = self.intake()?;
        let spool = Spool::of_directory(directory)?;
        take_in(intake, &spool, progress)
    }
}

fn take_in(intake: Intake<'_>, spool: &Spool, progress: OnProgress<'_>) -> Result<Vec<Loaded>> {
    let found = if spool.has("index.json")? { layout::images(spool)? } else { docker::images(spool)? };
    if found.is_empty() {
        return Err(Error::refused("it holds no image"));
    }
    let mut loaded = Vec::new();
    for image in found {
        let id = take_image(&intake, &image, spool, progress)?;
        loaded.extend(image.names.iter().map(|name| Loaded::Named(name.familiar())));
        if image.names.is_empty() {
            loaded.push(Loaded::Unnamed(id.to_string()));
        }
    }
    intake.finish()?;
    Ok(loaded)
}

fn take_image(intake: &Intake<'_>, image: &Found, spool: &Spool, progress: OnProgress<'_>) -> Result<Digest> {
    let config = oci::ImageConfig::parse(&image.config)?;
    let (count, configured) = (image.layers.len(), config.rootfs.diff_ids.len());
    if configured != count {
        return Err(Error::refused(format!(
            "its configuration names {configured} layers and its manifest {count}"
        )));
    }
    let layers: Vec<_> = image.layers.iter().zip(&config.rootfs.diff_ids).collect();
    // An image may have the same layer twice.
    let mut once = layers.clone();
    let mut seen = Vec::new();
    once.retain(|layer| {
        !seen.contains(layer) && {
            seen.push(*layer);
            true
        }
    });
    let telling = Telling::new("unpacking", progress);
    let taken =
        telling.each(&once, |(layer, diff_id)| take_layer(intake, spool, layer, diff_id, &telling))?;
    match &image.manifest {
        Some(manifest) => intake.image(manifest, &image.config, &image.names),
        None => {
            let place = |layer| once.iter().position(|known| known == layer);
            let described = layers.iter().filter_map(|layer| Some(taken[place(layer)?].clone())).collect();
            intake.image_without_manifest(&image.config, described, &image.names)
        }
    }
}

fn take_layer(
    intake: &Intake<'_>,
    spool: &Spool,
    layer: &FoundLayer,
    diff_id: &Digest,
    telling: &Telling<'_>,
) -> Result<Descriptor> {
    let FoundLayer { member, label, promised } = layer;
    let compression = promised.as_ref().map(Descriptor::layer_compression).transpose()?;
    let name = promised.as_ref().map_or_else(|| diff_id.to_string(), |promised| promised.digest.to_string());
    let Some(content) = spool.content(member, promised.as_ref())? else {
        let stream = telling.watch(spool.open(member)?, &name, member.size());
        let expected = Expected { content: promised.as_ref(), compression, diff_id: Some(diff_id) };
        return Ok(intake.take_stream(stream, expected, label)?.1);
    };
    if let Some(promised) = promised {
        same(&promised.digest, &content.digest, || format!("the blob {}", promised.digest))?;
    }
    let compression = match compression {
        Some(promised) if intake.is_taken(&content.digest, diff_id)? => promised,
        None if content.digest == *diff_id && intake.has_layer(diff_id)? => Compression::Plain,
        promised => {
            let content = Content::Checked(&content.digest);
            let promise = Promise { diff_id: Some(diff_id), compression: promised, content };
            intake.unpack(telling.watch(spool.open(member)?, &name, member.size()), promise, label)?.1
        }
    };
    intake.keep(&content.path, &content.digest, member.size());
    intake.pair(&content.digest, diff_id);
    Ok(layer_descriptor(content.digest, member.size(), compression))
}

/// A document of an archive, which must be small.
fn document(spool: &Spool, name: &str) -> Result<Vec<u8>> {
    let member =
        spool.find(name)?.ok_or_else(|| Error::refused(format!("it has no `{}`", oci::shown(name))))?;
    spool.read(&member, name)
}
