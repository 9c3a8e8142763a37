// SPDX-License-Identifier: Apache-2.0
//! Bytes as they come become lines.
//!
//! As Docker cuts them (moby, daemon/logger/copier.go): at each newline; a line longer than 16 KiB into
//! pieces of that length, all with the time of the first; and what has no newline at the end of the
//! stream is a piece too.

use crate::time::Time;

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    /// `stdout` or `stderr`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }

    pub(crate) fn index(self) -> usize {
        match self {
            Self::Stdout => 0,
            Self::Stderr => 1,
        }
    }
}

/// A line, or a piece of a long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    pub(crate) time: Time,
    pub(crate) stream: Stream,
    /// Without the newline.
    pub(crate) bytes: &'a [u8],
    pub(crate) part: Part,
}

/// Whether a newline followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Yes, and nothing came before.
    Whole,
    /// No: more follows, or the stream ended.
    Piece,
    /// Yes, and pieces came before.
    Last,
}

impl Part {
    pub(crate) fn has_newline(self) -> bool {
        self != Self::Piece
    }
}

/// What one stream has not ended yet.
#[derive(Debug)]
pub(crate) struct Cutter {
    stream: Stream,
    pending: Vec<u8>,
    /// The time of the first piece, while a line is in pieces.
    first: Option<Time>,
}

impl Cutter {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream, pending: Vec::new(), first: None }
    }

    /// Tells `line` each line that `bytes` ends.
    pub(crate) fn cut(&mut self, mut bytes: &[u8], now: Time, line: &mut dyn FnMut(&Line<'_>)) {
        while !bytes.is_empty() {
            let room = LONGEST - self.pending.len();
            let window = &bytes[..bytes.len().min(room)];
            match memchr::memchr(b'\n', window) {
                Some(at) => {
                    let part = if self.first.is_some() { Part::Last } else { Part::Whole };
                    self.tell(&window[..at], part, now, line);
                    self.first = None;
                    bytes = &bytes[at + 1..];
                }
                None if window.len() == room => {
                    self.tell(window, Part::Piece, now, line);
                    bytes = &bytes[room..];
                }
                None => {
                    self.pending.extend_from_slice(window);
                    return;
                }
            }
        }
    }

    /// The stream has ended: what is left is told as a piece.
    pub(crate) fn end(&mut self, now: Time, line: &mut dyn FnMut(&Line<'_>)) {
        if !self.pending.is_empty() {
            self.tell(&[], Part::Piece, now, line);
        }
        self.first = None;
    }

    fn tell(&mut self, rest: &[u8], part: Part, now: Time, line: &mut dyn FnMut(&Line<'_>)) {
        let time = match part {
            Part::Piece => *self.first.get_or_insert(now),
            Part::Whole | Part::Last => self.first.unwrap_or(now),
        };
        if self.pending.is_empty() {
            line(&Line { time, stream: self.stream, bytes: rest, part });
        } else {
            self.pending.extend_from_slice(rest);
            line(&Line { time, stream: self.stream, bytes: &self.pending, part });
            self.pending.clear();
        }
    }
}

/// Docker's buffer for a line.
pub(crate) const LONGEST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<(usize, Part, Time)> {
        let mut cutter = Cutter::new(Stream::Stdout);
        let mut found = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            let now = Time::from_nanoseconds(i64::try_from(at).unwrap());
            cutter.cut(piece, now, &mut |line| found.push((line.bytes.len(), line.part, line.time)));
        }
        cutter.end(Time::from_nanoseconds(99), &mut |line| {
            found.push((line.bytes.len(), line.part, line.time))
        });
        found
    }

    #[test]
    fn long_lines_come_in_pieces_of_one_time() {
        let at = Time::from_nanoseconds;
        let x = vec![b'x'; LONGEST];
        assert_eq!(
            all(&[b"a\n\nbc", b"d\ne"]),
            [
                (1, Part::Whole, at(0)),
                (0, Part::Whole, at(0)),
                (3, Part::Whole, at(1)),
                (1, Part::Piece, at(99))
            ]
        );
        assert_eq!(all(&[&x, b"\n"]), [(LONGEST, Part::Piece, at(0)), (0, Part::Last, at(0))]);
        assert_eq!(all(&[&x[1..], b"\n"]), [(LONGEST - 1, Part::Whole, at(1))]);
        assert_eq!(
            all(&[&x, &x, b"y\nz\n"]),
            [
                (LONGEST, Part::Piece, at(0)),
                (LONGEST, Part::Piece, at(0)),
                (1, Part::Last, at(0)),
                (1, Part::Whole, at(2))
            ]
        );
    }
}
