// SPDX-License-Identifier: Apache-2.0
//! Blobs: a reader that gives out no last byte before all of them have proved to be the right ones.
//!
//! Digest and length are checked as it reads, and the last piece is held back until both are right
//! and nothing follows. So whoever reads the whole length has a verified blob, also when they never
//! read on to the end. A connection that breaks is picked up where it broke.

mod source;

use std::io::{self, Read};

use ureq::http::Method;

use oci::descriptor::Descriptor;
use oci::{Digest, Hasher};

use crate::cancel::Cancel;
use crate::client::Client;
use crate::endpoint::{Ask, Endpoint, Load};
use crate::error::{Again, Error, Result};
use crate::guard::Scope;
use crate::hosts::Capability;
use crate::wire::broken;
use source::{Source, connect};

/// Where to begin with a blob.
#[derive(Debug, Clone)]
pub enum Start {
    /// At its first byte.
    Beginning,
    /// Behind bytes that are already here, with their digest so far.
    Behind(u64, Box<Hasher>),
}

impl Start {
    /// Behind what `part` holds of the blob `digest`.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn behind(digest: &Digest, mut part: impl Read) -> io::Result<Self> {
        let mut hasher = Hasher::new(digest.algorithm());
        let mut buffer = vec![0; 64 << 10];
        let mut taken = 0;
        loop {
            match part.read(&mut buffer) {
                Ok(0) => return Ok(Self::Behind(taken, Box::new(hasher))),
                Ok(count) => {
                    hasher.update(&buffer[..count]);
                    taken += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Somebody who is told how far transfers are, by several threads at a time.
pub trait Watch: Sync {
    /// So many bytes of `blob` are there by now.
    fn came(&self, blob: &Descriptor, done: u64);
}

/// A blob on its way that somebody watches.
pub struct Watched<'a> {
    reader: BlobReader,
    watch: &'a dyn Watch,
}

/// A blob on its way. What goes wrong is an [`io::Error`] with an [`Error`] in it, see [`failure`].
pub struct BlobReader {
    client: Client,
    repository: String,
    descriptor: Descriptor,
    cancel: Cancel,
    /// None when the digest has been compared.
    hasher: Option<Hasher>,
    position: u64,
    source: Option<Source>,
    failures: u32,
    /// Where the blob was when it last failed.
    failed_at: u64,
}

impl std::fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobReader({} at {})", self.descriptor.digest, self.position)
    }
}

impl Client {
    /// The blob that `descriptor` describes, as a reader; nothing is sent before the first read.
    pub fn blob(&self, repository: &str, descriptor: &Descriptor, start: Start) -> BlobReader {
        let (position, hasher) = match start {
            Start::Beginning => (0, Box::new(Hasher::new(descriptor.digest.algorithm()))),
            Start::Behind(position, hasher) => (position, hasher),
        };
        BlobReader {
            client: self.clone(),
            repository: repository.to_owned(),
            descriptor: descriptor.clone(),
            cancel: self.cancel().clone(),
            hasher: Some(*hasher),
            position,
            source: None,
            failures: 0,
            failed_at: 0,
        }
    }

    /// A whole small blob, such as a configuration.
    ///
    /// # Errors
    /// It is larger than `most` bytes, is not there, or is not what its descriptor says.
    pub fn small_blob(&self, repository: &str, descriptor: &Descriptor, most: u64) -> Result<Vec<u8>> {
        if descriptor.size > most {
            return Err(Error::refused(format!(
                "the blob {} of {} bytes, where at most {most} make sense",
                descriptor.digest, descriptor.size
            )));
        }
        let mut bytes = Vec::new();
        let what = format!("the blob {}", descriptor.digest);
        self.blob(repository, descriptor, Start::Beginning)
            .read_to_end(&mut bytes)
            .map_err(|error| failure(error, &what))?;
        Ok(bytes)
    }

    /// How long the blob `digest` is by the registry's word, or that it has none.
    pub fn blob_length(&self, repository: &str, digest: &Digest) -> Result<Option<u64>> {
        let what = format!("look for the blob {repository}@{digest}");
        self.reading(Capability::Pull, self.cancel(), |endpoint| {
            head(endpoint, repository, digest, Scope::pull(repository), &what)
        })
    }
}

/// HEAD of a blob at one place.
pub(crate) fn head(
    endpoint: &Endpoint,
    repository: &str,
    digest: &Digest,
    scope: Scope,
    what: &str,
) -> Result<Option<u64>> {
    let address = endpoint.at(&format!("{repository}/blobs/{digest}"));
    let ask = Ask { method: Method::HEAD, address, headers: Vec::new(), scope, what };
    let answer = endpoint.send(&ask, Load::Nothing)?;
    match answer.status() {
        200 => answer
            .length()
            .map(Some)
            .ok_or_else(|| Error::protocol(&endpoint.registry(), "it does not say how long a blob is")),
        404 => Ok(None),
        _ => Err(answer.refusal(what, "blob")),
    }
}

impl BlobReader {
    /// With another word that ends it.
    #[must_use]
    pub fn stopped_by(mut self, cancel: &Cancel) -> Self {
        self.cancel = cancel.clone();
        self
    }

