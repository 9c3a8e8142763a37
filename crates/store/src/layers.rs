// SPDX-License-Identifier: Apache-2.0
//! One stream into one layer: digested, decompressed, digested again and unpacked in one pass.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::PathBuf;

use kernel::Root;
use kernel::rustix::fs::{Mode, OFlags};
use oci::digest::Algorithm;
use oci::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use crate::decode::{Bounds, Decoder};
use crate::error::{Error, Result};
use crate::staging::Staging;
use crate::unpack::{self, Marks, Options, Owners};
use crate::{Store, Unpacking};

/// What is known of an unpacked layer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// The digest of its uncompressed tar.
    pub(crate) diff_id: Digest,
    /// What was unpacked.
    pub(crate) summary: unpack::Summary,
}

impl Store {
    /// The tree of a layer.
    pub fn layer_path(&self, diff_id: &Digest) -> PathBuf {
        self.layer_directory(diff_id).join("fs")
    }

    pub(crate) fn layer_directory(&self, diff_id: &Digest) -> PathBuf {
        self.root.join("layers").join(format!("{}-{}", diff_id.algorithm().name(), diff_id.hex()))
    }

    /// What is known of a layer that is here.
    pub(crate) fn layer(&self, diff_id: &Digest) -> Result<Option<Layer>> {
        let path = self.layer_directory(diff_id).join("layer.json");
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| Error::refused(format!("{} is damaged: {error}", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read a layer's summary", &path, error)),
        }
    }

    /// Unpacks `stream` into `staging`, and publishes it when its digest is `wanted`, or whatever it is
    /// when nothing is wanted. A layer that is here already stays as it is.
    pub(crate) fn unpack_layer(
        &self,
        stream: impl Read,
        wanted: Option<&Digest>,
        label: &str,
        staging: &Staging,
    ) -> Result<Layer> {
        let fresh = staging.path().join("layer");
        let tree = fresh.join("fs");
        for path in [&fresh, &tree] {
            kernel::rustix::fs::mkdir(path, Mode::from_raw_mode(0o700))
                .map_err(|errno| Error::io("make a layer's directory", path, errno.into()))?;
        }
        kernel::rustix::fs::chmod(&tree, Mode::from_raw_mode(0o755))
            .map_err(|errno| Error::io("make a layer's directory", &tree, errno.into()))?;
        let layer = self.unpack_into(stream, wanted, label, &tree)?;
        self.publish(&layer, &fresh)?;
        Ok(layer)
    }

    fn unpack_into(&self, stream: impl Read, wanted: Option<&Digest>, label: &str, tree: &std::path::Path) -> Result<Layer> {
        let failed = |source: unpack::Error| match source {
            unpack::Error::Full => Error::Full { path: self.root.clone() },
            source => Error::Layer { layer: label.to_owned(), source },
        };
        let decoder = Decoder::new(stream, Bounds::default()).map_err(|error| failed(io_error(error)))?;
        let algorithm = wanted.map_or(Algorithm::Sha256, Digest::algorithm);
        let mut hashing = Hashing { inner: decoder, hasher: Hasher::new(algorithm) };
        let root = Root::open(tree).map_err(|error| Error::io("open a layer's directory", tree, error.errno.into()))?;
        let summary = unpack::unpack(&mut hashing, &root, &self.unpack_options()).map_err(failed)?;
        // The reader stops at the end it believes in; the digest is that of the whole stream.
        io::copy(&mut hashing, &mut io::sink()).map_err(|error| failed(io_error(error)))?;
        let diff_id = hashing.hasher.finish();
        match wanted {
            Some(wanted) if *wanted != diff_id => {
                Err(Error::Digest { what: format!("layer {label}"), wanted: wanted.to_string(), found: diff_id.to_string() })
            }
            _ => Ok(Layer { diff_id, summary }),
        }
    }

    fn publish(&self, layer: &Layer, fresh: &std::path::Path) -> Result<()> {
        let summary = serde_json::to_vec(layer).map_err(|error| Error::refused(error.to_string()))?;
        let path = fresh.join("layer.json");
        std::fs::write(&path, summary).map_err(|error| Error::io("write a layer's summary", &path, error))?;
        let directory = kernel::rustix::fs::open(fresh, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| Error::io("open a layer's directory", fresh, errno.into()))?;
        // One sync for the whole tree: after a power cut a visible layer is a whole one.
        kernel::rustix::fs::syncfs(directory.as_fd()).map_err(|errno| Error::io("write a layer to disk", fresh, errno.into()))?;
        let place = self.layer_directory(&layer.diff_id);
        match std::fs::rename(fresh, &place) {
            Ok(()) => Ok(()),
            // Another command brought the same layer meanwhile; ours goes with the staging directory.
            Err(error) if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) => {
                let aside = fresh.with_extension(layer.diff_id.short());
                std::fs::rename(fresh, &aside).map_err(|error| Error::io("put a layer aside", &aside, error))
            }
            Err(error) => Err(Error::io("publish a layer", &place, error)),
        }
    }

    fn unpack_options(&self) -> Options {
        Options {
            owners: match self.unpacking {
                Unpacking::SingleId => Owners::Caller,
                _ => Owners::Kept,
            },
            marks: match self.unpacking {
                Unpacking::AsRoot => Marks::Trusted,
                _ => Marks::User,
            },
            most_bytes: Bounds::default().most,
            most_entries: 2_000_000,
        }
    }
}

/// Digests what passes.
pub(crate) struct Hashing<R> {
    pub(crate) inner: R,
    pub(crate) hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

fn io_error(error: io::Error) -> unpack::Error {
    unpack::Error::Tar(crate::tar::Error::Io(error))
}
