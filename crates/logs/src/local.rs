// SPDX-License-Identifier: Apache-2.0
//! The format of the `local` driver: blocks of lines that came in one read.
//!
//! ```text
//! 0     4  mark: random for each file, the same in each of its blocks
//! 4     1  stream: 1 is stdout, 2 is stderr
//! 5     3  L, bytes of lines, little endian, at least 1
//! 8     8  nanoseconds since 1970, signed, little endian
//! 16    L  lines, each with its newline; the last has none if it goes on in the next block
//! 16+L  4  CRC-32 (IEEE 802.3) of all before it, little endian
//! 20+L  4  L once more, little endian, so that blocks are found from the end
//! ```
//!
//! A block costs 24 bytes, however many lines it has. The container does not know the mark, so after
//! damage none of its output can be taken for a block. A block that was cut off when its writer was
//! killed goes when the file is opened again.

mod block;
mod scan;

pub use block::encode;

pub(crate) use block::{Blocks, Mark, push};
pub(crate) use scan::{Tail, last_mark, mark_of, tail, whole_blocks};
