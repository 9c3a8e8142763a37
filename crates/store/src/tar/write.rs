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
        self.header(path, b'5', mode, 0);
    }

    /// Adds a file.
    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.header(path, b'0', mode, content.len());
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 2 * BLOCK, 0);
        self.bytes
    }

    /// Owned by root, at the beginning of time.
    fn header(&mut self, path: &str, kind: u8, mode: u32, size: usize) {
        let mut block = [0u8; BLOCK];
        let name = path.as_bytes();
        let length = name.len().min(100);
        block[..length].copy_from_slice(&name[..length]);
        put(&mut block[100..108], &format!("{mode:07o}"));
        put(&mut block[108..116], "0000000");
        put(&mut block[116..124], "0000000");
        put(&mut block[124..136], &format!("{size:011o}"));
        put(&mut block[136..148], "00000000000");
        block[156] = kind;
        block[257..265].copy_from_slice(b"ustar\x0000");
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        put(&mut block[148..155], &format!("{sum:06o}"));
        self.bytes.extend_from_slice(&block);
    }
}

fn put(field: &mut [u8], text: &str) {
    field[..text.len()].copy_from_slice(text.as_bytes());
    if let Some(end) = field.get_mut(text.len()) {
        *end = 0;
    }
}
