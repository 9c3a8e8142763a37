// SPDX-License-Identifier: Apache-2.0
//! Log files that somebody cut, changed or made up. Each is read as it lies there and as it would come
//! from a slow disk, a few bytes at a time.

use std::io::Read;

use logs::{Entry, Format, Item};

/// A file in Docker's format. What is read as a line is read as the same line when it is written again.
pub(crate) fn json(bytes: &[u8]) {
    for entry in read(Format::Json, bytes) {
        let again = logs::json::encode(entry.stream, &entry.bytes, entry.ending, entry.time);
        let Some(line) = again.strip_suffix(b"\n") else { panic!("no line: {again:?}") };
        let read = logs::json::decode(line).unwrap_or_else(|| panic!("written, not read: {again:?}"));
        assert_eq!((read.time, read.stream, read.ending), (entry.time, entry.stream, entry.ending));
        assert_eq!(String::from_utf8_lossy(&read.bytes), String::from_utf8_lossy(&entry.bytes));
    }
}

/// A file in our own format.
pub(crate) fn local(bytes: &[u8]) {
    for entry in read(Format::Local, bytes) {
        assert!(!entry.bytes.contains(&b'\n') && entry.attributes.is_empty());
    }
}

/// The lines of `bytes`, which are the same however they come.
fn read(format: Format, bytes: &[u8]) -> Vec<Entry> {
    let whole = entries(format, std::io::Cursor::new(bytes.to_vec()), bytes.len());
    let slow = entries(format, Slow { bytes: bytes.to_vec(), at: 0 }, bytes.len());
    assert_eq!(whole, slow);
    whole
}

fn entries(format: Format, source: impl Read + Send + 'static, length: usize) -> Vec<Entry> {
    let (mut entries, mut items) = (Vec::new(), 0);
    for item in logs::contents(format, source) {
        items += 1;
        assert!(items <= 2 * length + 1, "more items than bytes");
        if let Ok(Item::Entry(entry)) = item {
            entries.push(entry);
        }
    }
    entries
}

struct Slow {
    bytes: Vec<u8>,
    at: usize,
}

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = (self.bytes.len() - self.at).min(buffer.len()).min(1 + self.at % 7);
        buffer[..length].copy_from_slice(&self.bytes[self.at..self.at + length]);
        self.at += length;
        Ok(length)
    }
}
