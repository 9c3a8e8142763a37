// SPDX-License-Identifier: Apache-2.0
//! What a pull comes to: which manifest, which configuration, which layers, and how to read them.

use oci::descriptor::Descriptor;
use oci::manifest::Document;
use oci::{Manifest, Reference};

use crate::blob::{BlobReader, Start};
use crate::cancel::Cancel;
use crate::client::{Client, Target};
use crate::document::{self, Fetched};
use crate::error::{Error, Result};
use crate::platform::{self, Platform};

/// What a pull comes to. All of it is checked but for the layers, which are as they are read.
#[derive(Debug, Clone)]
pub struct PullPlan {
    client: Client,
    repository: String,
    /// The document that the name stands for: an index, or the manifest itself. Its digest is what
    /// `NAME@DIGEST` means.
    pub named: Fetched,
    /// The manifest of the image for the wanted machine.
    pub manifest: Fetched,
    /// What the manifest says.
    pub image: Manifest,
    /// The bytes of the configuration, whose digest is the image's id.
    pub config: Vec<u8>,
}

/// Documents that the caller has already: what is asked for by digest need not travel again.
pub type Shelf<'a> = &'a dyn Fn(&Descriptor) -> Option<Vec<u8>>;

impl Client {
    /// Finds out what pulling `reference` for `platform` comes to. What `shelf` has is not fetched; it
    /// is checked as if it were.
    ///
    /// # Errors
    /// Besides those of reading a manifest: an index has nothing for the platform or is nested too
    /// deep; what it has is no image.
    pub fn plan(&self, reference: &Reference, platform: &Platform, shelf: Shelf<'_>) -> Result<PullPlan> {
        let repository = reference.path();
        let named = self.manifest(repository, &Target::of(reference))?;
        let manifest = self.descend(repository, &named, platform, &reference.familiar(), shelf)?;
        let Document::Manifest(image) = &manifest.document else {
            return Err(Error::refused(format!(
                "{}: its indexes are nested deeper than {DEEPEST}",
                reference.familiar()
            )));
        };
        image.config.check_config()?;
        for layer in &image.layers {
            layer.layer_compression()?;
        }
        let config = match shelf(&image.config).filter(|bytes| is_of(&image.config, bytes)) {
            Some(config) => config,
            None => self.small_blob(repository, &image.config, LARGEST_CONFIG)?,
        };
        let (image, repository) = (image.clone(), repository.to_owned());
        Ok(PullPlan { client: self.clone(), repository, named, manifest, image, config })
    }

    /// Goes down from `named` to the manifest for `platform`.
    pub fn for_platform(
        &self,
        repository: &str,
        named: &Fetched,
        platform: &Platform,
        name: &str,
    ) -> Result<Fetched> {
        self.descend(repository, named, platform, name, &|_| None)
    }

    fn descend(
        &self,
        repository: &str,
        named: &Fetched,
        platform: &Platform,
        name: &str,
        shelf: Shelf<'_>,
    ) -> Result<Fetched> {
        let mut found = named.clone();
        for _ in 0..DEEPEST {
            let Document::Index(index) = &found.document else { return Ok(found) };
            let Some(entry) = platform.choose(&index.manifests) else {
                let (name, wanted) = (name.to_owned(), platform.to_string());
                return Err(Error::NoSuchPlatform {
                    name,
                    wanted,
                    offered: platform::offered(&index.manifests),
                });
            };
            found = match shelf(entry).filter(|bytes| is_of(entry, bytes)) {
                Some(bytes) => {
                    let target = Target::Digest(entry.digest.clone());
                    document::checked("manifest", Some(&entry.media_type), None, &target, bytes)?
                }
                None => self.described(repository, entry)?,
            };
        }
        Ok(found)
    }

    /// The manifest that an index's entry describes, which must be what the entry says.
    pub(crate) fn described(&self, repository: &str, entry: &Descriptor) -> Result<Fetched> {
        let found = self.manifest(repository, &Target::Digest(entry.digest.clone()))?;
        let (told, is) =
            ((&entry.media_type, entry.size), (&found.descriptor.media_type, found.descriptor.size));
        if told != is {
            return Err(Error::Damaged {
                what: format!("the manifest {repository}@{}", entry.digest),
                how: format!("its index says {} of {} bytes, and it is {} of {}", told.0, told.1, is.0, is.1),
            });
        }
        Ok(found)
    }
}

impl PullPlan {
    /// The layers, the lowest first.
    pub fn layers(&self) -> &[Descriptor] {
        &self.image.layers
    }

    /// A layer's content, verified as it is read; `cancel` ends it.
    pub fn open(&self, layer: &Descriptor, start: Start, cancel: &Cancel) -> BlobReader {
        self.client.blob(&self.repository, layer, start).stopped_by(cancel)
    }

    /// Whom it comes from.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

fn is_of(descriptor: &Descriptor, bytes: &[u8]) -> bool {
    bytes.len() as u64 == descriptor.size
        && document::digest_of(descriptor.digest.algorithm(), bytes) == descriptor.digest
}

/// Real indexes list manifests; a few list indexes that do.
const DEEPEST: usize = 4;
/// image specification: configurations are a few KiB; documents are read up to 4 MiB.
const LARGEST_CONFIG: u64 = 4 << 20;
