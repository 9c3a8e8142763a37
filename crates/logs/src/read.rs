// SPDX-License-Identifier: Apache-2.0
//! `logs`: what is in the files, the oldest first.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::alive::Sign;
use crate::driver::{Driver, Target};
use crate::error::{Error, Result};
use crate::files::{Form, LogFile, open_all};
use crate::json::Lines;
use crate::local::{self, Blocks, Tail};
use crate::query::Query;
use crate::reader::{Damage, Decoder, Item, Seen, Window};

/// Reads the log of the container `id` in its directory `place`.
///
/// Damage does not end it: it is told as an item, and reading goes on behind it.
///
/// # Errors
/// A driver that keeps nothing here; files that cannot be read.
pub fn read(place: &Path, id: &str, driver: &Driver, query: &Query) -> Result<Read> {
    let alive = Sign::look(place)?.is_alive()?;
    let mut read = Read::open(Log::find(place, id, driver)?, query)?;
    if !alive {
        read.finish();
    }
    Ok(read)
}

/// Reads a log that stands elsewhere, to its end.
pub fn contents(format: Format, source: impl std::io::Read + Send + 'static) -> Contents {
    let mut window = Window::new(Box::new(source), decoder(format, None), 0);
    window.finish();
    Contents { window }
}

/// The lines of a log that stands elsewhere.
#[derive(Debug)]
pub struct Contents {
    window: Window,
}

impl Iterator for Contents {
    type Item = std::io::Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.window.next() {
            Ok(Seen::Entry(entry)) => Some(Ok(Item::Entry(entry))),
            Ok(Seen::Damage(damage)) => Some(Ok(told(Path::new("the log"), damage))),
            Ok(Seen::End) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// Where a log is, and what it is written in.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
    /// Whether full files are kept at all.
    pub(crate) keeps: Keeps,
}

/// What a log is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Docker's ([`crate::json`]).
    Json,
    /// Ours ([`crate::local`]).
    Local,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeps {
    /// What is full goes.
    One,
    Several,
}

impl Log {
    pub(crate) fn find(place: &Path, id: &str, driver: &Driver) -> Result<Self> {
        let (name, format, rotation) = match &driver.target {
            Target::JsonFile(rotation) => (format!("{id}-json.log"), Format::Json, rotation),
            Target::Local(rotation) => (LOCAL.to_owned(), Format::Local, rotation),
            _ => return Err(Error::NotReadable { driver: driver.name() }),
        };
        let keeps = if rotation.files > 1 { Keeps::Several } else { Keeps::One };
        Ok(Self { path: place.join(name), format, keeps })
    }
}

/// The lines of a log.
#[derive(Debug)]
pub struct Read {
    log: Log,
    query: Query,
    waiting: VecDeque<Part>,
    /// The file that is being read, and lines of it that nobody asked for.
    open: Option<(Opened, u64)>,
    /// Whether nobody writes any more.
    finished: bool,
}

#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) id: String,
    path: PathBuf,
    window: Window,
}

/// A file, and where in it what is asked for begins.
#[derive(Debug)]
struct Part {
    file: LogFile,
    from: u64,
    skip: u64,
}

impl Read {
    pub(crate) fn open(log: Log, query: &Query) -> Result<Self> {
        let files = open_all(&log.path)?;
        let waiting = match query.tail {
            None => files.into_iter().map(|file| Part { file, from: 0, skip: 0 }).collect(),
            Some(lines) => last(files, lines, log.format)?,
        };
        Ok(Self { log, query: *query, waiting, open: None, finished: false })
    }

    /// Half a line at the end will not become a whole one.
    pub(crate) fn finish(&mut self) {
        self.finished = true;
        self.finish_open();
    }

    /// The same for the file that is open: it was put aside.
    pub(crate) fn finish_open(&mut self) {
        if let Some((open, _)) = &mut self.open {
            open.window.finish();
        }
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The file that is being read, if any: the newest, at the end.
    pub(crate) fn reading(&self) -> Option<&Opened> {
        self.open.as_ref().map(|(open, _)| open)
    }

    /// Goes on with these files when what is open is read.
    pub(crate) fn append(&mut self, files: impl IntoIterator<Item = LogFile>) {
        self.waiting.extend(files.into_iter().map(|file| Part { file, from: 0, skip: 0 }));
    }

    /// The next item, or none for now.
    pub(crate) fn advance(&mut self) -> Result<Option<Item>> {
        loop {
            let Some((open, skip)) = &mut self.open else {
                let Some(next) = self.waiting.pop_front() else { return Ok(None) };
                self.begin(next)?;
                continue;
            };
            match open.window.next() {
                Ok(Seen::Entry(_)) if *skip > 0 => *skip -= 1,
                Ok(Seen::Entry(entry)) if self.query.wants(&entry) => return Ok(Some(Item::Entry(entry))),
                Ok(Seen::Entry(_)) => {}
                Ok(Seen::Damage(damage)) => return Ok(Some(told(&open.path, damage))),
                Ok(Seen::End) if self.waiting.is_empty() => return Ok(None),
                Ok(Seen::End) => self.open = None,
                // A compressed file that is damaged cannot be read on; the next one can.
                Err(error) if is_damage(&error) && !self.waiting.is_empty() => {
                    let item = cut_short(&open.path, &error);
                    self.open = None;
                    return Ok(Some(item));
                }
                Err(source) => return Err(Error::io("read the log", &open.path, source)),
            }
        }
    }

    fn begin(&mut self, part: Part) -> Result<()> {
        let Part { file: LogFile { path, mut file, form, id }, from, skip } = part;
        let attempt = || -> std::io::Result<Window> {
            let mark = match self.log.format {
                Format::Local if form == Form::Plain => mark(&file)?,
                _ => None,
            };
            file.seek(SeekFrom::Start(from))?;
            let decoder = decoder(self.log.format, mark);
            Ok(match form {
                Form::Plain => Window::new(Box::new(file), decoder, from),
                Form::Gzip => Window::new(Box::new(MultiGzDecoder::new(BufReader::new(file))), decoder, from),
            })
        };
        let mut window = attempt().map_err(|source| Error::io("read the log", &path, source))?;
        if self.finished || !self.waiting.is_empty() {
            window.finish();
        }
        self.open = Some((Opened { id, path, window }, skip));
        Ok(())
    }
}

impl Iterator for Read {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            // It would fail again.
            self.waiting.clear();
            self.open = None;
        }
        next.transpose()
    }
}

