// SPDX-License-Identifier: Apache-2.0
//! A root file system's tar becomes an image of one layer.

use std::io::Read;

use oci::config::{History, ImageConfig, RootFs};
use oci::{Digest, Reference, date};

use crate::changes::Changes;
use crate::database::Row;
use crate::error::{Error, Result};
use crate::images::tagged;
use crate::layers::{Fresh, Promise};
use crate::staging::Staging;
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
        let _hold = self.hold()?;
        let reference = reference.map(tagged).transpose()?;
        let staging = Staging::make(&self.root)?;
        let watched = Watched { inner: stream, step: "reading", done: 0, told: 0, progress };
        let fresh = self.unpack_layer(watched, Promise::default(), "of the root file system", &staging)?;
        let config = ImageConfig {
            created: Some(date::format(now())),
            architecture: ARCHITECTURE.to_owned(),
            os: "linux".to_owned(),
            config: changes.process.clone(),
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: vec![fresh.layer.diff_id.clone()] },
            history: vec![History {
                created: Some(date::format(now())),
                comment: changes.message.clone(),
                ..History::default()
            }],
            ..ImageConfig::default()
        };
        self.add_image(&config, fresh, reference.as_ref(), staging)
    }

    /// Adds an image of one layer, of our own making.
    pub(crate) fn add_image(
        &self,
        config: &ImageConfig,
        layer: Fresh,
        reference: Option<&Reference>,
        mut staging: Staging,
    ) -> Result<Digest> {
        let bytes = serde_json::to_vec(config).map_err(|error| Error::invalid(error.to_string()))?;
        let id = Digest::sha256_of(&bytes);
        let size = layer.layer.summary.bytes;
        let row = Row { id: id.to_string(), manifest: None, config: bytes, size, added: now() };
        let names: Vec<_> =
            reference.iter().map(|reference| (reference.to_string(), id.to_string())).collect();
        staging.begin_publishing();
        self.publish(&[layer])?;
        self.database()?.add(&[row], &names)?;
        staging.finish();
        Ok(id)
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
