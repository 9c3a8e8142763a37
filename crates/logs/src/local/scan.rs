// SPDX-License-Identifier: Apache-2.0
//! Blocks found from the end of a file, and what is whole of it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use super::block::{FOOT, Front, HEAD, Head, LONGEST, Mark, front};

/// The file's mark, if its first block is whole.
pub(crate) fn mark_of(file: &File, size: u64) -> std::io::Result<Option<Mark>> {
    Ok(block_at(file, size, 0, None)?.map(|(_, head)| head.mark))
}

/// The file's mark, if its last block is whole.
pub(crate) fn last_mark(file: &File, size: u64) -> std::io::Result<Option<Mark>> {
    Ok(block_before(file, size, None)?.map(|(_, head)| head.mark))
}

/// The length of the file up to the end of its last whole block.
pub(crate) fn whole_blocks(file: &File, size: u64) -> std::io::Result<u64> {
    if size == 0 || block_before(file, size, None)?.is_some() {
        return Ok(size);
    }
    let Some(mark) = mark_of(file, size)? else {
        // Which of it are blocks cannot be told any more. What is written behind it has a mark of its own.
        return Ok(size);
    };
    // A block was cut off, or somebody changed the file: what is whole is found from the front.
    let (mut at, mut whole) = (0, 0);
    while at < size {
        if let Some((_, head)) = block_at(file, size, at, Some(mark))? {
            at += head.whole() as u64;
            whole = at;
            continue;
        }
        let bytes = bytes_at(file, size, at, WINDOW)?;
        let next = bytes.get(1..).and_then(|rest| memchr::memmem::find(rest, &mark));
        at += next.map_or(bytes.len().saturating_sub(mark.len() - 1), |next| next + 1).max(1) as u64;
    }
    Ok(whole)
}

/// Where the last `lines` lines of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// In blocks from here on, after this many lines of them.
    From(u64, u64),
    /// It has this many and no more.
    Fewer(u64),
    /// It is damaged there, so that it has to be read from the front.
    Unknown,
}

/// Looks for the last `lines` lines, block by block from the end.
pub(crate) fn tail(file: &File, size: u64, lines: u64) -> std::io::Result<Tail> {
    let (mut end, mut found, mut mark) = (size, 0, None);
    while end > 0 {
        let Some((bytes, head)) = block_before(file, end, mark)? else { return Ok(Tail::Unknown) };
        let content = &bytes[HEAD..HEAD + head.length];
        found +=
            memchr::memchr_iter(b'\n', content).count() as u64 + u64::from(content.last() != Some(&b'\n'));
        end -= head.whole() as u64;
        mark = Some(head.mark);
        if found >= lines {
            return Ok(Tail::From(end, found - lines));
        }
    }
    Ok(Tail::Fewer(found))
}

/// The block that ends at `end`.
fn block_before(file: &File, end: u64, mark: Option<Mark>) -> std::io::Result<Option<(Vec<u8>, Head)>> {
    let Some(at) = end.checked_sub(FOOT as u64 / 2) else { return Ok(None) };
    let length = bytes_at(file, end, at, FOOT / 2)?;
    let whole = whole(&length);
    match end.checked_sub(whole as u64) {
        Some(start) => block(bytes_at(file, end, start, whole)?, mark, whole),
        None => Ok(None),
    }
}

/// The block that begins at `at`.
fn block_at(file: &File, size: u64, at: u64, mark: Option<Mark>) -> std::io::Result<Option<(Vec<u8>, Head)>> {
    let head = bytes_at(file, size, at, HEAD)?;
    let whole = whole(head.get(5..8).unwrap_or_default());
    block(bytes_at(file, size, at, whole)?, mark, whole)
}

/// Bytes of a block whose lines have this `length`, as far as there can be such a block.
fn whole(length: &[u8]) -> usize {
    let length = length.iter().rev().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    HEAD + length.min(LONGEST + 1) + FOOT
}

fn block(bytes: Vec<u8>, mark: Option<Mark>, whole: usize) -> std::io::Result<Option<(Vec<u8>, Head)>> {
    match front(&bytes, mark) {
        Front::Block(head) if head.whole() == whole => Ok(Some((bytes, head))),
        _ => Ok(None),
    }
}

/// At most `most` bytes from `at` on, of a file that is `size` long.
fn bytes_at(file: &File, size: u64, at: u64, most: usize) -> std::io::Result<Vec<u8>> {
    let length = usize::try_from(size.saturating_sub(at)).unwrap_or(usize::MAX).min(most);
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes)
}

/// Bytes in which the next block is looked for.
const WINDOW: usize = 1 << 20;
