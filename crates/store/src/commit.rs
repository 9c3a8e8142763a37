// SPDX-License-Identifier: Apache-2.0
//! One more layer on an image makes another image.

use std::io::{self, BufReader, BufWriter, Seek as _, Write};

use oci::config::{History, Process};
use oci::digest::Algorithm;
use oci::{Descriptor, Digest, date};

use crate::blobs::{layer_descriptor, new_file};
use crate::error::{Error, Result};
use crate::images::tagged;
use crate::layers::{Content, Hashing, Promise, Tap};
use crate::{Image, Store};

/// What the new image says of itself.
#[derive(Debug, Clone)]
pub struct Commit {
    /// How a container of it runs.
    pub process: Process,
    /// When it was made, in seconds since 1970. The same content and time give the same image.
    pub created: i64,
    /// Who made it; nothing when nobody said.
    pub author: String,
    /// A remark for its history.
    pub message: String,
    /// The command whose container it was.
    pub created_by: String,
}

impl Store {
    /// Puts the layer that `write` writes, an uncompressed tar archive, on top of `base`, and names the result.
    ///
    /// # Errors
    /// Those of `write`, and of unpacking what it wrote: the rules for layers hold for our own as well.
    pub fn commit(
        &self,
        base: &Image,
        reference: Option<&str>,
        commit: &Commit,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Digest> {
        let reference = reference.map(tagged).transpose()?;
        let intake = self.intake()?;
        let mut layers = self.layers_of(base)?;
        let path = intake.new_path();
        let failed = |error| Error::io("write the new layer", &path, error);
        let mut file = new_file(&path)?;
        let mut buffered = BufWriter::new(&file);
        write(&mut buffered).and_then(|()| buffered.flush()).map_err(failed)?;
        drop(buffered);
        file.rewind().map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let tap = Tap::new(Algorithm::Sha256);
        let hashing = Hashing { inner: BufReader::new(file), tap: tap.clone() };
        let promise = Promise { content: Content::Passing(&tap), ..Promise::default() };
        let (layer, compression) = intake.unpack(hashing, promise, "of the container")?;
        let digest = tap.digest();
        intake.keep(&path, &digest, size);
        intake.pair(&digest, &layer.diff_id);
        layers.push(layer_descriptor(digest, size, compression));
        let mut config = base.config.clone();
        config.created = Some(date::format(commit.created));
        config.config = commit.process.clone();
        config.rootfs.diff_ids.push(layer.diff_id);
        if !commit.author.is_empty() {
            config.author = commit.author.clone();
        }
        config.history.push(History {
            created: config.created.clone(),
            created_by: commit.created_by.clone(),
            comment: commit.message.clone(),
            ..History::default()
        });
        let bytes = serde_json::to_vec(&config).map_err(|error| Error::invalid(error.to_string()))?;
        let id = intake.image_without_manifest(&bytes, layers, reference.as_slice())?;
        intake.finish()?;
        Ok(id)
    }

    /// The layers of `base` as they are kept, in the image specification's types.
    fn layers_of(&self, base: &Image) -> Result<Vec<Descriptor>> {
        let kept = self.manifest(base)?.manifest.layers;
        let described = kept.into_iter().map(|layer| {
            let compression = layer.layer_compression()?;
            Ok(layer_descriptor(layer.digest, layer.size, compression))
        });
        described.collect()
    }
}
