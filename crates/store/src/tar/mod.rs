// SPDX-License-Identifier: Apache-2.0
//! A strict reader of tar streams: ustar, PAX and GNU long names.
//!
//! Every tar parser reads some malformed archive unlike every other, and each such difference has been
//! an advisory (CVE-2025-62518, CVE-2026-33055, CVE-2026-53655). This one has no opinion of its own:
//! what the common readers would read differently is refused.
//!
//! Nothing is allocated because a header claims it: names end at 64 KiB, PAX headers at 1 MiB.

mod header;
mod pax;
pub mod stream;
pub mod write;

use std::io::{self, Read, Seek};

pub use header::Kind;
use header::{BLOCK, Header};
use pax::Extensions;

/// A tar stream.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    /// Bytes of the current entry's data that have not been read.
    left: u64,
    /// Bytes of padding after it.
    padding: u64,
    state: State,
    /// The name of the last entry, for errors.
    last: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    Ended,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As the archive has it, not checked for anything but zero bytes.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Target of a symbolic or hard link.
    pub link: Vec<u8>,
    /// The lower twelve bits of the mode.
    pub mode: u32,
    /// Owner; never 2^32 - 1.
    pub uid: u32,
    /// Group; never 2^32 - 1.
    pub gid: u32,
    /// Seconds since 1970 and nanoseconds.
    pub mtime: (i64, u32),
    /// Bytes of data in the stream.
    pub size: u64,
    /// Device numbers.
    pub device: (u32, u32),
    /// Extended attributes.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where the data belongs, for a file with holes, and its whole size.
    pub sparse: Option<Sparse>,
}

/// The map of a file with holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sparse {
    /// Offset and length of each piece of data, in order and not overlapping.
    pub pieces: Vec<(u64, u64)>,
    /// The size of the file.
    pub real_size: u64,
}

/// Why a stream is not a tar archive that everybody reads alike.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule is broken.
    #[error("{what}")]
    Malformed {
        /// In words.
        what: String,
    },
    /// The same, and which entry broke it.
    #[error("the entry {place}: {what}")]
    Entry {
        /// Its name, or the one that it comes after, fit for a terminal.
        place: String,
        /// In words.
        what: String,
    },
    /// The stream could not be read.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl Error {
    /// Names the entry. A stream that cannot be read is told the same way, since it is most often the
    /// archive's own compression that is damaged.
    fn at(self, place: impl FnOnce() -> String) -> Self {
        match self {
            Self::Malformed { what } => Self::Entry { place: place(), what },
            Self::Io(error) if error.kind() != io::ErrorKind::StorageFull => {
                Self::Entry { place: place(), what: error.to_string() }
            }
            other => other,
        }
    }
}

pub(crate) fn malformed<T>(what: impl Into<String>) -> Result<T, Error> {
    Err(Error::Malformed { what: what.into() })
}

/// A name from an archive as it may be printed: in quotes, no control characters, not endless.
pub fn quoted(name: &[u8]) -> String {
    match name.get(..LONGEST_SHOWN) {
        Some(begin) if name.len() > LONGEST_SHOWN => format!("`{}...`", begin.escape_ascii()),
        _ => format!("`{}`", name.escape_ascii()),
    }
}

impl<R: Read> Reader<R> {
    /// Reads from `source`.
    pub fn new(source: R) -> Self {
        Self { source, left: 0, padding: 0, state: State::Open, last: None }
    }

