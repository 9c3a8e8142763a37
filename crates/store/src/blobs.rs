// SPDX-License-Identifier: Apache-2.0
//! Content as it arrived: manifests, configurations and layers, each in a file named by its digest.
//!
//! They are kept so that what is pushed or saved again is what came, byte for byte. A file is renamed
//! into `blobs/` whole and checked, and goes with the last image that names it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use oci::descriptor::Compression;
use oci::manifest::{Document, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use oci::{Descriptor, Digest, Manifest, Reference};

use crate::error::{Error, Result};
use crate::layers::layer_name;
use crate::{Image, Store};

/// A manifest that is here, with everything it names.
#[derive(Debug, Clone)]
pub struct StoredManifest {
    /// Its type, digest and length.
    pub descriptor: Descriptor,
    /// As it arrived, or as it was made for an image that came without one.
    pub bytes: Vec<u8>,
    /// The same, read.
    pub manifest: Manifest,
}

impl Store {
    /// The manifest of `image`; what it names can be opened with [`Store::open_blob`] while the caller
    /// holds the store ([`Store::hold`]).
    ///
    /// # Errors
    /// Images that an earlier version took in have no content besides their files.
    pub fn manifest(&self, image: &Image) -> Result<StoredManifest> {
        let absent = || {
            Error::invalid(format!(
                "the image {} came in before Bulkhead kept the content that images arrive in; load it again",
                image.id.short()
            ))
        };
        let digest = image.manifest.as_ref().ok_or_else(absent)?;
        let mut bytes = Vec::new();
        let blob = self.open_blob(digest)?.ok_or_else(absent)?;
        let damaged = |error: io::Error| Error::io("read a manifest", &self.blob_path(digest), error);
        blob.take(LARGEST_DOCUMENT).read_to_end(&mut bytes).map_err(damaged)?;
        check(digest, "the manifest", &bytes)?;
        let Document::Manifest(manifest) = Document::parse(&bytes)? else {
            return Err(Error::invalid(format!("{digest} is kept as a manifest and is an index")));
        };
        let media_type = manifest.media_type.clone().unwrap_or_else(|| OCI_MANIFEST.to_owned());
        Ok(StoredManifest { descriptor: described(media_type, digest.clone(), &bytes), bytes, manifest })
    }

    /// A document (manifest, index or configuration) that `promised` describes, as far as its length goes;
    /// nothing when it is not here.
    pub fn document(&self, promised: &Descriptor) -> Result<Option<Vec<u8>>> {
        if promised.size > LARGEST_DOCUMENT || !self.has_blob(promised)? {
            return Ok(None);
        }
        let Some(blob) = self.open_blob(&promised.digest)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let read = blob.take(LARGEST_DOCUMENT).read_to_end(&mut bytes);
        read.map_err(|error| Error::io("read a document", &self.blob_path(&promised.digest), error))?;
        Ok(Some(bytes))
    }

    /// The content with this digest; nothing when it is not here. Its digest was checked when it came.
    pub fn open_blob(&self, digest: &Digest) -> Result<Option<File>> {
        let path = self.blob_path(digest);
        match File::open(&path) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("open content of the store", &path, error)),
        }
    }

    /// Whether the content that `promised` describes is here.
    ///
    /// # Errors
    /// It is here with another length, which says that somebody changed the store.
    pub fn has_blob(&self, promised: &Descriptor) -> Result<bool> {
        let path = self.blob_path(&promised.digest);
        match std::fs::metadata(&path) {
            Ok(found) if found.len() == promised.size => Ok(true),
            Ok(found) => Err(Error::invalid(format!(
                "{} has {} bytes in the store and {} are said of it",
                promised.digest,
                found.len(),
                promised.size
            ))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::io("look for content of the store", &path, error)),
        }
    }

    /// The image that is called `name`, if it came in with this manifest (its `bytes`, and what they say)
    /// and all of it is here: then there is nothing to take in. The caller holds the store.
    ///
    /// # Errors
    /// Content is here with another length than the manifest says.
    pub fn whole(&self, name: &Reference, bytes: &[u8], manifest: &Manifest) -> Result<Option<Image>> {
        let digest = Digest::sha256_of(bytes);
        let database = self.database()?;
        let Some(row) = database.named(&name.to_string())? else { return Ok(None) };
        let image = crate::images::image(row)?;
        let same = image.manifest.as_ref() == Some(&digest) && image.id == manifest.config.digest;
        if !same || image.layers.len() != manifest.layers.len() || self.open_blob(&digest)?.is_none() {
            return Ok(None);
        }
        let pairs = database.pairs(&image.id.to_string())?;
        let mut whole = self.has_blob(&manifest.config)?;
        for (layer, diff_id) in manifest.layers.iter().zip(&image.layers) {
            whole = whole
                && pairs.contains(&(layer.digest.to_string(), diff_id.to_string()))
                && self.has_blob(layer)?
                && self.layer(diff_id)?.is_some();
        }
        Ok(whole.then_some(image))
    }

    pub(crate) fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(layer_name(digest))
    }

    /// Removes content that no image names, and says how many bytes that was. The caller holds the store
    /// alone.
    pub(crate) fn remove_unused_blobs(&self) -> Result<u64> {
        let parent = self.root.join("blobs");
        let failed = |error| Error::io("list the store's content", &parent, error);
        let used: HashSet<String> =
            self.database()?.blobs()?.into_iter().map(|digest| digest.replacen(':', "-", 1)).collect();
        let mut bytes = 0;
        for entry in std::fs::read_dir(&parent).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| used.contains(name)) {
                continue;
            }
            bytes += entry.metadata().map_err(failed)?.len();
            let path = parent.join(&name);
            std::fs::remove_file(&path).map_err(|error| Error::io("remove content", &path, error))?;
        }
        Ok(bytes)
    }
}

