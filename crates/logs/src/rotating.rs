// SPDX-License-Identifier: Apache-2.0
//! A file that grows by whole records and is put aside when it is full.
//!
//! `NAME` is written; `NAME.1` was before it, `NAME.2` before that. With compression they become
//! `NAME.1.gz` by a thread of its own; the next rotation waits for it, which bounds both the threads
//! (one) and the wait (the compression of one file). What a compressed file was before stands in its
//! comment, so that who follows the log finds its place (files.rs).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use flate2::{Compression as Level, GzBuilder};
use kernel::rustix::fs::OFlags;

use crate::driver::{Compression, Rotation};
use crate::error::{Error, Result};
use crate::files::{FileId, ages, rotated};
use crate::local::{Mark, last_mark, mark_of};

/// What becomes of a file whose last record was cut off when its writer was killed: the length that is
/// whole.
pub(crate) type Whole = fn(&File, u64) -> std::io::Result<u64>;

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct Rotating {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    /// What of it is written, which is whole records.
    size: u64,
    buffer: Vec<u8>,
    /// Lines in the buffer.
    lines: u64,
    /// Lines that could not be written.
    lost: u64,
    packing: Option<JoinHandle<Result<()>>>,
}

impl Rotating {
    /// Opens `path`, or makes it; a record that was cut off goes.
    pub(crate) fn open(path: PathBuf, rotation: Rotation, whole: Whole) -> Result<Self> {
        let (file, size) = open(&path, whole).map_err(|source| Error::io("open the log", &path, source))?;
        Ok(Self { path, rotation, file, size, buffer: Vec::new(), lines: 0, lost: 0, packing: None })
    }

    /// Whether it is full. As Docker counts, the record that fills it is still in it.
    pub(crate) fn is_full(&self) -> bool {
        self.rotation.size.is_some_and(|most| self.size + self.buffer.len() as u64 >= most)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.size == 0 && self.buffer.is_empty()
    }

    /// The mark of a file in the `local` format, as its last whole block has it.
    pub(crate) fn mark(&self) -> std::io::Result<Option<Mark>> {
        match last_mark(&self.file, self.size)? {
            Some(mark) => Ok(Some(mark)),
            None => mark_of(&self.file, self.size),
        }
    }

    /// Where a record is put together, and for how many lines it stands.
    pub(crate) fn record(&mut self, lines: u64) -> &mut Vec<u8> {
        self.lines += lines;
        &mut self.buffer
    }

    /// Writes out when it is worth a call.
    pub(crate) fn flush_if_large(&mut self) -> Result<()> {
        if self.buffer.len() < BUFFER { Ok(()) } else { self.flush() }
    }

    /// Writes out what is in the buffer. If that fails it is lost, and counted; the file ends where it
    /// ended before, so that the next record begins well.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let written = self.file.write_all(&self.buffer);
        let length = self.buffer.len() as u64;
        self.buffer.clear();
        let lines = std::mem::take(&mut self.lines);
        match written {
            Ok(()) => {
                self.size += length;
                Ok(())
            }
            Err(source) => {
                self.lost += lines;
                self.file
                    .set_len(self.size)
                    .map_err(|source| Error::io("cut off half a record of the log", &self.path, source))?;
                Err(Error::io("write the log", &self.path, source))
            }
        }
    }

    /// Puts the file aside and begins a new one.
    pub(crate) fn rotate(&mut self) -> Result<()> {
        let flushed = self.flush();
        let packed = self.wait_for_packing();
        self.shift()?;
        let (file, size) = open(&self.path, |_, size| Ok(size))
            .map_err(|source| Error::io("begin a new log", &self.path, source))?;
        (self.file, self.size) = (file, size);
        if self.rotation.compression == Compression::Gzip {
            let first = rotated(&self.path, 1);
            self.packing = Some(std::thread::spawn(move || pack(&first)));
        }
        flushed.and(packed)
    }

    /// How many lines could not be written since this was last asked.
    pub(crate) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }

    /// Writes out and waits for the compression.
    pub(crate) fn close(&mut self) -> Result<()> {
        let flushed = self.flush();
        flushed.and(self.wait_for_packing())
    }

    fn wait_for_packing(&mut self) -> Result<()> {
        let Some(packing) = self.packing.take() else { return Ok(()) };
        packing.join().unwrap_or_else(|_| {
            let source = std::io::Error::other("the thread that compresses it panicked");
            Err(Error::io("compress a full log", &self.path, source))
        })
    }

    /// The oldest goes, each other becomes one older.
    fn shift(&self) -> Result<()> {
        let told = |source| Error::io("rotate the log", &self.path, source);
        let last = self.rotation.files - 1;
        for age in ages(&self.path)?.into_iter().rev() {
            let (from, to) = (rotated(&self.path, age), rotated(&self.path, age.saturating_add(1)));
            for (from, to) in [(packed(&from), packed(&to)), (from, to)] {
                let moved =
                    if age >= last { std::fs::remove_file(&from) } else { std::fs::rename(&from, &to) };
                absent_is_fine(moved).map_err(told)?;
            }
        }
        let first = rotated(&self.path, 1);
        let aside =
            if last == 0 { std::fs::remove_file(&self.path) } else { std::fs::rename(&self.path, first) };
        absent_is_fine(aside).map_err(told)
    }
}

