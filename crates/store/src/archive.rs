// SPDX-License-Identifier: Apache-2.0
//! `load`: archives that other tools made, as a stream or a directory.
//!
//! An archive's members are spooled to numbered files and known by name only in an index in memory;
//! no name from an archive ever becomes a path. An archive with an `index.json` is an OCI layout,
//! else its `manifest.json` says what `docker save` has put in.

mod docker;
mod layout;
mod spool;

use std::path::Path;

use oci::descriptor::Compression;
use oci::{Digest, Reference};

use crate::blobs::layer_descriptor;
use crate::decode::{Bounds, Decoder};
use crate::error::{Error, Result};
use crate::import::Watched;
use crate::intake::Intake;
use crate::layers::Promise;
use crate::{OnProgress, Store};
use spool::{Member, Spool};

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
struct FoundLayer {
    member: Member,
    /// What to call it in errors.
    label: String,
    /// What its media type says, when it has one.
    compression: Option<Compression>,
}

impl Store {
    /// Takes in all images of a docker-archive or an OCI layout in a tar stream, which may be
    /// compressed. Either all of them are here afterwards, or nothing of it is.
    pub fn load(&self, stream: impl std::io::Read, progress: OnProgress<'_>) -> Result<Vec<Loaded>> {
        let intake = self.intake()?;
        let stream = Watched { inner: stream, step: "reading", done: 0, told: 0, progress: &mut *progress };
        let decoder = Decoder::new(stream, Bounds::default(), &*self.unpacker)
            .map_err(|error| Error::refused(error.to_string()))?;
        let spool = Spool::of_tar(decoder, &intake.directory())?;
        take_in(intake, &spool, progress)
    }

    /// The same for an OCI layout in a directory.
    pub fn load_directory(&self, directory: &Path, progress: OnProgress<'_>) -> Result<Vec<Loaded>> {
        let intake = self.intake()?;
        let spool = Spool::of_directory(directory, &intake.directory())?;
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
    let mut layers = Vec::new();
    for (at, (layer, diff_id)) in image.layers.iter().zip(&config.rootfs.diff_ids).enumerate() {
        let step = format!("unpacking layer {} of {count}", at + 1);
        let (content, size) = (spool.content(&layer.member)?, layer.member.size());
        let stream = Watched {
            inner: spool.open(&layer.member)?,
            step: &step,
            done: 0,
            told: 0,
            progress: &mut *progress,
        };
        let compression = match layer.compression {
            Some(promised) if intake.is_taken(&content.digest, diff_id)? => promised,
            None if content.digest == *diff_id && intake.has_layer(diff_id)? => Compression::Plain,
            promised => {
                let content = Some(&content.digest);
                let promise = Promise { diff_id: Some(diff_id), compression: promised, content };
                intake.unpack(stream, promise, &layer.label)?.1
            }
        };
        intake.keep(&content.path, &content.digest, size);
        intake.pair(&content.digest, diff_id);
        layers.push(layer_descriptor(content.digest, size, compression));
    }
    match &image.manifest {
        Some(manifest) => intake.image(manifest, &image.config, &image.names),
        None => intake.image_without_manifest(&image.config, layers, &image.names),
    }
}

/// A document of an archive, which must be small.
fn document(spool: &Spool, name: &str) -> Result<Vec<u8>> {
    let member =
        spool.find(name)?.ok_or_else(|| Error::refused(format!("it has no `{}`", oci::shown(name))))?;
    spool.read(&member, name)
}
