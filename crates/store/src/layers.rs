// SPDX-License-Identifier: Apache-2.0
//! One stream into one layer: decompressed, digested and unpacked in one pass.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use kernel::Root;
use kernel::rustix::fs::{Mode, OFlags};
use oci::descriptor::Compression;
use oci::digest::Algorithm;
use oci::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::blobs::same;
use crate::decode::{Bounds, Decoder};
use crate::error::{Error, Result};
use crate::intake::Pending;
use crate::staging::Staging;
use crate::unpack::{self, Marks, Modes, Options, Owners};
use crate::{Image, Store, Unpacking};

/// What is known of an unpacked layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// The digest of its uncompressed tar.
    pub(crate) diff_id: Digest,
    /// What was unpacked.
    pub(crate) summary: unpack::Summary,
}

/// What is known of a layer before it is unpacked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Promise<'a> {
    /// The digest of its uncompressed tar.
    pub(crate) diff_id: Option<&'a Digest>,
    /// What its media type says.
    pub(crate) compression: Option<Compression>,
    /// What is known of the stream as it is.
    pub(crate) content: Content<'a>,
}

/// What is known of a layer's stream as it is: a plain tar need not be digested twice.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) enum Content<'a> {
    /// Nothing.
    #[default]
    Unknown,
    /// Its digest: it comes out of a file of our own that was digested as it was written.
    Checked(&'a Digest),
    /// It is digested as it passes.
    Passing(&'a Tap),
}

/// The digest of what has passed so far, for those on both ends of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    algorithm: Algorithm,
    hasher: Rc<RefCell<Hasher>>,
}

impl Tap {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self { algorithm, hasher: Rc::new(RefCell::new(Hasher::new(algorithm))) }
    }

    pub(crate) fn update(&self, bytes: &[u8]) {
        self.hasher.borrow_mut().update(bytes);
    }

    pub(crate) fn digest(&self) -> Digest {
        self.hasher.borrow().clone().finish()
    }
}

/// A layer that is unpacked and checked, and that nobody sees yet.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub(crate) layer: Layer,
    path: PathBuf,
}

impl Store {
    /// The trees of an image's layers, the topmost first, and each once: overlayfs refuses to join one with
    /// itself (ELOOP), and a layer that lies above and below others shows all it has, and hides all it
    /// hides, from above.
    pub fn layer_paths(&self, image: &Image) -> Vec<PathBuf> {
        let mut seen = HashSet::new();
        let from_the_top = image.layers.iter().rev().filter(|layer| seen.insert(*layer));
        from_the_top.map(|layer| self.layer_path(layer)).collect()
    }

    /// The tree of a layer.
    pub fn layer_path(&self, diff_id: &Digest) -> PathBuf {
        self.layer_directory(diff_id).join("fs")
    }

    pub(crate) fn layer_directory(&self, diff_id: &Digest) -> PathBuf {
        self.root.join("layers").join(layer_name(diff_id))
    }

