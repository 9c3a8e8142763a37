// SPDX-License-Identifier: Apache-2.0
//! Images on their way in: nothing is visible before [`Intake::finish`], and then all of it is.
//!
//! ```text
//! partial/<digest>   content that is being fetched, or was when the fetch was cut off; its lock
//!                    (flock) belongs to whoever appends to it, so no two processes fetch the same
//! ```
//!
//! What an intake takes is checked as it is read, and there is no way around it: a layer gets into an
//! image only as a file whose digest and length were found to be those of its descriptor, unpacked to a
//! tree whose diff-id was found to be the configuration's.

mod partial;
mod source;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oci::descriptor::Compression;
use oci::manifest::Document;
use oci::{Descriptor, Digest, ImageConfig, Manifest, Reference};

use crate::blobs::{check, made_manifest, new_file};
use crate::database::{Added, Origin, Row};
use crate::error::{Error, Result};
use crate::import::now;
use crate::layers::{Content, Fresh, Layer, Promise};
use crate::staging::Staging;
use crate::{Hold, Store};
pub use partial::{Partial, Wanted};
use source::Source;

/// Images on their way in. Dropped without [`Intake::finish`], it leaves nothing but the bytes of
/// fetches that were cut off. Threads may share it, one layer each.
#[derive(Debug)]
pub struct Intake<'a> {
    store: &'a Store,
    staging: Staging,
    files: AtomicUsize,
    state: Mutex<State>,
    /// What is here stays here until the end.
    _hold: Hold,
}

/// What came in so far.
#[derive(Debug, Default)]
struct State {
    layers: Vec<Fresh>,
    blobs: Vec<Pending>,
    images: Vec<Added>,
    names: Vec<(String, String)>,
    /// Content and the diff-id that it was found to have.
    pairs: HashSet<(Digest, Digest)>,
}

/// Content that was checked and waits for its place.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) path: PathBuf,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

impl Store {
    /// Begins to take images in.
    pub fn intake(&self) -> Result<Intake<'_>> {
        let hold = self.hold()?;
        let staging = Staging::make(&self.root)?;
        partial::forget_old(&self.root)?;
        let (files, state) = (AtomicUsize::new(0), Mutex::default());
        Ok(Intake { store: self, staging, files, state, _hold: hold })
    }
}

