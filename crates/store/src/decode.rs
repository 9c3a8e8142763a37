// SPDX-License-Identifier: Apache-2.0
//! Decompression, told apart by the bytes themselves, with a bound on how much may come out.
//!
//! Nothing is ever handed to a helper program (CVE-2014-9357, CVE-2026-41567), memory is bounded, and
//! a stream that grows out of all proportion is a bomb (CVE-2017-14992).

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

pub use oci::descriptor::Compression;

use crate::unpack::Unpacker;

/// Bounds on what may come out of a stream.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Bytes.
    pub most: u64,
    /// Bytes out for each byte in, beyond the first [`FREE`].
    pub ratio: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { most: 64 << 30, ratio: 200 }
    }
}

/// What the first bytes of a stream say of it.
pub(crate) fn compression_of(first: &[u8]) -> Compression {
    match first {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        // A skippable frame may come first (RFC 8878, 3.1.2).
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
        _ => Compression::Plain,
    }
}

/// A reader of what a zstd stream decompresses to, with a window of at most 2^27 bytes.
pub fn zstd<'a>(source: impl Read + 'a) -> io::Result<impl Read + 'a> {
    let mut decoder = zstd::stream::read::Decoder::new(source)?;
    decoder.window_log_max(LARGEST_WINDOW)?;
    Ok(decoder)
}

/// A reader of the plain bytes.
pub struct Decoder<'a, R: Read> {
    inner: Inner<'a, R>,
    compression: Compression,
    /// Bytes read from the source so far.
    taken: Rc<Cell<u64>>,
    out: u64,
    bounds: Bounds,
}

enum Inner<'a, R: Read> {
    Plain(Counted<R>),
    Gzip(Box<flate2::bufread::MultiGzDecoder<Counted<R>>>),
    Zstd(Box<dyn Read + 'a>),
}

impl<R: Read> std::fmt::Debug for Decoder<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoder").field("compression", &self.compression).field("out", &self.out).finish()
    }
}

impl<'a, R: Read + 'a> Decoder<'a, R> {
    /// Looks at the first bytes of `source`. zstd is left to `unpacker`.
    pub fn new(source: R, bounds: Bounds, unpacker: &dyn Unpacker) -> io::Result<Self> {
        let taken = Rc::new(Cell::new(0));
        let mut source =
            Counted { inner: BufReader::with_capacity(BUFFER, source), count: Rc::clone(&taken) };
        let compression = compression_of(source.fill_buf()?);
        let inner = match compression {
            Compression::Plain => Inner::Plain(source),
            Compression::Gzip => Inner::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(source))),
            Compression::Zstd => Inner::Zstd(unpacker.zstd(Box::new(source))?),
        };
        Ok(Self { inner, compression, taken, out: 0, bounds })
    }

    /// What the bytes said.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Bytes read from the source so far.
    pub fn taken(&self) -> u64 {
        self.taken.get()
    }
}

impl<'a, R: Read + 'a> Read for Decoder<'a, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.inner {
            Inner::Plain(source) => source.read(buffer),
            Inner::Gzip(decoder) => decoder.read(buffer),
            Inner::Zstd(decoder) => decoder.read(buffer),
        }
        .map_err(|error| match self.compression {
            Compression::Plain => error,
            _ => io::Error::new(error.kind(), format!("the compressed data is damaged: {error}")),
        })?;
        self.out += count as u64;
        if self.out > self.bounds.most {
            return Err(refused(format!("it unpacks to more than {} bytes", self.bounds.most)));
        }
        if self.compression != Compression::Plain
            && self.out > FREE
            && self.out / self.taken().max(1) > self.bounds.ratio
        {
            return Err(refused(format!(
                "it unpacks to more than {} times its size: a decompression bomb",
                self.bounds.ratio
            )));
        }
        Ok(count)
    }
}

struct Counted<R> {
    inner: BufReader<R>,
    count: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.set(self.count.get() + count as u64);
        Ok(count)
    }
}

impl<R: Read> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count.set(self.count.get() + amount as u64);
        self.inner.consume(amount);
    }
}

fn refused(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Small streams may have any ratio: a file of zeros is no attack.
pub const FREE: u64 = 64 << 20;
const BUFFER: usize = 256 << 10;
/// 2^27: what zstd's own tool accepts without being asked.
const LARGEST_WINDOW: u32 = 27;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        Decoder::new(bytes, Bounds::default(), &crate::unpack::InProcess)?.read_to_end(&mut out)?;
        Ok(out)
    }

    #[test]
    fn three_forms() {
        let text = b"some text, some text, some text".repeat(100);
        assert_eq!(decode(&text).unwrap(), text);
        assert_eq!(decode(&gzip(&text)).unwrap(), text);
        assert_eq!(decode(&zstd::encode_all(&text[..], 3).unwrap()).unwrap(), text);
        assert_eq!(decode(&[gzip(b"one"), gzip(b"two")].concat()).unwrap(), b"onetwo");
        assert!(decode(b"").unwrap().is_empty());
    }

    /// zstd:chunked ends in skippable frames (RFC 8878, 3.1.2), eStargz is gzip in many members.
    #[test]
    fn seekable_forms_read_as_plain_ones() {
        let text = b"some text, some text, some text".repeat(100);
        let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0][..], b"junk"].concat();
        let frame = zstd::encode_all(&text[..], 3).unwrap();
        assert_eq!(decode(&[&frame[..], &skipped].concat()).unwrap(), text);
        assert_eq!(decode(&[&skipped[..], &frame, &frame, &skipped].concat()).unwrap(), text.repeat(2));
        assert_eq!(decode(&[gzip(b""), gzip(&text), gzip(b"")].concat()).unwrap(), text);
    }

    #[test]
    fn damage_and_garbage_are_errors() {
        let packed = gzip(&[7; 10_000]);
        assert!(decode(&packed[..packed.len() - 4]).is_err());
        assert!(decode(&[&packed[..], b"garbage"].concat()).is_err());
        let packed = zstd::encode_all(&[7; 10_000][..], 3).unwrap();
        assert!(decode(&packed[..packed.len() - 4]).is_err());
    }

    #[test]
    fn a_bomb_stops_early() {
        let bomb = gzip(&vec![0; 80 << 20]);
        let mut decoder = Decoder::new(&bomb[..], Bounds::default(), &crate::unpack::InProcess).unwrap();
        let error = io::copy(&mut decoder, &mut io::sink()).unwrap_err();
        assert!(error.to_string().contains("bomb"), "{error}");
        assert!(decoder.out < FREE + (1 << 20));
    }
}
