// SPDX-License-Identifier: Apache-2.0
//! A root file system's tar becomes an image of one layer.

use std::fs::File;
use std::io::{Read, Write};

use oci::config::{History, ImageConfig, RootFs};
use oci::digest::Algorithm;
use oci::{Descriptor, Digest, Hasher, Reference, date};

use crate::blobs::{layer_descriptor, new_file};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::images::tagged;
use crate::intake::Intake;
use crate::layers::{Hashing, Promise};
use crate::{OnProgress, Progress, Store};

impl Store {
    /// Makes an image of the root file system in `stream` (plain, gzip or zstd) and names it.
    pub fn import(
        &self,
        stream: impl Read,
        reference: Option<&str>,
        changes: &Changes,
        progress: OnProgress<'_>,
    ) -> Result<Digest> {
        let reference = reference.map(tagged).transpose()?;
        let intake = self.intake()?;
        let watched = Watched { inner: stream, step: "reading", done: 0, told: 0, progress };
        let (diff_id, descriptor) = intake.take_stream(watched, None, "of the root file system")?;
        let config = ImageConfig {
            created: Some(date::format(now())),
            architecture: ARCHITECTURE.to_owned(),
            os: "linux".to_owned(),
            config: changes.process.clone(),
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![diff_id] },
            history: vec![History {
                created: Some(date::format(now())),
                comment: changes.message.clone(),
                ..History::default()
            }],
            ..ImageConfig::default()
        };
        intake.finish_image(&config, descriptor, reference.as_slice())
    }
}

impl Intake<'_> {
    /// Takes a layer of which nothing is promised but perhaps its diff-id, which is told.
    pub(crate) fn take_stream(
        &self,
        stream: impl Read,
        diff_id: Option<&Digest>,
        label: &str,
    ) -> Result<(Digest, Descriptor)> {
        let path = self.new_path();
        let mut file = new_file(&path)?;
        let failed = |error| Error::io("keep the content", &path, error);
        let hashing = Hashing { inner: stream, hasher: Hasher::new(Algorithm::Sha256) };
        let mut tee = Tee { inner: hashing, out: &mut file, failure: None };
        let unpacked = self.unpack(&mut tee, Promise { diff_id, ..Promise::default() }, label);
        if let Some(failure) = tee.failure.take() {
            return Err(failed(failure));
        }
        let (layer, compression) = unpacked?;
        let digest = tee.inner.hasher.finish();
        let size = file.metadata().map_err(failed)?.len();
        self.keep(&path, &digest, size);
        self.pair(&digest, &layer.diff_id);
        Ok((layer.diff_id, layer_descriptor(digest, size, compression)))
    }

    /// Adds an image of one layer, of our own making, and makes it visible.
    pub(crate) fn finish_image(
        self,
        config: &ImageConfig,
        layer: Descriptor,
        names: &[Reference],
    ) -> Result<Digest> {
        let bytes = serde_json::to_vec(config).map_err(|error| Error::invalid(error.to_string()))?;
        let id = self.image_without_manifest(&bytes, vec![layer], names)?;
        self.finish()?;
        Ok(id)
    }
}

/// Writes down what passes.
struct Tee<'a, R> {
    inner: R,
    out: &'a mut File,
    failure: Option<std::io::Error>,
}

impl<R: Read> Read for Tee<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.out.write_all(&buffer[..count]).map_err(|error| {
            let told = std::io::Error::new(error.kind(), error.to_string());
            self.failure = Some(error);
            told
        })?;
        Ok(count)
    }
}

/// Tells how far a stream is, every few megabytes.
pub(crate) struct Watched<'a, R> {
    pub(crate) inner: R,
    pub(crate) step: &'a str,
    pub(crate) done: u64,
    pub(crate) told: u64,
    pub(crate) progress: OnProgress<'a>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.done += count as u64;
        if self.done - self.told >= STEP {
            self.told = self.done;
            (self.progress)(Progress { step: self.step, done: self.done, total: None });
        }
        Ok(count)
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    kernel::rustix::time::clock_gettime(kernel::rustix::time::ClockId::Realtime).tv_sec
}

/// In the image specification's words.
pub(crate) const ARCHITECTURE: &str = if cfg!(target_arch = "x86_64") {
    "amd64"
} else if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    std::env::consts::ARCH
};
const STEP: u64 = 4 << 20;
