// SPDX-License-Identifier: Apache-2.0
//! A reader of content that is being fetched: it keeps what passes, and hands the last bytes out only
//! when digest and length are those that were promised.

use std::io::{self, Read, Seek, Write};

use oci::Digest;

use super::Partial;
use super::partial::Kept;
use crate::blobs::same;
use crate::error::{Error, Result};
use crate::layers::{Tap, copy};

/// The kept beginning of a fetch, then its rest.
pub(super) struct Source<'a, R> {
    partial: &'a Partial,
    kept: Kept<'a>,
    rest: R,
    tap: Tap,
    left: u64,
    failure: Option<Error>,
}

impl<'a, R: Read> Source<'a, R> {
    pub(super) fn new(partial: &'a Partial, rest: R) -> Result<Self> {
        let failed = |error| Error::io("read what is kept of a fetch", partial.path(), error);
        // What is fetched goes where the kept bytes end.
        let mut appended = partial.file();
        appended.seek(io::SeekFrom::End(0)).map_err(failed)?;
        let promised = partial.promised();
        Ok(Self {
            partial,
            kept: partial.beginning(),
            rest,
            tap: Tap::new(promised.digest.algorithm()),
            left: promised.size,
            failure: None,
        })
    }

    /// The digest of what was read so far.
    pub(super) fn tap(&self) -> Tap {
        self.tap.clone()
    }

    /// Reads what nobody wanted to see, and tells whether all of it was what was promised.
    pub(super) fn finish(mut self) -> Result<()> {
        if self.failure.is_none() {
            let rest = copy(&mut self, &mut io::sink());
            if let (Err(error), None) = (rest, &self.failure) {
                return Err(self.transfer(error));
            }
        }
        // An empty blob is never read.
        self.failure.take().map_or_else(|| self.check(), Err)
    }

    fn next(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..most];
        let mut count = self
            .kept
            .read(buffer)
            .map_err(|error| Error::io("read what is kept of a fetch", self.partial.path(), error))?;
        if count == 0 {
            count = self.fetch(buffer)?;
        }
        self.left -= count as u64;
        self.tap.update(&buffer[..count]);
        if self.left == 0 {
            self.check()?;
        }
        Ok(count)
    }

    fn fetch(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let count = loop {
            match self.rest.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.transfer(error)),
                Ok(0) => return Err(self.transfer(io::ErrorKind::UnexpectedEof.into())),
                Ok(count) => break count,
            }
        };
        let mut file = self.partial.file();
        file.write_all(&buffer[..count])
            .map_err(|error| Error::io("keep what was fetched", self.partial.path(), error))?;
        Ok(count)
    }

    fn check(&self) -> Result<()> {
        let wanted: &Digest = &self.partial.promised().digest;
        same(wanted, &self.tap.digest(), || format!("the blob {wanted}"))
    }

    fn transfer(&self, source: io::Error) -> Error {
        let (promised, left) = (self.partial.promised(), self.left);
        Error::Transfer { what: promised.digest.to_string(), missing: left, size: promised.size, source }
    }
}

impl<R: Read> Read for Source<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failure.is_some() {
            return Err(io::Error::other("the content cannot be read to its end"));
        }
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        self.next(buffer).map_err(|error| {
            let told = io::Error::other(error.to_string());
            self.failure = Some(error);
            told
        })
    }
}
