// SPDX-License-Identifier: Apache-2.0
//! What is read back, and the window through which decoders see a file.

use std::io::Read as Source;
use std::time::SystemTime;

use crate::cut::Stream;

/// A line of a log, or a piece of a long one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it was written.
    pub time: SystemTime,
    /// Where to.
    pub stream: Stream,
    /// Without the newline.
    pub bytes: Vec<u8>,
    /// Whether the line ends here.
    pub ending: Ending,
    /// What `labels`, `env` and `tag` added, in the file's order.
    pub attributes: Vec<(String, String)>,
}

/// Whether a line ends with its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// A newline followed.
    Newline,
    /// More follows, or the stream ended without a newline.
    Open,
}

/// What a log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A line.
    Entry(Entry),
    /// Something that is no line any more; reading goes on behind it. A sentence for a person.
    Damaged(String),
}

/// What a decoder makes of the bytes at the front of its window.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// There are too few of them.
    More,
    /// So many of them are a line (or belong to one).
    Entry(usize, Entry),
    /// So many of them are nothing that a person needs to see.
    Quiet(usize),
    /// So many of them are damaged.
    Damaged(usize),
}

/// Turns bytes into lines, from the front. It keeps no bytes, only where it is.
pub(crate) trait Decoder: std::fmt::Debug + Send {
    /// Looks at `window`. A step that takes no bytes is [`Step::More`] only.
    fn step(&mut self, window: &[u8]) -> Step;

    /// The same when `window` is not empty and nothing follows it: what is cut off is damaged.
    fn last_step(&mut self, window: &[u8]) -> Step;
}

/// A file seen through its decoder.
pub(crate) struct Window {
    source: Box<dyn Source + Send>,
    decoder: Box<dyn Decoder>,
    buffer: Vec<u8>,
    at: usize,
    /// Where the window is in the (uncompressed) file.
    place: u64,
    /// Damage that was met and not told yet; what follows without a gap is told with it.
    damage: Option<Damage>,
    /// What came behind damage that was told first.
    held: Option<Entry>,
    source_is: SourceIs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SourceIs {
    Growing,
    Finished,
}

/// Bytes that are no lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Damage {
    pub(crate) from: u64,
    pub(crate) bytes: u64,
}

/// What the window shows.
#[derive(Debug)]
pub(crate) enum Seen {
    Entry(Entry),
    Damage(Damage),
    /// Nothing more for now. Later there may be.
    End,
}

impl Window {
    /// `place` is where `source` begins in its file.
    pub(crate) fn new(source: Box<dyn Source + Send>, decoder: Box<dyn Decoder>, place: u64) -> Self {
        Self {
            source,
            decoder,
            buffer: Vec::new(),
            at: 0,
            place,
            damage: None,
            held: None,
            source_is: SourceIs::Growing,
        }
    }

    pub(crate) fn next(&mut self) -> std::io::Result<Seen> {
        if let Some(entry) = self.held.take() {
            return Ok(Seen::Entry(entry));
        }
        loop {
            let mut step = self.decoder.step(&self.buffer[self.at..]);
            if step == Step::More {
                if self.fill()? > 0 {
                    continue;
                }
                let window = &self.buffer[self.at..];
                if window.is_empty() || self.source_is == SourceIs::Growing {
                    return Ok(self.damage.take().map_or(Seen::End, Seen::Damage));
                }
                step = self.decoder.last_step(window);
            }
            match step {
                Step::Entry(length, entry) => {
                    self.pass(length);
                    let Some(damage) = self.damage.take() else { return Ok(Seen::Entry(entry)) };
                    self.held = Some(entry);
                    return Ok(Seen::Damage(damage));
                }
                Step::Quiet(length) => self.pass(length),
                Step::Damaged(length) => self.pass_damage(length),
                // It has nothing to say of bytes behind which there are no more.
                Step::More => self.pass_damage(self.buffer.len() - self.at),
            }
        }
    }

    /// Nobody writes the file any more: half a line at its end is damage.
    pub(crate) fn finish(&mut self) {
        self.source_is = SourceIs::Finished;
    }

    fn pass(&mut self, length: usize) {
        let length = length.min(self.buffer.len() - self.at);
        self.at += length;
        self.place += length as u64;
    }

    fn pass_damage(&mut self, length: usize) {
        let damage = self.damage.get_or_insert(Damage { from: self.place, bytes: 0 });
        damage.bytes += length as u64;
        self.pass(length);
    }

    fn fill(&mut self) -> std::io::Result<usize> {
        self.buffer.drain(..self.at);
        self.at = 0;
        let before = self.buffer.len();
        self.buffer.resize(before + CHUNK, 0);
        let read = loop {
            match self.source.read(&mut self.buffer[before..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(before + *read.as_ref().unwrap_or(&0));
        read
    }
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Window")
            .field("decoder", &self.decoder)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Bytes of one read.
const CHUNK: usize = 128 << 10;