/// The manifest of an image that comes without one: only from its own content, in the order of the
/// image specification's fields, so the same image has the same digest wherever it is loaded.
pub(crate) fn made_manifest(config: &[u8], layers: Vec<Descriptor>) -> Result<Vec<u8>> {
    let manifest = Manifest {
        schema_version: 2,
        media_type: Some(OCI_MANIFEST.to_owned()),
        config: described(OCI_CONFIG.to_owned(), Digest::sha256_of(config), config),
        layers,
        subject: None,
    };
    serde_json::to_vec(&manifest).map_err(|error| Error::invalid(error.to_string()))
}

/// A layer's descriptor by what its bytes say.
pub(crate) fn layer_descriptor(digest: Digest, size: u64, compression: Compression) -> Descriptor {
    let suffix = match compression {
        Compression::Plain => "",
        Compression::Gzip => "+gzip",
        Compression::Zstd => "+zstd",
    };
    let media_type = format!("{OCI_LAYER}{suffix}");
    Descriptor { media_type, digest, size, platform: None, annotations: Default::default() }
}

fn described(media_type: String, digest: Digest, bytes: &[u8]) -> Descriptor {
    let size = bytes.len() as u64;
    Descriptor { media_type, digest, size, platform: None, annotations: Default::default() }
}

/// That `bytes` are what `wanted` promised.
pub(crate) fn check(wanted: &Digest, what: &str, bytes: &[u8]) -> Result<()> {
    let mut hasher = oci::Hasher::new(wanted.algorithm());
    hasher.update(bytes);
    same(wanted, &hasher.finish(), || what.to_owned())
}

/// That content is what was promised.
pub(crate) fn same(wanted: &Digest, found: &Digest, what: impl FnOnce() -> String) -> Result<()> {
    if wanted == found {
        return Ok(());
    }
    Err(Error::Digest { what: what(), wanted: wanted.to_string(), found: found.to_string() })
}

/// A new file for content, for the owner alone.
pub(crate) fn new_file(path: &Path) -> Result<File> {
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(path);
    file.map_err(|error| Error::io("make a file for content", path, error))
}

pub(crate) const LARGEST_DOCUMENT: u64 = 4 << 20;
