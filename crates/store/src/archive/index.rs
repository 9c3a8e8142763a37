// SPDX-License-Identifier: Apache-2.0
//! The members of a tar file that can be read in any order, found without reading their data.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::FileExt;

use oci::descriptor::Compression;

use super::spool::{self, At, Entry, Member};
use crate::decode::compression_of;
use crate::error::{Error, Result};
use crate::tar::{Reader, quoted};

/// A part of a file, whoever else reads the file meanwhile.
#[derive(Debug)]
pub(super) struct Part<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl<'a> Part<'a> {
    pub(super) fn new(file: &'a File, at: u64, size: u64) -> Self {
        Self { file, at, end: at.saturating_add(size) }
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.end - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..most], self.at)?;
        if count == 0 && most > 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the archive became shorter"));
        }
        self.at += count as u64;
        Ok(count)
    }
}

/// The members of `archive`; nothing when it is compressed or no file.
pub(super) fn members(archive: &File) -> Result<Option<HashMap<String, Entry>>> {
    let failed = |error: io::Error| Error::refused(error.to_string());
    let known = archive.metadata().map_err(failed)?;
    if !known.is_file() {
        return Ok(None);
    }
    let mut source = archive;
    let mut first = [0; 8];
    let count = archive.read_at(&mut first, source.stream_position().map_err(failed)?).map_err(failed)?;
    if compression_of(&first[..count]) != Compression::Plain {
        return Ok(None);
    }
    let broken = |error: crate::tar::Error| Error::refused(error.to_string());
    let mut reader = Reader::new(source);
    spool::members(|| {
        let Some(entry) = reader.next_entry().map_err(broken)? else { return Ok(None) };
        let (start, end) = reader.skip().map_err(broken)?;
        if end > known.len() {
            return Err(Error::refused(format!("it is cut off inside its member {}", quoted(&entry.path))));
        }
        let member =
            spool::is_plain(&entry).then_some(Member { at: At::Part(start), size: entry.size, digest: None });
        Ok(Some((entry, member)))
    })
    .map(Some)
}
