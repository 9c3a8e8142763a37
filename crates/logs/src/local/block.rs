// SPDX-License-Identifier: Apache-2.0
//! Blocks, one at a time.

use std::time::SystemTime;

use flate2::Crc;

use crate::cut::Stream;
use crate::reader::{Decoder, Ending, Entry, Step};
use crate::time::Time;

/// What each block of a file begins with.
pub(crate) type Mark = [u8; 4];

/// Lines of one stream and one time as a block. `lines` must not be empty, and no longer than [`LONGEST`].
pub fn encode(mark: [u8; 4], stream: Stream, time: SystemTime, lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, mark, stream, Time::of(time), lines);
    out
}

pub(crate) fn push(out: &mut Vec<u8>, mark: Mark, stream: Stream, time: Time, lines: &[u8]) {
    let start = out.len();
    let length = u32::try_from(lines.len()).unwrap_or(u32::MAX).to_le_bytes();
    out.extend(mark);
    out.push(match stream {
        Stream::Stdout => STDOUT,
        Stream::Stderr => STDERR,
    });
    out.extend(&length[..3]);
    out.extend(time.nanoseconds().to_le_bytes());
    out.extend_from_slice(lines);
    let sum = sum(&out[start..]);
    out.extend(sum);
    out.extend(length);
}

/// A block's head, checked as far as it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) mark: Mark,
    stream: Stream,
    time: Time,
    pub(crate) length: usize,
}

/// What stands at the front of some bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Front {
    /// A whole block, with a sum that is right.
    Block(Head),
    /// The beginning of what may be one.
    Cut,
    /// No block.
    Wrong,
}

impl Head {
    /// Bytes of the whole block.
    pub(crate) fn whole(&self) -> usize {
        HEAD + self.length + FOOT
    }
}

/// Looks at the front of `bytes`, for a block with `mark` if that is known.
pub(crate) fn front(bytes: &[u8], mark: Option<Mark>) -> Front {
    let Some((&[a, b, c, d], rest)) = bytes.split_first_chunk::<4>() else {
        return match mark {
            Some(mark) if !mark.starts_with(bytes) => Front::Wrong,
            _ => Front::Cut,
        };
    };
    let found = [a, b, c, d];
    if mark.is_some_and(|mark| mark != found) {
        return Front::Wrong;
    }
    let Some((&[stream, low, middle, high], rest)) = rest.split_first_chunk::<4>() else { return Front::Cut };
    let stream = match stream {
        STDOUT => Stream::Stdout,
        STDERR => Stream::Stderr,
        _ => return Front::Wrong,
    };
    let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    if !(1..=LONGEST).contains(&length) {
        return Front::Wrong;
    }
    let Some((time, rest)) = rest.split_first_chunk::<8>() else { return Front::Cut };
    let head = Head { mark: found, stream, time: Time::from_nanoseconds(i64::from_le_bytes(*time)), length };
    let Some(foot) = rest.get(length..length + FOOT) else { return Front::Cut };
    let right = foot[4..] == [low, middle, high, 0] && foot[..4] == sum(&bytes[..HEAD + length]);
    if right { Front::Block(head) } else { Front::Wrong }
}

fn sum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// Lines of a `local` file.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    mark: Option<Mark>,
    /// The block that the window is in, and how much of its lines is left.
    open: Option<(Head, usize)>,
}

impl Blocks {
    /// With the mark that a whole block of the file was seen to have.
    pub(crate) fn marked(mark: Option<Mark>) -> Self {
        Self { mark, open: None }
    }

    /// Behind damage: up to where the next block may begin. Without a mark that is nowhere, for anything
    /// could be one.
    fn search(&self, window: &[u8]) -> Step {
        let Some(mark) = self.mark else { return Step::Damaged(window.len()) };
        let mut from = 1;
        while let Some(at) = memchr::memmem::find(&window[from..], &mark) {
            if !matches!(front(&window[from + at..], Some(mark)), Front::Wrong) {
                return Step::Damaged(from + at);
            }
            from += at + 1;
        }
        // The mark itself may be cut by the window's end.
        Step::Damaged((window.len() + 1).saturating_sub(mark.len()).max(1))
    }
}

impl Decoder for Blocks {
    fn step(&mut self, window: &[u8]) -> Step {
        if window.is_empty() {
            return Step::More;
        }
        let Some((head, left)) = self.open else {
            return match front(window, self.mark) {
                Front::Block(head) => {
                    self.mark = Some(head.mark);
                    self.open = Some((head, head.length));
                    Step::Quiet(HEAD)
                }
                Front::Cut => Step::More,
                Front::Wrong => self.search(window),
            };
        };
        if left == 0 {
            if window.len() < FOOT {
                return Step::More;
            }
            self.open = None;
            return Step::Quiet(FOOT);
        }
        // The whole block was in the window when its sum was taken.
        let Some(lines) = window.get(..left) else { return Step::More };
        let (length, line, ending) = match memchr::memchr(b'\n', lines) {
            Some(at) => (at + 1, &lines[..at], Ending::Newline),
            None => (left, lines, Ending::Open),
        };
        self.open = Some((head, left - length));
        let entry = Entry {
            time: head.time.system(),
            stream: head.stream,
            bytes: line.to_vec(),
            ending,
            attributes: Vec::new(),
        };
        Step::Entry(length, entry)
    }

    /// What looks like a block that was cut off may be one whose length is damaged, with whole ones
    /// behind it.
    fn last_step(&mut self, window: &[u8]) -> Step {
        if self.open.take().is_some() { Step::Damaged(window.len()) } else { self.search(window) }
    }
}

pub(crate) const HEAD: usize = 16;
pub(crate) const FOOT: usize = 8;
/// Bytes of lines in a block: those of one read of a pipe, and the line before it.
pub(crate) const LONGEST: usize = 128 << 10;

const STDOUT: u8 = 1;
const STDERR: u8 = 2;
