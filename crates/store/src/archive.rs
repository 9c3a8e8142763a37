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

use oci::{Digest, Reference};

use crate::database::Row;
use crate::decode::{Bounds, Decoder};
use crate::error::{Error, Result};
use crate::import::now;
use crate::staging::Staging;
use crate::{OnProgress, Progress, Store};
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
    /// A layer's blob and what to call it in errors.
    layers: Vec<(Member, String)>,
    names: Vec<Reference>,
}

impl Store {
    /// Takes in all images of a docker-archive or an OCI layout in a tar stream, which may be
    /// compressed. Either all of them are here afterwards, or nothing of it is.
    pub fn load(&self, stream: impl std::io::Read, progress: OnProgress<'_>) -> Result<Vec<Loaded>> {
        let _hold = self.hold()?;
        let staging = Staging::make(&self.root)?;
        let stream = crate::import::Watched { inner: stream, done: 0, told: 0, progress: &mut *progress };
        let decoder = Decoder::new(stream, Bounds::default()).map_err(|error| Error::refused(error.to_string()))?;
        let spool = Spool::of_tar(decoder, &staging)?;
        self.take_in(&spool, &staging, progress)
    }

    /// The same for an OCI layout in a directory.
    pub fn load_directory(&self, directory: &Path, progress: OnProgress<'_>) -> Result<Vec<Loaded>> {
        let _hold = self.hold()?;
        let staging = Staging::make(&self.root)?;
        let spool = Spool::of_directory(directory)?;
        self.take_in(&spool, &staging, progress)
    }

    fn take_in(&self, spool: &Spool, staging: &Staging, progress: OnProgress<'_>) -> Result<Vec<Loaded>> {
        let found = if spool.has("index.json") { layout::images(spool)? } else { docker::images(spool)? };
        if found.is_empty() {
            return Err(Error::refused("it holds no image"));
        }
        let (mut rows, mut names, mut loaded, mut fresh) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for image in found {
            let row = self.unpack_image(&image, spool, staging, &mut fresh, progress).inspect_err(|_| self.forget(&fresh, staging))?;
            for name in &image.names {
                names.push((name.to_string(), row.id.clone()));
                loaded.push(Loaded::Named(name.familiar()));
            }
            if image.names.is_empty() {
                loaded.push(Loaded::Unnamed(row.id.clone()));
            }
            rows.push(row);
        }
        self.database()?.add(&rows, &names)?;
        Ok(loaded)
    }

    fn unpack_image(
        &self,
        image: &Found,
        spool: &Spool,
        staging: &Staging,
        fresh: &mut Vec<Digest>,
        progress: OnProgress<'_>,
    ) -> Result<Row> {
        let config = oci::ImageConfig::parse(&image.config)?;
        if config.rootfs.diff_ids.len() != image.layers.len() {
            return Err(Error::refused(format!(
                "its configuration names {} layers and its manifest {}",
                config.rootfs.diff_ids.len(),
                image.layers.len()
            )));
        }
        let mut size = 0;
        for (at, ((member, label), diff_id)) in image.layers.iter().zip(&config.rootfs.diff_ids).enumerate() {
            progress(Progress { step: "unpacking layer", done: at as u64 + 1, total: Some(image.layers.len() as u64) });
            let layer = match self.layer(diff_id)? {
                Some(layer) => layer,
                None => {
                    let layer = self.unpack_layer(spool.open(member)?, Some(diff_id), label, staging)?;
                    fresh.push(diff_id.clone());
                    layer
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

    /// Takes back layers that a refused archive brought. Another command that relies on one of them
    /// meanwhile would have found it published, so only layers that no image names go.
    fn forget(&self, fresh: &[Digest], staging: &Staging) {
        let known = self.list().map(|list| list.into_iter().flat_map(|summary| summary.image.layers).collect::<Vec<_>>());
        let Ok(known) = known else { return };
        for layer in fresh.iter().filter(|layer| !known.contains(layer)) {
            // What stays is unused, not wrong: its content was checked.
            drop(std::fs::rename(self.layer_directory(layer), staging.path().join(layer.hex())));
        }
    }
}

/// A document of an archive, which must be small.
fn document(spool: &Spool, name: &str) -> Result<Vec<u8>> {
    let member = spool.find(name).ok_or_else(|| Error::refused(format!("it has no `{}`", oci::shown(name))))?;
    spool.read(&member, name)
}
