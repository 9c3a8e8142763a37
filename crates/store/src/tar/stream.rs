// SPDX-License-Identifier: Apache-2.0
//! A writer of tar streams of any files: ustar, with PAX records for what a ustar header has no room
//! for (POSIX.1-2017, pax). The same entries give the same bytes, so a digest of them means something.

use std::io::{self, Read, Write};

use super::header::BLOCK;
use super::{Entry, Kind, quoted};

/// A tar archive on its way out.
#[derive(Debug)]
pub struct Archive<W> {
    sink: W,
}

impl<W: Write> Archive<W> {
    /// Writes to `sink`.
    pub fn new(sink: W) -> Self {
        Self { sink }
    }

    /// Adds `entry`, whose `size` bytes of data are read from `data`.
    ///
    /// # Errors
    /// `sink` or `data` fails, or there is less data than the entry says: the archive is then of no use.
    pub fn append(&mut self, entry: &Entry, data: &mut dyn Read) -> io::Result<()> {
        let records = records(entry);
        if !records.is_empty() {
            let mut header = Block::new(b"PaxHeaders/entry", b'x', records.len() as u64);
            header.number(100..108, 0o644);
            self.sink.write_all(&header.finish())?;
            self.sink.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        self.sink.write_all(&block(entry).finish())?;
        let copied = io::copy(&mut data.take(entry.size), &mut self.sink)?;
        if copied != entry.size {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{} became shorter while it was read", quoted(&entry.path)),
            ));
        }
        self.pad(entry.size)
    }

    /// Ends the archive and gives the sink back.
    pub fn finish(mut self) -> io::Result<W> {
        self.sink.write_all(&[0; 2 * BLOCK])?;
        self.sink.flush()?;
        Ok(self.sink)
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = (size % BLOCK as u64) as usize;
        self.sink.write_all(&[0; BLOCK][..(BLOCK - over) % BLOCK])
    }
}

/// The header of `entry`. What does not fit stands in a record before it, which readers prefer.
fn block(entry: &Entry) -> Block {
    let mut block = Block::new(&entry.path, type_flag(entry.kind), entry.size);
    block.number(100..108, entry.mode.into());
    block.number(108..116, entry.uid.into());
    block.number(116..124, entry.gid.into());
    block.number(136..148, u64::try_from(entry.mtime.0).unwrap_or(0));
    block.text(157..257, &entry.link);
    if matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice) {
        block.number(329..337, entry.device.0.into());
        block.number(337..345, entry.device.1.into());
    }
    block
}

/// PAX records, in a fixed order.
fn records(entry: &Entry) -> Vec<u8> {
    let mut records = Vec::new();
    let mut add = |key: &[u8], value: &[u8]| records.extend_from_slice(&record(key, value));
    if entry.path.len() > NAME || !entry.path.is_ascii() {
        add(b"path", &entry.path);
    }
    if entry.link.len() > NAME || !entry.link.is_ascii() {
        add(b"linkpath", &entry.link);
    }
    for (key, id) in [("uid", entry.uid), ("gid", entry.gid)] {
        if u64::from(id) > LARGEST_SHORT {
            add(key.as_bytes(), id.to_string().as_bytes());
        }
    }
    if entry.size > LARGEST_LONG {
        add(b"size", entry.size.to_string().as_bytes());
    }
    if let Some(time) = precise(entry.mtime) {
        add(b"mtime", time.as_bytes());
    }
    for (name, value) in &entry.xattrs {
        add(&[b"SCHILY.xattr.", &name[..]].concat(), value);
    }
    records
}

