// SPDX-License-Identifier: Apache-2.0
//! How far a long operation is, in the words of the front doors, and transfers that tell it.

use std::io::Read;
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use ::registry::Watch;
use oci::descriptor::Descriptor;

/// What a long operation is at.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// In a few words.
    pub step: &'a str,
    /// The digest of what it is about, when that is one of several things.
    pub id: Option<&'a str>,
    /// How many bytes of it.
    pub done: u64,
    /// How many in all, when known; with as many done it has ended.
    pub total: Option<u64>,
}

impl<'a> From<store::Progress<'a>> for Progress<'a> {
    fn from(store::Progress { step, id, done, total }: store::Progress<'a>) -> Self {
        Self { step, id, done, total }
    }
}

/// How many columns the terminal `fd` has; nothing for what is none, or does not know.
pub fn columns(fd: impl AsFd) -> Option<u16> {
    let size = kernel::rustix::termios::tcgetwinsize(fd).ok()?;
    Some(size.ws_col).filter(|columns| *columns > 0)
}

/// Passes on what threads tell of their blobs, one at a time.
pub(crate) struct Told<'a> {
    step: &'static str,
    tell: Mutex<&'a mut (dyn FnMut(Progress<'_>) + Send)>,
}

impl<'a> Told<'a> {
    /// `tell` hears of `step`.
    pub(crate) fn new(step: &'static str, tell: &'a mut (dyn FnMut(Progress<'_>) + Send)) -> Self {
        Self { step, tell: Mutex::new(tell) }
    }

    /// That a blob need not travel, and why.
    pub(crate) fn spared(&self, blob: &Descriptor, why: &'static str) {
        self.tell(why, blob, blob.size);
    }

    fn tell(&self, step: &str, blob: &Descriptor, done: u64) {
        let id = blob.digest.to_string();
        let mut tell = self.tell.lock().unwrap_or_else(PoisonError::into_inner);
        (tell)(Progress { step, id: Some(&id), done, total: Some(blob.size) });
    }
}

impl Watch for Told<'_> {
    fn came(&self, blob: &Descriptor, done: u64) {
        self.tell(self.step, blob, done);
    }
}

/// A blob that is read, which is told.
pub(crate) struct Sent<'a, R> {
    inner: R,
    blob: &'a Descriptor,
    done: u64,
    watch: &'a dyn Watch,
}

impl<'a, R> Sent<'a, R> {
    pub(crate) fn new(inner: R, blob: &'a Descriptor, watch: &'a dyn Watch) -> Self {
        Self { inner, blob, done: 0, watch }
    }
}

impl<R: Read> Read for Sent<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.done += count as u64;
        self.watch.came(self.blob, self.done);
        Ok(count)
    }
}
