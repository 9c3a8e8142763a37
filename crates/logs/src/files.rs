// SPDX-License-Identifier: Apache-2.0
//! The files of a log, oldest first, opened so that a rotation meanwhile neither hides nor doubles one.

use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use flate2::read::MultiGzDecoder;
use kernel::rustix::fs::OFlags;

use crate::error::{Error, Result};
use crate::rotating::packed;

/// Which file it is, whatever it is called now. An inode's number alone is soon used again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileId {
    inode: u64,
    /// Nanoseconds since 1970; 0 where the file system does not say.
    born: u128,
}

impl FileId {
    pub(crate) fn of(file: &File) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        let born = metadata.created().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(Self { inode: metadata.ino(), born: born.map_or(0, |since| since.as_nanos()) })
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.inode, self.born)
    }
}

/// One of the files.
#[derive(Debug)]
pub(crate) struct LogFile {
    pub(crate) path: PathBuf,
    pub(crate) file: File,
    pub(crate) form: Form,
    /// As [`FileId`] prints.
    pub(crate) id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    Gzip,
}

/// All files of the log whose newest is `path`, the oldest first. None of them is no error: nothing was
/// written.
pub(crate) fn open_all(path: &Path) -> Result<Vec<LogFile>> {
    found(path, None)
}

/// The files that are newer than the one called `id`, the oldest first; none if that one is gone.
pub(crate) fn open_newer(path: &Path, id: &str) -> Result<Option<Vec<LogFile>>> {
    let mut files = found(path, Some(id))?;
    if files.first().is_none_or(|oldest| oldest.id != id) {
        return Ok(None);
    }
    files.remove(0);
    Ok(Some(files))
}

/// Files back to the one called `back_to`, or all.
///
/// A rotation meanwhile gives each file a higher age, and the highest first. Looked at from the youngest up, age
/// by age, a file is never where we have been already: it is seen, perhaps twice. Going by a list of the ages
/// instead would pass over one that moves to an age that was empty when the list was made.
fn found(path: &Path, back_to: Option<&str>) -> Result<Vec<LogFile>> {
    let mut files: Vec<LogFile> = Vec::new();
    for file in newest_first(path, back_to)? {
        if !files.iter().any(|newer| newer.id == file.id) {
            files.push(file);
        }
    }
    files.reverse();
    Ok(files)
}

/// The file at `path` as it is now.
pub(crate) fn open(path: &Path) -> Result<Option<LogFile>> {
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let attempt = || -> std::io::Result<LogFile> {
        let file = File::options().read(true).custom_flags(flags).open(path)?;
        let form =
            if path.extension().is_some_and(|ending| ending == "gz") { Form::Gzip } else { Form::Plain };
        let id = match form {
            Form::Plain => FileId::of(&file)?.to_string(),
            Form::Gzip => was(&file)?,
        };
        Ok(LogFile { path: path.to_owned(), file, form, id })
    };
    match attempt() {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("open the log", path, error)),
    }
}

/// The name of the file that was put aside `age` rotations ago.
pub(crate) fn rotated(path: &Path, age: u32) -> PathBuf {
    crate::rotating::with_ending(path, &format!(".{age}"))
}

fn newest_first(path: &Path, back_to: Option<&str>) -> Result<Vec<LogFile>> {
    let listed = ages(path)?;
    let mut found = Vec::from_iter(open(path)?);
    let (mut age, mut empty) = (1, 0);
    while back_to.is_none() || found.last().map(|file| file.id.as_str()) != back_to {
        let plain = rotated(path, age);
        // Until the compressed one is whole, the plain one is there.
        let file = match open(&plain)? {
            Some(file) => Some(file),
            None => open(&packed(&plain))?,
        };
        empty = if file.is_some() { 0 } else { empty + 1 };
        found.extend(file);
        age = match listed.iter().find(|listed| **listed > age) {
            // Somebody took more away than a rotation leaves empty.
            Some(next) if empty >= GAP => *next,
            None if empty >= GAP || age == u32::MAX => break,
            _ => age + 1,
        };
    }
    Ok(found)
}

/// The ages that the directory has, the youngest first.
pub(crate) fn ages(path: &Path) -> Result<Vec<u32>> {
    let (Some(place), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Ok(Vec::new());
    };
    let entries = match std::fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("look for logs", place, error)),
    };
    let mut ages = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| Error::io("look for logs", place, source))?.file_name();
        let ending = entry.to_str().and_then(|entry| entry.strip_prefix(name)?.strip_prefix('.'));
        ages.extend(
            ending.and_then(|ending| ending.strip_suffix(".gz").unwrap_or(ending).parse::<u32>().ok()),
        );
    }
    ages.sort_unstable();
    ages.dedup();
    Ok(ages)
}

/// What a compressed file was before, as [`crate::rotating`] left it; one of Docker's own has its name.
fn was(file: &File) -> std::io::Result<String> {
    let reader = MultiGzDecoder::new(file.try_clone()?);
    let comment =
        reader.header().and_then(|header| header.comment()).map(|text| String::from_utf8_lossy(text));
    let id = match comment {
        Some(comment) => comment.into_owned(),
        None => FileId::of(file)?.to_string(),
    };
    // The header was read through the descriptor that its copy shares.
    let mut rewound = file;
    std::io::Seek::rewind(&mut rewound)?;
    Ok(id)
}

/// A rotation leaves one age empty at a time.
const GAP: u32 = 2;