/// A time that the header cannot tell: before 1970, far away, or with a part of a second.
fn precise((seconds, nanos): (i64, u32)) -> Option<String> {
    let plain = u64::try_from(seconds).is_ok_and(|seconds| seconds <= LARGEST_LONG);
    match (plain, nanos) {
        (true, 0) => None,
        (false, 0) => Some(seconds.to_string()),
        // What stands before the point counts towards zero, what stands behind it away from it.
        _ if seconds < 0 => {
            let whole = seconds + 1;
            let sign = if whole == 0 { "-" } else { "" };
            Some(format!("{sign}{whole}.{:09}", 1_000_000_000 - nanos))
        }
        _ => Some(format!("{seconds}.{nanos:09}")),
    }
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

fn type_flag(kind: Kind) -> u8 {
    match kind {
        Kind::HardLink => b'1',
        Kind::SymLink => b'2',
        Kind::CharDevice => b'3',
        Kind::BlockDevice => b'4',
        Kind::Directory => b'5',
        Kind::Fifo => b'6',
        _ => b'0',
    }
}

/// One header block.
struct Block([u8; BLOCK]);

impl Block {
    fn new(name: &[u8], kind: u8, size: u64) -> Self {
        let mut block = Self([0; BLOCK]);
        block.text(0..NAME, name);
        for field in [100..108, 108..116, 116..124] {
            block.number(field, 0);
        }
        block.number(124..136, size);
        block.number(136..148, 0);
        block.0[156] = kind;
        block.0[257..265].copy_from_slice(b"ustar\x0000");
        block
    }

    fn text(&mut self, field: std::ops::Range<usize>, text: &[u8]) {
        let length = text.len().min(field.len());
        self.0[field][..length].copy_from_slice(&text[..length]);
    }

    /// Octal, or zero when it does not fit and a record tells it.
    fn number(&mut self, field: std::ops::Range<usize>, number: u64) {
        let digits = field.len() - 1;
        let fits = number < 1 << (3 * digits);
        let text = format!("{:0digits$o}", if fits { number } else { 0 });
        self.0[field][..digits].copy_from_slice(text.as_bytes());
    }

    fn finish(mut self) -> [u8; BLOCK] {
        self.0[148..156].fill(b' ');
        let sum: u32 = self.0.iter().map(|byte| u32::from(*byte)).sum();
        self.0[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        self.0
    }
}

const NAME: usize = 100;
/// Seven octal digits.
const LARGEST_SHORT: u64 = 0o7_777_777;
/// Eleven octal digits.
const LARGEST_LONG: u64 = 0o77_777_777_777;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tar::Reader;

    fn entry(path: &[u8], kind: Kind) -> Entry {
        Entry {
            path: path.to_vec(),
            kind,
            link: Vec::new(),
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: (0, 0),
            size: 0,
            device: (0, 0),
            xattrs: Vec::new(),
            sparse: None,
        }
    }

    /// The strict reader is the judge: what is written is what is read.
    #[test]
    fn what_is_written_is_read() {
        let long = [b"d/".repeat(200), b"f".to_vec()].concat();
        let mut entries = vec![
            Entry { size: 3, ..entry(b"a", Kind::File) },
            Entry { size: 513, uid: 4_000_000_000, gid: 0o10_000_000, ..entry(&long, Kind::File) },
            Entry { link: long.clone(), ..entry("ü".as_bytes(), Kind::HardLink) },
            Entry { link: b"x".repeat(101), ..entry(b"s", Kind::SymLink) },
            Entry { device: (5, 1), ..entry(b"c", Kind::CharDevice) },
            Entry {
                xattrs: vec![(b"user.x".to_vec(), vec![0, b'\n', 255])],
                ..entry(b"x/", Kind::Directory)
            },
        ];
        for mtime in [(1, 5), (-1, 0), (-1, 500_000_000), (-7, 1), (1 << 33, 999_999_999), (1 << 34, 0)] {
            entries.push(Entry { mtime, ..entry(b"t", Kind::Fifo) });
        }
        let mut archive = Archive::new(Vec::new());
        for entry in &entries {
            archive.append(entry, &mut io::repeat(7)).unwrap();
        }
        let bytes = archive.finish().unwrap();
        let mut reader = Reader::new(&bytes[..]);
        for wanted in entries {
            assert_eq!(reader.next_entry().unwrap(), Some(wanted));
        }
        assert_eq!(reader.next_entry().unwrap(), None);
    }

    #[test]
    fn a_file_that_became_shorter_is_an_error() {
        let told =
            Archive::new(Vec::new()).append(&Entry { size: 3, ..entry(b"a", Kind::File) }, &mut &b"xy"[..]);
        assert_eq!(told.unwrap_err().to_string(), "`a` became shorter while it was read");
    }

    #[test]
    fn a_record_counts_its_own_digits() {
        for length in 0..1100 {
            let record = record(b"k", &vec![b'v'; length]);
            let told: usize = String::from_utf8_lossy(&record).split(' ').next().unwrap().parse().unwrap();
            assert_eq!(told, record.len());
        }
    }
}