impl Intake<'_> {
    /// Whether the content is here or came in already.
    pub fn has_blob(&self, promised: &Descriptor) -> Result<bool> {
        let came = self.state().blobs.iter().find(|blob| blob.digest == promised.digest).cloned();
        match came {
            Some(blob) if blob.size == promised.size => Ok(true),
            Some(blob) => Err(Error::refused(format!(
                "the blob {} has {} bytes and {} were promised",
                promised.digest, blob.size, promised.size
            ))),
            None => self.store.has_blob(promised),
        }
    }

    /// Whether the layer is unpacked, here or by this intake.
    pub fn has_layer(&self, diff_id: &Digest) -> Result<bool> {
        Ok(self.known_layer(diff_id)?.is_some())
    }

    /// What is missing of a layer: nothing, when its content is here (it is unpacked from that if need
    /// be), else the rest of its bytes, for [`Intake::layer`]. Waits while another process fetches the
    /// same content.
    pub fn want(&self, promised: &Descriptor, diff_id: &Digest) -> Result<Wanted> {
        loop {
            if self.has_blob(promised)? {
                self.unpack_kept(promised, diff_id)?;
                return Ok(Wanted::Nothing);
            }
            if let Some(partial) = Partial::lock(&self.store.root, promised)? {
                return Ok(Wanted::Rest(partial));
            }
        }
    }

    /// Takes a layer in one pass: what is kept of it and then `rest`, its bytes from
    /// [`Partial::have`] on. Digest and length are checked, the bytes are kept, decompressed and
    /// unpacked, and the diff-id is checked. When `rest` fails, what came until then stays for the next
    /// attempt; content that turns out wrong is removed.
    pub fn layer(&self, partial: Partial, diff_id: &Digest, rest: impl Read) -> Result<()> {
        let promised = partial.promised().clone();
        let label = promised.digest.to_string();
        let compression = promised.layer_compression()?;
        let mut source = Source::new(&partial, rest)?;
        let tap = source.tap();
        let promise = Promise {
            diff_id: Some(diff_id),
            compression: Some(compression),
            content: Content::Passing(&tap),
        };
        let unpacked = self.unpack(&mut source, promise, &label);
        let taken = source.finish();
        match (unpacked, taken) {
            (_, Err(error)) => {
                if !matches!(error, Error::Transfer { .. } | Error::Full { .. }) {
                    partial.remove()?;
                }
                Err(error)
            }
            (Err(error), Ok(())) => {
                partial.refuse()?;
                Err(error)
            }
            (Ok(_), Ok(())) => {
                partial.seal()?;
                let path = partial.path().to_owned();
                self.pair(&promised.digest, diff_id);
                self.keep(&path, &promised.digest, promised.size);
                Ok(())
            }
        }
    }

    /// Adds an image whose layers came in: its manifest and configuration as they arrived, to be found
    /// under `names`. The result is its id.
    ///
    /// # Errors
    /// A document breaks its specification, the configuration is not the manifest's, or a layer is not
    /// here.
    pub fn image(&self, manifest: &[u8], config: &[u8], names: &[Reference]) -> Result<Digest> {
        let Document::Manifest(read) = Document::parse(manifest)? else {
            return Err(Error::refused("it is an index of images and not an image"));
        };
        read.config.check_config()?;
        check(&read.config.digest, "the image's configuration", config)?;
        self.add(Origin::Arrived, manifest, &read, config, names)
    }

    /// Makes everything that came in visible, all at once.
    pub fn finish(self) -> Result<()> {
        let Self { store, mut staging, state, .. } = self;
        let state = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        staging.begin_publishing();
        store.publish(&staging, &state.layers, &state.blobs)?;
        store.database()?.add(&state.images, &state.names)?;
        staging.finish();
        Ok(())
    }

    /// The directory of this intake's own files.
    pub(crate) fn directory(&self) -> PathBuf {
        self.staging.path()
    }

    /// A name for a file of this intake's own.
    pub(crate) fn new_path(&self) -> PathBuf {
        self.staging.path().join(format!("f{}", self.files.fetch_add(1, Ordering::Relaxed)))
    }

    /// Content that was checked by whoever made the file, in this intake's directory.
    pub(crate) fn keep(&self, path: &Path, digest: &Digest, size: u64) {
        let mut state = self.state();
        if state.blobs.iter().all(|blob| blob.digest != *digest) {
            state.blobs.push(Pending { path: path.to_owned(), digest: digest.clone(), size });
        }
    }

    /// That content was found to have this diff-id.
    pub(crate) fn pair(&self, digest: &Digest, diff_id: &Digest) {
        self.state().pairs.insert((digest.clone(), diff_id.clone()));
    }

    /// Whether the layer is unpacked and the content was found to be its, now or when it came.
    pub(crate) fn is_taken(&self, digest: &Digest, diff_id: &Digest) -> Result<bool> {
        if !self.has_layer(diff_id)? {
            return Ok(false);
        }
        let now = digest == diff_id || self.state().pairs.contains(&(digest.clone(), diff_id.clone()));
        Ok(now || self.store.database()?.is_pair(&digest.to_string(), &diff_id.to_string())?)
    }

    /// Unpacks a layer unless it is here, and says what is known of it.
    pub(crate) fn unpack(
        &self,
        mut stream: impl Read,
        promise: Promise<'_>,
        label: &str,
    ) -> Result<(Layer, Compression)> {
        let known = promise.diff_id.map(|diff_id| self.known_layer(diff_id)).transpose()?.flatten();
        if let Some(layer) = known {
            let found = self.store.pass_layer(&mut stream, promise, label)?;
            return Ok((layer, found));
        }
        let (fresh, found) =
            self.store.unpack_layer(&mut stream, promise, label, &self.staging, &self.new_path())?;
        let layer = fresh.layer.clone();
        self.state().layers.push(fresh);
        Ok((layer, found))
    }

    /// Adds an image that came without a manifest.
    pub(crate) fn image_without_manifest(
        &self,
        config: &[u8],
        layers: Vec<Descriptor>,
        names: &[Reference],
    ) -> Result<Digest> {
        let bytes = made_manifest(config, layers)?;
        let Document::Manifest(read) = Document::parse(&bytes)? else {
            return Err(Error::invalid("the manifest that was made is none"));
        };
        self.add(Origin::Made, &bytes, &read, config, names)
    }

    pub(crate) fn known_layer(&self, diff_id: &Digest) -> Result<Option<Layer>> {
        let fresh = self.state().layers.iter().find(|fresh| fresh.layer.diff_id == *diff_id).cloned();
        match fresh {
            Some(fresh) => Ok(Some(fresh.layer)),
            None => self.store.layer(diff_id),
        }
    }

    fn add(
        &self,
        origin: Origin,
        bytes: &[u8],
        manifest: &Manifest,
        config: &[u8],
        names: &[Reference],
    ) -> Result<Digest> {
        let parsed = ImageConfig::parse(config)?;
        let (configured, listed) = (parsed.rootfs.diff_ids.len(), manifest.layers.len());
        if configured != listed {
            return Err(Error::refused(format!(
                "its configuration names {configured} layers and its manifest {listed}"
            )));
        }
        let mut size = 0;
        for (layer, diff_id) in manifest.layers.iter().zip(&parsed.rootfs.diff_ids) {
            let whole = self.has_blob(layer)? && self.is_taken(&layer.digest, diff_id)?;
            let known = if whole { self.known_layer(diff_id)? } else { None };
            let known =
                known.ok_or_else(|| Error::refused(format!("its layer {} is missing", layer.digest)))?;
            size += known.summary.bytes;
        }
        let digest = Digest::sha256_of(bytes);
        self.keep_document(&digest, bytes)?;
        self.keep_document(&manifest.config.digest, config)?;
        let id = Digest::sha256_of(config);
        let layers = manifest.layers.iter().zip(&parsed.rootfs.diff_ids);
        let layers = layers.map(|(layer, diff_id)| (layer.digest.to_string(), Some(diff_id.to_string())));
        let documents = [&digest, &manifest.config.digest].map(|digest| (digest.to_string(), None));
        let row = Row {
            id: id.to_string(),
            manifest: Some(digest.to_string()),
            config: config.to_vec(),
            size,
            added: now(),
        };
        let blobs = documents.into_iter().chain(layers).collect();
        let mut state = self.state();
        state.names.extend(names.iter().map(|name| (name.to_string(), id.to_string())));
        state.images.push(Added { row, blobs, manifest: origin });
        Ok(id)
    }

    fn keep_document(&self, digest: &Digest, bytes: &[u8]) -> Result<()> {
        let path = self.new_path();
        let mut file = new_file(&path)?;
        file.write_all(bytes).map_err(|error| Error::io("keep a document", &path, error))?;
        self.keep(&path, digest, bytes.len() as u64);
        Ok(())
    }

    /// Unpacks a layer whose content is here already.
    fn unpack_kept(&self, promised: &Descriptor, diff_id: &Digest) -> Result<()> {
        if self.is_taken(&promised.digest, diff_id)? {
            return Ok(());
        }
        let pending = self.state().blobs.iter().find(|blob| blob.digest == promised.digest).cloned();
        let path = pending.map_or_else(|| self.store.blob_path(&promised.digest), |blob| blob.path);
        let file = File::open(&path).map_err(|error| Error::io("open content of the store", &path, error))?;
        let promise = Promise {
            diff_id: Some(diff_id),
            compression: Some(promised.layer_compression()?),
            content: Content::Checked(&promised.digest),
        };
        self.unpack(file, promise, &promised.digest.to_string())?;
        self.pair(&promised.digest, diff_id);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked has added nothing by halves: each change is one push.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
