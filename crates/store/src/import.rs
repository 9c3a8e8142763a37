// SPDX-License-Identifier: Apache-2.0
//! A root file system's tar becomes an image of one layer.

use std::fs::File;
use std::io::{Read, Write};

use oci::config::{History, ImageConfig, RootFs};
use oci::descriptor::Compression;
use oci::digest::Algorithm;
use oci::{Descriptor, Digest, Reference, date};

use crate::blobs::{layer_descriptor, new_file, same};
use crate::changes::Changes;
use crate::error::{Error, Result};
use crate::images::tagged;
use crate::intake::Intake;
use crate::layers::{Content, Hashing, Promise, Tap, copy};
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
        let watched = Watched::new(stream, READING, progress);
        let layer = "of the root file system";
        let (diff_id, descriptor) = intake.take_stream(watched, Expected::default(), layer)?;
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
    /// Takes a layer in one pass: what passes is digested, kept, decompressed and unpacked. The result is
    /// its diff-id and what to call its content in a manifest.
    pub(crate) fn take_stream(
        &self,
        stream: impl Read,
        expected: Expected<'_>,
        label: &str,
    ) -> Result<(Digest, Descriptor)> {
        let Expected { content, compression, diff_id } = expected;
        let path = self.new_path();
        let mut file = new_file(&path)?;
        let failed = |error| Error::io("keep the content", &path, error);
        // One byte more than was promised, to see that there is none.
        let most = content.map_or(u64::MAX, |content| content.size.saturating_add(1));
        let tap = Tap::new(content.map_or(Algorithm::Sha256, |content| content.digest.algorithm()));
        let hashing = Hashing { inner: stream.take(most), tap: tap.clone() };
        let mut tee = Tee { inner: hashing, out: &mut file, failure: None };
        let promise = Promise { diff_id, compression, content: Content::Passing(&tap) };
        let unpacked = self.unpack(&mut tee, promise, label);
        // The digest of the whole stream says more than what its reader stumbled over.
        let rest = if content.is_some() { copy(&mut tee, &mut std::io::sink()) } else { Ok(0) };
        if let Some(failure) = tee.failure.take() {
            return Err(failed(failure));
        }
        let (digest, size) = (tap.digest(), file.metadata().map_err(failed)?.len());
        if let (Some(content), Ok(_)) = (content, &rest) {
            same(&content.digest, &digest, || format!("the blob {}", content.digest))?;
        }
        let (layer, compression) = unpacked?;
        rest.map_err(|error| Error::refused(error.to_string()))?;
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

/// What a layer's stream must turn out to be.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected<'a> {
    /// Its digest and length as it is.
    pub(crate) content: Option<&'a Descriptor>,
    /// What its media type says.
    pub(crate) compression: Option<Compression>,
    /// The digest of its plain tar.
    pub(crate) diff_id: Option<&'a Digest>,
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

/// Tells how far a stream is, each time that some of it passed.
pub(crate) struct Watched<'a, R> {
    pub(crate) inner: R,
    /// What is told next.
    pub(crate) state: Progress<'a>,
    told: u64,
    pub(crate) progress: OnProgress<'a>,
}

impl<'a, R> Watched<'a, R> {
    pub(crate) fn new(inner: R, state: Progress<'a>, progress: OnProgress<'a>) -> Self {
        Self { inner, state, told: 0, progress }
    }
}

/// The beginning of a stream whose length nobody knows.
pub(crate) const READING: Progress<'static> = Progress { step: "reading", id: None, done: 0, total: None };

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.state.done += count as u64;
        if self.state.done - self.told >= STEP {
            self.told = self.state.done;
            (self.progress)(self.state);
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
const STEP: u64 = 1 << 20;