    /// What is known of a layer that is here.
    pub(crate) fn layer(&self, diff_id: &Digest) -> Result<Option<Layer>> {
        let path = self.layer_directory(diff_id).join("layer.json");
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| Error::invalid(format!("{} is damaged: {error}", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read a layer's summary", &path, error)),
        }
    }

    /// Unpacks `stream` into the new directory `fresh`; it must be what was promised.
    pub(crate) fn unpack_layer(
        &self,
        stream: impl Read,
        promise: Promise<'_>,
        label: &str,
        staging: &Staging,
        fresh: &Path,
    ) -> Result<(Fresh, Compression)> {
        let tree = fresh.join("fs");
        for path in [fresh, &tree] {
            kernel::rustix::fs::mkdir(path, Mode::from_raw_mode(0o700))
                .map_err(|errno| Error::io("make a layer's directory", path, errno.into()))?;
        }
        kernel::rustix::fs::chmod(&tree, Mode::from_raw_mode(0o755))
            .map_err(|errno| Error::io("make a layer's directory", &tree, errno.into()))?;
        let mut hashing = self.begin(stream, promise, label)?;
        let compression = hashing.inner.compression();
        let summary = self.unpack_into(&mut hashing, label, staging, &tree)?;
        let layer = Layer { diff_id: self.end(hashing, promise, label)?, summary };
        let summary = serde_json::to_vec(&layer).map_err(|error| Error::invalid(error.to_string()))?;
        let path = fresh.join("layer.json");
        std::fs::write(&path, summary).map_err(|error| Error::io("write a layer's summary", &path, error))?;
        Ok((Fresh { layer, path: fresh.to_owned() }, compression))
    }

    /// Checks that `stream` is what was promised, for a layer that is unpacked already.
    pub(crate) fn pass_layer(
        &self,
        stream: impl Read,
        promise: Promise<'_>,
        label: &str,
    ) -> Result<Compression> {
        let hashing = self.begin(stream, promise, label)?;
        let compression = hashing.inner.compression();
        self.end(hashing, promise, label)?;
        Ok(compression)
    }

    /// Makes layers and content visible. The caller names them in an image next, and tells `staging`
    /// before.
    pub(crate) fn publish(&self, staging: &Staging, layers: &[Fresh], blobs: &[Pending]) -> Result<()> {
        let path = staging.path();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = kernel::rustix::fs::open(&path, flags, Mode::empty())
            .map_err(|errno| Error::io("open the staging directory", &path, errno.into()))?;
        // One sync for all of it: after a power cut what is visible is whole.
        kernel::rustix::fs::syncfs(directory.as_fd())
            .map_err(|errno| Error::io("write the layers to disk", &path, errno.into()))?;
        for blob in blobs {
            let place = self.blob_path(&blob.digest);
            match std::fs::rename(&blob.path, &place) {
                Ok(()) => {}
                // Another process fetched the same content and put the one file in its place.
                Err(error) if error.kind() == io::ErrorKind::NotFound && place.exists() => {}
                Err(error) => return Err(Error::io("publish content", &place, error)),
            }
        }
        for fresh in layers {
            let place = self.layer_directory(&fresh.layer.diff_id);
            match std::fs::rename(&fresh.path, &place) {
                Ok(()) => {}
                // Another command brought the same layer meanwhile; ours goes with the staging directory.
                Err(error) if is_taken(&error) => {}
                Err(error) => return Err(Error::io("publish a layer", &place, error)),
            }
        }
        // The new names, before the index of images relies on them.
        for parent in ["layers", "blobs"].map(|name| self.root.join(name)) {
            let synced = std::fs::File::open(&parent).and_then(|parent| parent.sync_all());
            synced.map_err(|error| Error::io("write new names to disk", &parent, error))?;
        }
        Ok(())
    }

    /// The plain bytes of a layer, digested as they are read.
    fn begin<'a, R: Read + 'a>(&self, stream: R, promise: Promise<'_>, label: &str) -> Result<Plain<'a, R>> {
        let failed = |error| self.refused(label, error);
        let decoder = Decoder::new(stream, Bounds::default(), &*self.unpacker)
            .map_err(|error| failed(io_error(error)))?;
        check_compression(promise.compression, decoder.compression()).map_err(failed)?;
        let algorithm = promise.diff_id.map_or(Algorithm::Sha256, Digest::algorithm);
        // Of a plain tar the stream's own digest is the diff-id.
        let digested = match promise.content {
            Content::Checked(digest) => promise.diff_id == Some(digest),
            Content::Passing(tap) => tap.algorithm == algorithm,
            Content::Unknown => false,
        };
        let hasher = match decoder.compression() {
            Compression::Plain if digested => None,
            _ => Some(Hasher::new(algorithm)),
        };
        Ok(Plain { inner: decoder, hasher })
    }

    fn unpack_into(
        &self,
        stream: &mut dyn Read,
        label: &str,
        staging: &Staging,
        tree: &Path,
    ) -> Result<unpack::Summary> {
        let options = self.unpack_options();
        let root = Root::open(tree)
            .map_err(|error| Error::io("open a layer's directory", tree, error.errno.into()))?;
        let unpacked = self.unpacker.unpack(stream, &root, staging.alive(), &options);
        let unpacked = unpacked.map_err(|error| self.refused(label, error))?;
        unpack::mark_opaque(&root, &unpacked.opaque, self.marks())
            .map_err(|error| self.refused(label, error))?;
        Ok(unpacked.summary)
    }

    /// The digest of the whole stream, which must be the promised one.
    fn end<'a, R: Read + 'a>(
        &self,
        mut stream: Plain<'a, R>,
        promise: Promise<'_>,
        label: &str,
    ) -> Result<Digest> {
        // The reader stops at the end it believes in; the digest is that of the whole stream.
        copy(&mut stream, &mut io::sink()).map_err(|error| self.refused(label, io_error(error)))?;
        let diff_id = match (stream.hasher, promise.content) {
            (Some(hasher), _) => hasher.finish(),
            (None, Content::Passing(tap)) => tap.digest(),
            (None, Content::Checked(digest)) => digest.clone(),
            (None, Content::Unknown) => return Err(Error::invalid("a layer was not digested")),
        };
        if let Some(wanted) = promise.diff_id {
            same(wanted, &diff_id, || format!("layer {label}"))?;
        }
        Ok(diff_id)
    }

    fn refused(&self, label: &str, error: unpack::Error) -> Error {
        match error {
            unpack::Error::Full => Error::Full { path: self.root.clone() },
            source => Error::Layer { layer: label.to_owned(), source },
        }
    }

    fn unpack_options(&self) -> Options {
        Options {
            owners: match self.unpacking {
                Unpacking::SingleId => Owners::Caller,
                _ => Owners::Kept,
            },
            most_bytes: Bounds::default().most,
            most_entries: 2_000_000,
            modes: Modes::Masked,
        }
    }

    fn marks(&self) -> Marks {
        match self.unpacking {
            Unpacking::AsRoot => Marks::Trusted,
            _ => Marks::User,
        }
    }
}

/// The name of a layer's directory.
pub(crate) fn layer_name(diff_id: &Digest) -> String {
    format!("{}-{}", diff_id.algorithm().name(), diff_id.hex())
}

/// A reader that goes by the media type and one that looks at the bytes must see the same.
fn check_compression(promised: Option<Compression>, found: Compression) -> Result<(), unpack::Error> {
    match promised {
        Some(promised) if promised != found => {
            Err(unpack::Error::rule(format!("its media type says {promised} and it is {found}")))
        }
        _ => Ok(()),
    }
}

fn is_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists)
}

/// The plain bytes of a layer, digested as they pass.
struct Plain<'a, R: Read> {
    inner: Decoder<'a, R>,
    /// Nothing where the digest is known.
    hasher: Option<Hasher>,
}

impl<'a, R: Read + 'a> Read for Plain<'a, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        Ok(count)
    }
}

/// Copies in large pieces.
pub(crate) fn copy(from: &mut dyn Read, to: &mut dyn io::Write) -> io::Result<u64> {
    let mut buffer = vec![0; 256 << 10];
    let mut copied = 0;
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(copied),
            Ok(count) => {
                to.write_all(&buffer[..count])?;
                copied += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Digests what passes.
pub(crate) struct Hashing<R> {
    pub(crate) inner: R,
    pub(crate) tap: Tap,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.tap.update(&buffer[..count]);
        Ok(count)
    }
}

fn io_error(error: io::Error) -> unpack::Error {
    unpack::Error::from(crate::tar::Error::Io(error))
}