impl Drop for Rotating {
    fn drop(&mut self) {
        // Who wants to know calls `close`; here nothing is left to write and only the thread is waited for.
        match self.wait_for_packing() {
            Ok(()) | Err(_) => {}
        }
    }
}

fn open(path: &Path, whole: Whole) -> std::io::Result<(File, u64)> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let mut options = OpenOptions::new();
    let file = options.read(true).append(true).create(true).mode(0o600).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(std::io::Error::new(ErrorKind::InvalidData, "it is no regular file"));
    }
    let size = whole(&file, metadata.len())?;
    if size < metadata.len() {
        file.set_len(size)?;
    }
    Ok((file, size))
}

/// `plain` becomes `plain.gz`, which appears when it is whole.
fn pack(plain: &Path) -> Result<()> {
    let attempt = || {
        let mut source = File::open(plain)?;
        let id = FileId::of(&source)?;
        let partial = with_ending(plain, ".tmp");
        let target = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
        let target = std::io::BufWriter::with_capacity(BUFFER, target);
        let mut target = GzBuilder::new().comment(id.to_string()).write(target, Level::default());
        std::io::copy(&mut source, &mut target)?;
        target.finish()?.flush()?;
        std::fs::rename(&partial, packed(plain))?;
        std::fs::remove_file(plain)
    };
    attempt().map_err(|source| Error::io("compress a full log", plain, source))
}

pub(crate) fn packed(plain: &Path) -> PathBuf {
    with_ending(plain, ".gz")
}

pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn absent_is_fine(done: std::io::Result<()>) -> std::io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The length of `file` up to its last newline; half a line that no newline ends goes. A line that is
/// longer than any of ours stays, and so does everything before it.
pub(crate) fn whole_lines(file: &File, size: u64) -> std::io::Result<u64> {
    let mut tail = vec![0; usize::try_from(size.min(LONGEST_LINE)).unwrap_or_default()];
    let from = size - tail.len() as u64;
    file.read_exact_at(&mut tail, from)?;
    match memchr::memrchr(b'\n', &tail) {
        Some(at) => Ok(from + at as u64 + 1),
        None if from == 0 => Ok(0),
        None => Ok(size),
    }
}

/// Bytes that are written in one call.
pub(crate) const BUFFER: usize = 64 << 10;
/// 16 KiB of which each byte is six letters, and room for attributes.
const LONGEST_LINE: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(place: &Path) -> Vec<String> {
        let mut names: Vec<String> = place
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn full_files_grow_old_and_go() {
        let place = tempfile::tempdir().unwrap();
        for (compression, want) in [
            (Compression::None, ["log", "log.1", "log.2"]),
            (Compression::Gzip, ["log", "log.1.gz", "log.2.gz"]),
        ] {
            let place = place.path().join(format!("{compression:?}"));
            std::fs::create_dir(&place).unwrap();
            let rotation = Rotation { size: Some(4), files: 3, compression };
            let mut file = Rotating::open(place.join("log"), rotation, whole_lines).unwrap();
            for digit in b'0'..=b'9' {
                if file.is_full() {
                    file.rotate().unwrap();
                }
                file.record(1).extend([digit, b'\n']);
            }
            file.close().unwrap();
            assert_eq!(names(&place), want);
            assert_eq!(std::fs::read(place.join("log")).unwrap(), b"8\n9\n");
        }
    }

    #[test]
    fn half_a_line_goes() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        for (before, after) in [("a\nb\nhalf", "a\nb\n"), ("half", ""), ("a\n", "a\n"), ("", "")] {
            std::fs::write(&path, before).unwrap();
            let rotation = Rotation { size: None, files: 1, compression: Compression::None };
            let opened = Rotating::open(path.clone(), rotation, whole_lines).unwrap();
            drop(opened);
            assert_eq!(std::fs::read_to_string(&path).unwrap(), after);
        }
    }
}
