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

use crate::database::Row;
use crate::decode::{Bounds, Decoder};
use crate::error::{Error, Result};
use crate::import::{Watched, now};
use crate::layers::{Fresh, Promise};
use crate::staging::Staging;
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
    manifest: Option<Digest>,
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
        let _hold = self.hold()?;
        let staging = Staging::make(&self.root)?;
        let stream = Watched { inner: stream, step: "reading", done: 0, told: 0, progress: &mut *progress };
        let decoder =
            Decoder::new(stream, Bounds::default()).map_err(|error| Error::refused(error.to_string()))?;
        let spool = Spool::of_tar(decoder, &staging)?;
        self.take_in(&spool, staging, progress)
    }

    /// The same for an OCI layout in a directory.
    pub fn load_directory(&self, directory: &Path, progress: OnProgress<'_>) -> Result<Vec<Loaded>> {
        let _hold = self.hold()?;
        let staging = Staging::make(&self.root)?;
        let spool = Spool::of_directory(directory)?;
        self.take_in(&spool, staging, progress)
    }

    fn take_in(&self, spool: &Spool, mut staging: Staging, progress: OnProgress<'_>) -> Result<Vec<Loaded>> {
        let found = if spool.has("index.json")? { layout::images(spool)? } else { docker::images(spool)? };
        if found.is_empty() {
            return Err(Error::refused("it holds no image"));
        }
        let (mut rows, mut names, mut loaded, mut fresh) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for image in found {
            let row = self.unpack_image(&image, spool, &staging, &mut fresh, progress)?;
            for name in &image.names {
                names.push((name.to_string(), row.id.clone()));
                loaded.push(Loaded::Named(name.familiar()));
            }
            if image.names.is_empty() {
                loaded.push(Loaded::Unnamed(row.id.clone()));
            }
            rows.push(row);
        }
        staging.begin_publishing();
        self.publish(&fresh)?;
        self.database()?.add(&rows, &names)?;
        staging.finish();
        Ok(loaded)
    }

    /// Unpacks the layers of `image` that are neither here nor among the `fresh` ones.
    fn unpack_image(
        &self,
        image: &Found,
        spool: &Spool,
        staging: &Staging,
        fresh: &mut Vec<Fresh>,
        progress: OnProgress<'_>,
    ) -> Result<Row> {
        let config = oci::ImageConfig::parse(&image.config)?;
        let count = image.layers.len();
        if config.rootfs.diff_ids.len() != count {
            let configured = config.rootfs.diff_ids.len();
            return Err(Error::refused(format!(
                "its configuration names {configured} layers and its manifest {count}"
            )));
        }
        let mut size = 0;
        for (at, (layer, diff_id)) in image.layers.iter().zip(&config.rootfs.diff_ids).enumerate() {
            let known =
                fresh.iter().map(|fresh| &fresh.layer).find(|layer| layer.diff_id == *diff_id).cloned();
            let known = match known {
                None => self.layer(diff_id)?,
                known => known,
            };
            let layer = match known {
                Some(layer) => layer,
                None => {
                    let step = format!("unpacking layer {} of {count}", at + 1);
                    let inner = spool.open(&layer.member)?;
                    let stream = Watched { inner, step: &step, done: 0, told: 0, progress: &mut *progress };
                    let promise = Promise { diff_id: Some(diff_id), compression: layer.compression };
                    fresh.push(self.unpack_layer(stream, promise, &layer.label, staging)?);
                    fresh[fresh.len() - 1].layer.clone()
                }
            };
            size += layer.summary.bytes;
        }
        let id = Digest::sha256_of(&image.config);
        Ok(Row {
            id: id.to_string(),
            manifest: image.manifest.as_ref().map(Digest::to_string),
            config: image.config.clone(),
            size,
            added: now(),
        })
    }
}

/// A document of an archive, which must be small.
fn document(spool: &Spool, name: &str) -> Result<Vec<u8>> {
    let member =
        spool.find(name)?.ok_or_else(|| Error::refused(format!("it has no `{}`", oci::shown(name))))?;
    spool.read(&member, name)
}