    /// With somebody who is told how far it is.
    pub fn watched(self, watch: &dyn Watch) -> Watched<'_> {
        Watched { reader: self, watch }
    }

    /// How many of its bytes were read, or were here before.
    pub fn position(&self) -> u64 {
        self.position
    }

    fn piece(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            self.cancel.check()?;
            let left = self.descriptor.size.saturating_sub(self.position);
            if left == 0 {
                self.finish()?;
                return Ok(0);
            }
            let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let source = match &mut self.source {
                Some(source) => source,
                None => self.source.insert(connect(
                    &self.client,
                    &self.repository,
                    &self.descriptor,
                    self.position,
                    &self.cancel,
                )?),
            };
            match source.reader.read(&mut buffer[..room]) {
                Ok(0) => {
                    let error = Error::Connection {
                        registry: source.registry.clone(),
                        why: format!(
                            "it ended the blob after {} of {} bytes",
                            self.position, self.descriptor.size
                        ),
                        again: Again::Worthwhile,
                    };
                    self.cut(error)?;
                }
                Ok(count) => {
                    self.take(&buffer[..count])?;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let error = broken(&source.registry, &error);
                    self.cut(error)?;
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(hasher) = &mut self.hasher {
            hasher.update(bytes);
        }
        self.position += bytes.len() as u64;
        if self.position == self.descriptor.size {
            self.finish()?;
        }
        Ok(())
    }

    /// Compares the digest, and that nothing follows.
    fn finish(&mut self) -> Result<()> {
        let Some(hasher) = self.hasher.take() else { return Ok(()) };
        if self.position > self.descriptor.size {
            return Err(self.damaged(format!(
                "{} bytes of it are here, and it has {}",
                self.position, self.descriptor.size
            )));
        }
        if let Some(mut source) = self.source.take() {
            // A connection that breaks now had nothing more to give.
            if source.reader.read(&mut [0]).is_ok_and(|count| count > 0) {
                return Err(self.damaged(format!(
                    "it goes on after the {} bytes that were promised",
                    self.descriptor.size
                )));
            }
        }
        let found = hasher.finish();
        if found != self.descriptor.digest {
            return Err(self.damaged(format!("its content is {found}")));
        }
        Ok(())
    }

    /// After a connection broke: waits, if it is worth it.
    fn cut(&mut self, error: Error) -> Result<()> {
        self.source = None;
        if self.position >= self.failed_at + PROGRESS {
            self.failures = 0;
        }
        self.failed_at = self.position;
        self.failures += 1;
        self.client.settings().patience.pause(self.failures, error, &self.cancel)
    }

    fn damaged(&self, how: String) -> Error {
        Error::Damaged { what: format!("the blob {}", self.descriptor.digest), how }
    }
}

impl Read for BlobReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.piece(buffer).map_err(|error| {
            // Nothing more comes of a reader that failed, whoever asks again.
            self.cancel = stopped();
            io::Error::other(error)
        })
    }
}

impl std::fmt::Debug for Watched<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.reader.fmt(f)
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.watch.came(&self.reader.descriptor, self.reader.position);
        Ok(count)
    }
}

/// The error within one of a [`BlobReader`]; another is of `what` was read.
pub fn failure(error: io::Error, what: &str) -> Error {
    match error.downcast::<Error>() {
        Ok(error) => error,
        Err(source) => Error::Source { what: what.to_owned(), source },
    }
}

fn stopped() -> Cancel {
    let cancel = Cancel::default();
    cancel.stop();
    cancel
}

/// A connection that brought so much before it broke has not failed in vain.
const PROGRESS: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_is_here() {
        let digest = Digest::sha256_of(b"ab");
        let Start::Behind(1, mut hasher) = Start::behind(&digest, &b"a"[..]).unwrap() else {
            panic!("one byte")
        };
        hasher.update(b"b");
        assert_eq!(hasher.finish(), digest);
    }
}
