// SPDX-License-Identifier: Apache-2.0
//! A writer of small ustar archives, for images of our own. The same entries give the same bytes.

use super::header::BLOCK;

/// An archive in memory.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Adds a directory.
    pub fn directory(&mut self, path: &str, mode: u32) {
        self.bytes.extend(header(path, Kind::Directory, mode, 0));
    }

    /// Adds a file.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.bytes.extend(header(path, Kind::File, mode, content.len() as u64));
        self.bytes.extend_from_slice(content);
        self.bytes.extend(padding(content.len() as u64));
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 2 * BLOCK, 0);
        self.bytes
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
}

/// The header of a member of an archive that carries content and no file system: readable by all.
pub(crate) fn block(path: &str, kind: Kind, size: u64) -> [u8; BLOCK] {
    let mode = if kind == Kind::Directory { 0o755 } else { 0o644 };
    header(path, kind, mode, size)
}

/// What follows `size` bytes of content.
pub(crate) fn padding(size: u64) -> &'static [u8] {
    let over = (size % BLOCK as u64) as usize;
    &[0; BLOCK][..(BLOCK - over) % BLOCK]
}

/// Owned by root, at the beginning of time.
fn header(path: &str, kind: Kind, mode: u32, size: u64) -> [u8; BLOCK] {
    let mut block = [0u8; BLOCK];
    let name = path.as_bytes();
    let length = name.len().min(100);
    block[..length].copy_from_slice(&name[..length]);
    put(&mut block[100..108], &format!("{mode:07o}"));
    put(&mut block[108..116], "0000000");
    put(&mut block[116..124], "0000000");
    put_size(&mut block[124..136], size);
    put(&mut block[136..148], "00000000000");
    block[156] = match kind {
        Kind::Directory => b'5',
        Kind::File => b'0',
    };
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block[148..155], &format!("{sum:06o}"));
    block
}

/// Eleven octal digits, or from 8 GiB on a binary number, as GNU tar, Go and libarchive write it.
fn put_size(field: &mut [u8], size: u64) {
    let octal = format!("{size:011o}");
    if octal.len() == 11 {
        return put(field, &octal);
    }
    field[0] = 0x80;
    field[4..].copy_from_slice(&size.to_be_bytes());
}

fn put(field: &mut [u8], text: &str) {
    field[..text.len()].copy_from_slice(text.as_bytes());
    if let Some(end) = field.get_mut(text.len()) {
        *end = 0;
    }
}