    /// The next entry, or nothing at the end. What is left of the last entry's data is passed over.
    ///
    /// # Errors
    /// A rule is broken, or the stream cannot be read; both name the entry.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, Error> {
        let last = self.last.take();
        let place = || {
            last.as_ref().map_or_else(|| "at the beginning".into(), |last| format!("after {}", quoted(last)))
        };
        let entry = self.read_entry().map_err(|error| error.at(place))?;
        self.last = entry.as_ref().map(|entry| entry.path.clone());
        Ok(entry)
    }

    fn read_entry(&mut self) -> Result<Option<Entry>, Error> {
        self.pass_over()?;
        let mut extensions = Extensions::default();
        loop {
            let Some(block) = self.block()? else {
                return if extensions.is_empty() {
                    Ok(None)
                } else {
                    malformed("the archive ends after an extended header")
                };
            };
            let header = Header::parse(&block)?;
            match header.kind {
                Kind::PaxLocal => {
                    extensions.take_pax(&self.extension(header.size, LONGEST_PAX, "an extended header")?)?
                }
                Kind::PaxGlobal => {
                    pax::check_global(&self.extension(header.size, LONGEST_PAX, "a global header")?)?
                }
                Kind::GnuLongName => {
                    extensions.take_name(self.extension(header.size, LONGEST_NAME, "a long name")?)?
                }
                Kind::GnuLongLink => {
                    extensions.take_link(self.extension(header.size, LONGEST_NAME, "a long link")?)?
                }
                _ => return self.entry(header, extensions).map(Some),
            }
        }
    }

    fn entry(&mut self, header: Header, extensions: Extensions) -> Result<Entry, Error> {
        let name = extensions.path.clone().unwrap_or_else(|| header.path.clone());
        let finish = |reader: &mut Self| {
            let mut entry = header.into_entry(extensions)?;
            reader.left = entry.size;
            reader.padding = padding(entry.size);
            if let Some(sparse) = &mut entry.sparse {
                if sparse.pieces.is_empty() {
                    sparse.pieces = reader.sparse_map()?;
                    entry.size = reader.left;
                }
                pax::check_map(sparse, entry.size)?;
            }
            Ok(entry)
        };
        finish(self).map_err(|error: Error| error.at(|| quoted(&name)))
    }

    /// Version 1.0: the map stands before the data, one decimal number a line, padded to a block. The
    /// first number says how many pieces follow.
    fn sparse_map(&mut self) -> Result<Vec<(u64, u64)>, Error> {
        let mut numbers: Vec<u64> = Vec::new();
        let mut wanted = 1;
        let mut rest = Vec::new();
        while numbers.len() < wanted {
            if self.left < BLOCK as u64 {
                return malformed("the map of a sparse file does not fit its data");
            }
            let Some(block) = self.raw_block()? else {
                return malformed("the archive is cut off inside the map of a sparse file");
            };
            self.left -= BLOCK as u64;
            rest.extend_from_slice(&block);
            let lines = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let whole: Vec<u8> = rest.drain(..lines).collect();
            for line in whole.split_inclusive(|byte| *byte == b'\n') {
                if numbers.len() == wanted {
                    return malformed("the map of a sparse file is longer than it says");
                }
                numbers.push(header::decimal(&line[..line.len() - 1])?);
                if numbers.len() == 1 {
                    wanted = count_of_numbers(numbers[0])?;
                }
            }
            if rest.len() > BLOCK {
                return malformed("the map of a sparse file has a line without an end");
            }
        }
        if rest.iter().any(|byte| *byte != 0) {
            return malformed("the map of a sparse file is longer than it says");
        }
        Ok(numbers[1..].chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
    }

    /// The whole data of an extension header.
    fn extension(&mut self, size: u64, most: u64, what: &str) -> Result<Vec<u8>, Error> {
        if size > most {
            return malformed(format!("{what} is longer than {most} bytes"));
        }
        let mut data = Vec::new();
        (&mut self.source).take(size).read_to_end(&mut data)?;
        if data.len() as u64 != size {
            return malformed("the archive is cut off inside a header");
        }
        self.left = 0;
        self.padding = padding(size);
        self.pass_over()?;
        Ok(data)
    }

    /// The next header block; nothing at the end, which is two zero blocks and zeros after them, or
    /// the end of the stream right after an entry.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Error> {
        if self.state == State::Ended {
            return Ok(None);
        }
        let Some(block) = self.raw_block()? else {
            self.state = State::Ended;
            return Ok(None);
        };
        if block != [0; BLOCK] {
            return Ok(Some(block));
        }
        match self.raw_block()? {
            Some(second) if second == [0; BLOCK] => self.only_zeros()?,
            _ => return malformed("the end of the archive is one zero block and not two"),
        }
        self.state = State::Ended;
        Ok(None)
    }

    fn raw_block(&mut self) -> Result<Option<[u8; BLOCK]>, Error> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.source.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return malformed("the archive is cut off inside a block"),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(block))
    }

    /// Entries behind the end are seen by some readers and not by others.
    fn only_zeros(&mut self) -> Result<(), Error> {
        let mut buffer = [0; 8192];
        loop {
            match self.source.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) if buffer[..count].iter().all(|byte| *byte == 0) => {}
                Ok(_) => return malformed("there is more behind the end of the archive"),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn pass_over(&mut self) -> Result<(), Error> {
        let rest = self.left + self.padding;
        let passed = io::copy(&mut (&mut self.source).take(rest), &mut io::sink())?;
        (self.left, self.padding) = (0, 0);
        if passed == rest { Ok(()) } else { malformed("the archive is cut off inside an entry") }
    }
}

impl<R: Read + Seek> Reader<R> {
    /// Where the current entry's data begins in the source, and where it ends with what fills its last block.
    /// The data is passed over unread; that the source has so much is the caller's to see.
    pub(crate) fn skip(&mut self) -> Result<(u64, u64), Error> {
        let start = self.source.stream_position()?;
        let end = start.saturating_add(self.left + self.padding);
        self.source.seek(io::SeekFrom::Start(end))?;
        (self.left, self.padding) = (0, 0);
        Ok((start, end))
    }
}

/// Reads the data of the current entry.
impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.source.read(&mut buffer[..most])?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the archive is cut off inside an entry",
            ));
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// How many numbers the map of so many pieces has.
fn count_of_numbers(pieces: u64) -> Result<usize, Error> {
    match usize::try_from(pieces).ok().and_then(|pieces| pieces.checked_mul(2)?.checked_add(1)) {
        Some(numbers) if numbers <= MOST_NUMBERS => Ok(numbers),
        _ => malformed("the map of a sparse file is too long"),
    }
}

fn padding(size: u64) -> u64 {
    (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64
}

const LONGEST_NAME: u64 = 64 << 10;
const LONGEST_PAX: u64 = 1 << 20;
/// Numbers in the map of a sparse file.
const MOST_NUMBERS: usize = 200_001;
const LONGEST_SHOWN: usize = 120;

#[cfg(test)]
mod tests;
