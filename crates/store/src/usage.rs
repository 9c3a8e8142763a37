// SPDX-License-Identifier: Apache-2.0
//! What the store takes of the disk.

use std::collections::BTreeMap;

use oci::Digest;

use crate::error::{Error, Result};
use crate::{Store, Summary};

/// What the store holds. Every layer and every piece of content is there once, however many images have
/// it.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    /// Each image, the newest first.
    pub images: Vec<ImageUsage>,
    /// Bytes of each layer's files, holes not counted.
    pub layers: BTreeMap<Digest, u64>,
    /// Bytes of each piece of content as it arrived: manifests, configurations and compressed layers.
    pub content: BTreeMap<Digest, u64>,
}

/// What one image has of that.
#[derive(Debug, Clone)]
pub struct ImageUsage {
    /// The image.
    pub summary: Summary,
    /// The content it came in.
    pub content: Vec<Digest>,
}

impl Store {
    /// What everything that some image has takes. Content of transfers that were cut off is not in it.
    pub fn usage(&self) -> Result<Usage> {
        let _hold = self.hold()?;
        let mut usage = Usage::default();
        let database = self.database()?;
        for summary in self.list()? {
            for layer in &summary.image.layers {
                if !usage.layers.contains_key(layer) {
                    usage.layers.insert(layer.clone(), self.layer_size(layer)?);
                }
            }
            let digests = database.blobs_of(&summary.image.id.to_string())?;
            let content = digests.iter().map(|text| Digest::parse(text)).collect::<Result<Vec<_>, _>>()?;
            for digest in &content {
                if !usage.content.contains_key(digest) {
                    usage.content.insert(digest.clone(), self.content_size(digest)?);
                }
            }
            usage.images.push(ImageUsage { summary, content });
        }
        Ok(usage)
    }

    fn content_size(&self, digest: &Digest) -> Result<u64> {
        let path = self.blob_path(digest);
        match std::fs::metadata(&path) {
            Ok(found) => Ok(found.len()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(Error::io("measure content of the store", &path, error)),
        }
    }
}
