// SPDX-License-Identifier: Apache-2.0
//! Where lines end up.

use std::path::Path;

use kernel::rustix::rand::{GetRandomFlags, getrandom};

use crate::attributes::{Details, Identity};
use crate::cut::{Line, Stream};
use crate::driver::Rotation;
use crate::error::{Error, Result};
use crate::json;
use crate::local::{self, Mark};
use crate::rotating::{Rotating, whole_lines};
use crate::time::Time;

/// Takes lines.
pub(crate) trait Sink: Send {
    /// Takes one line. After an error that says so ([`Error::again`]) the same line is given again.
    fn take(&mut self, line: &Line<'_>) -> Result<()>;

    /// Nothing more comes for now: what was taken goes out.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }

    /// How many lines were taken and lost since this was last asked.
    fn take_lost(&mut self) -> u64 {
        0
    }

    /// Nothing more comes.
    fn close(&mut self) -> Result<()> {
        self.settle()
    }
}

/// A file in Docker's format.
pub(crate) struct JsonFile {
    file: Rotating,
    attributes: Vec<u8>,
    /// The time of the last line, which is mostly that of the next.
    stamp: (Time, String),
}

impl JsonFile {
    pub(crate) fn open(place: &Path, rotation: Rotation, who: &Identity, details: &Details) -> Result<Self> {
        let file = Rotating::open(place.join(format!("{}-json.log", who.id)), rotation, whole_lines)?;
        let mut all = details.of(who);
        all.extend(details.tag(who).map(|tag| ("tag".to_owned(), tag)));
        let start = Time::from_nanoseconds(0);
        Ok(Self { file, attributes: json::attributes(&all), stamp: (start, start.rfc3339_nano()) })
    }
}

impl Sink for JsonFile {
    fn take(&mut self, line: &Line<'_>) -> Result<()> {
        let mut done = Ok(());
        if self.file.is_full() {
            done = self.file.rotate();
        }
        if self.stamp.0 != line.time {
            self.stamp = (line.time, line.time.rfc3339_nano());
        }
        json::record(self.file.record(1), line, &self.attributes, self.stamp.1.as_bytes());
        done.and(self.file.flush_if_large())
    }

    fn settle(&mut self) -> Result<()> {
        self.file.flush()
    }

    fn take_lost(&mut self) -> u64 {
        self.file.take_lost()
    }

    fn close(&mut self) -> Result<()> {
        self.file.close()
    }
}

/// A file in our own format.
pub(crate) struct LocalFile {
    file: Rotating,
    mark: Mark,
    most: usize,
    /// The block that lines are added to.
    block: Option<(Stream, Time)>,
    lines: Vec<u8>,
    count: u64,
}

impl LocalFile {
    pub(crate) fn open(place: &Path, rotation: Rotation) -> Result<Self> {
        let path = place.join("container.log");
        let mut mark = None;
        let file = Rotating::open(path.clone(), rotation, local::whole_blocks)?;
        if !file.is_empty() {
            mark = file.mark().map_err(|source| Error::io("read the log", &path, source))?;
        }
        // A small file is not to be passed by a large block.
        let most = rotation.size.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX).min(BLOCK);
        let mark = mark.map_or_else(new_mark, Ok)?;
        Ok(Self { file, mark, most, block: None, lines: Vec::new(), count: 0 })
    }

    fn end_block(&mut self) -> Result<()> {
        let Some((stream, time)) = self.block.take() else { return Ok(()) };
        let mut done = Ok(());
        if self.file.is_full() {
            done = self.file.rotate().and_then(|()| new_mark()).map(|mark| self.mark = mark);
        }
        local::push(self.file.record(self.count), self.mark, stream, time, &self.lines);
        self.lines.clear();
        self.count = 0;
        done.and(self.file.flush_if_large())
    }
}

impl Sink for LocalFile {
    fn take(&mut self, line: &Line<'_>) -> Result<()> {
        let mut done = Ok(());
        if self.block != Some((line.stream, line.time)) || self.lines.len() + line.bytes.len() >= self.most {
            done = self.end_block();
        }
        self.block = Some((line.stream, line.time));
        self.lines.extend_from_slice(line.bytes);
        self.count += 1;
        if line.part.has_newline() {
            self.lines.push(b'\n');
            return done;
        }
        // A piece is what ends without a newline, so nothing may follow it in its block.
        done.and(self.end_block())
    }

    fn settle(&mut self) -> Result<()> {
        let ended = self.end_block();
        ended.and(self.file.flush())
    }

    fn take_lost(&mut self) -> u64 {
        self.file.take_lost()
    }

    fn close(&mut self) -> Result<()> {
        let settled = self.settle();
        settled.and(self.file.close())
    }
}

fn new_mark() -> Result<Mark> {
    let mut mark = Mark::default();
    match getrandom(&mut mark, GetRandomFlags::empty()) {
        // getrandom(2): so few bytes come at once or not at all.
        Ok(_) => Ok(mark),
        Err(errno) => Err(Error::io("get random bytes", Path::new("/dev/urandom"), errno.into())),
    }
}

/// Bytes of lines from which on a block ends.
const BLOCK: usize = 64 << 10;
