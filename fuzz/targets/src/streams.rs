// SPDX-License-Identifier: Apache-2.0
//! The tar reader and the decoder.

use std::io::Read;

use store::decode::{Bounds, Decoder};
use store::tar::{Kind, Reader};
use store::unpack::InProcess;

/// A whole tar stream.
pub(crate) fn tar(bytes: &[u8]) {
    read(bytes);
}

/// The records of one extended header, before a file of four bytes.
pub(crate) fn pax(records: &[u8]) {
    let mut stream = header(b'x', records.len());
    stream.extend_from_slice(records);
    stream.resize(stream.len().next_multiple_of(BLOCK), 0);
    stream.extend(header(b'0', 4));
    stream.extend(b"data");
    stream.resize(stream.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    read(&stream);
}

/// A stream that may be compressed.
pub(crate) fn decode(bytes: &[u8]) {
    let bounds = Bounds { most: MOST, ratio: 50 };
    let Ok(mut decoder) = Decoder::new(bytes, bounds, &InProcess) else { return };
    let (mut out, mut buffer) = (0u64, [0; 4096]);
    while let Ok(count @ 1..) = decoder.read(&mut buffer) {
        out += count as u64;
        assert!(out <= MOST, "{out} bytes came out");
        assert!(decoder.taken() <= bytes.len() as u64);
    }
}

/// Reads everything, and checks what every user of the reader relies on.
fn read(stream: &[u8]) {
    let mut reader = Reader::new(stream);
    let mut total = 0;
    while let Ok(Some(entry)) = reader.next_entry() {
        assert!(!entry.path.contains(&0) && !entry.link.contains(&0));
        assert!(entry.uid != u32::MAX && entry.gid != u32::MAX && entry.mode <= 0o7777);
        assert!(entry.mtime.1 < 1_000_000_000);
        assert!(entry.size == 0 || entry.kind == Kind::File);
        if let Some(sparse) = &entry.sparse {
            let ends = sparse.pieces.iter().map(|(offset, length)| offset + length);
            assert!(
                ends.is_sorted()
                    && sparse.pieces.iter().all(|(offset, length)| offset + length <= sparse.real_size)
            );
            assert_eq!(sparse.pieces.iter().map(|piece| piece.1).sum::<u64>(), entry.size);
        }
        let mut data = Vec::new();
        let whole = reader.read_to_end(&mut data).is_ok();
        assert!(!whole || data.len() as u64 == entry.size);
        total += data.len();
        assert!(total <= stream.len());
    }
}

/// A ustar header of a file called `name`.
fn header(kind: u8, size: usize) -> Vec<u8> {
    let mut block = vec![0; BLOCK];
    block[..4].copy_from_slice(b"name");
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
    block
}

const BLOCK: usize = 512;
const MOST: u64 = 1 << 20;