/// The files that have the last `lines` lines, and where those begin. Each is looked at from its end.
fn last(files: Vec<LogFile>, mut lines: u64, format: Format) -> Result<VecDeque<Part>> {
    let mut parts = VecDeque::new();
    for (age, file) in files.into_iter().rev().enumerate() {
        if lines == 0 && age > 0 {
            break;
        }
        let place = place_of_last(&file, lines, format);
        let place = place.or_else(|error| if is_damage(&error) { Ok(Tail::Unknown) } else { Err(error) });
        let place = place.map_err(|source| Error::io("read the log", &file.path, source))?;
        let (from, skip, found) = match place {
            Tail::From(from, skip) => (from, skip, lines),
            Tail::Fewer(found) => (0, 0, found),
            Tail::Unknown => {
                let found =
                    count(&file, format).map_err(|source| Error::io("read the log", &file.path, source))?;
                (0, found.saturating_sub(lines), found.min(lines))
            }
        };
        lines -= found;
        parts.push_front(Part { file, from, skip });
    }
    Ok(parts)
}

fn place_of_last(file: &LogFile, lines: u64, format: Format) -> std::io::Result<Tail> {
    if file.form == Form::Gzip {
        return Ok(Tail::Unknown);
    }
    let size = file.file.metadata()?.len();
    match format {
        Format::Json => json_tail(&file.file, size, lines),
        Format::Local if lines == 0 => Ok(Tail::From(size, 0)),
        Format::Local => local::tail(&file.file, size, lines),
    }
}

/// Looks for the last `lines` newlines, in pieces from the end.
fn json_tail(file: &File, size: u64, lines: u64) -> std::io::Result<Tail> {
    let (mut end, mut found) = (size, 0);
    let mut bytes = vec![0; usize::try_from(size.min(PIECE)).unwrap_or_default()];
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        let piece = &mut bytes[..usize::try_from(end - start).unwrap_or_default()];
        file.read_exact_at(piece, start)?;
        for at in memchr::memrchr_iter(b'\n', piece) {
            // The newline before the first line that is wanted.
            if found == lines {
                return Ok(Tail::From(start + at as u64 + 1, 0));
            }
            found += 1;
        }
        end = start;
    }
    Ok(if lines == 0 { Tail::From(0, 0) } else { Tail::Fewer(found) })
}

/// How many lines a file has, read from the front.
fn count(file: &LogFile, format: Format) -> std::io::Result<u64> {
    let mut source = file.file.try_clone()?;
    source.rewind()?;
    let mark = if file.form == Form::Plain && format == Format::Local { mark(&source)? } else { None };
    let source: Box<dyn std::io::Read + Send> = match file.form {
        Form::Plain => Box::new(source.take(file.file.metadata()?.len())),
        Form::Gzip => Box::new(MultiGzDecoder::new(BufReader::new(source))),
    };
    let mut window = Window::new(source, decoder(format, mark), 0);
    window.finish();
    let mut lines = 0;
    loop {
        match window.next() {
            Ok(Seen::Entry(_)) => lines += 1,
            Ok(Seen::Damage(_)) => {}
            Ok(Seen::End) => return Ok(lines),
            Err(error) if is_damage(&error) => return Ok(lines),
            Err(error) => return Err(error),
        }
    }
}

fn decoder(format: Format, mark: Option<local::Mark>) -> Box<dyn Decoder> {
    match format {
        Format::Json => Box::new(Lines::default()),
        Format::Local => Box::new(Blocks::marked(mark)),
    }
}

/// The mark of a `local` file, from whichever end is whole.
fn mark(file: &File) -> std::io::Result<Option<local::Mark>> {
    let size = file.metadata()?.len();
    Ok(match local::mark_of(file, size)? {
        Some(mark) => Some(mark),
        None => local::last_mark(file, size)?,
    })
}

fn told(path: &Path, damage: Damage) -> Item {
    let Damage { from, bytes } = damage;
    Item::Damaged(format!("{}: {bytes} bytes at byte {from} are damaged and were left out", path.display()))
}

fn cut_short(path: &Path, error: &std::io::Error) -> Item {
    Item::Damaged(format!("{}: damaged, and its rest was left out: {error}", path.display()))
}

/// Whether an error is about content and not about reading it.
fn is_damage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
}

/// The `local` driver's file.
const LOCAL: &str = "container.log";
/// Bytes that are looked at together from the end.
const PIECE: u64 = 64 << 10;
