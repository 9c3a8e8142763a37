// SPDX-License-Identifier: Apache-2.0
//! Streams that unpack to far more than they are, and streams that end too early.

use std::io::Write as _;

use crate::making::{self, Layer, Layout, digest};
use crate::tarball::{self, BLOCK, Header, directory, file};
use crate::watched::Watched;

/// 10 MB that unpack to 10 GB. What comes out before the refusal is bounded, so the refusal is fast and
/// the disk does not fill.
#[test]
fn decompression_bombs_stop_early() {
    let watched = Watched::new();
    let header = Header { name: b"zeros", size: 10 << 30, ..Header::default() }.bytes();
    let zeros = vec![0; 64 << 20];
    let members = |compress: &dyn Fn(&[u8]) -> Vec<u8>| -> Vec<u8> {
        // Members that decode to 64 MiB each, 160 times, as one stream.
        [compress(&header), compress(&zeros).repeat(160)].concat()
    };
    let gzip = members(&making::gzip);
    let zstd = members(&|bytes| zstd::encode_all(bytes, 1).unwrap());
    for (case, blob, kind) in [("gzip", gzip, "+gzip"), ("zstd", zstd, "+zstd")] {
        assert!(blob.len() < 11 << 20, "{case}: {}", blob.len());
        let media_type = if kind == "+gzip" { GZIP } else { ZSTD };
        let layer = Layer { blob, media_type, diff_id: digest(b"never reached") };
        watched.refuses(case, Layout::of("bomb:1", &[layer]).tar(), &["`zeros`", "bomb"]);
    }
}

/// The archive itself may be the bomb.
#[test]
fn a_compressed_archive_may_be_a_bomb_as_well() {
    let watched = Watched::new();
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(&Header { name: b"zeros", size: 1 << 30, ..Header::default() }.bytes()).unwrap();
    let zeros = vec![0; 1 << 20];
    (0..1024).for_each(|_| encoder.write_all(&zeros).unwrap());
    watched.refuses("zstd", encoder.finish().unwrap(), &["`zeros`", "bomb"]);
}

#[test]
fn a_zstd_window_beyond_memory_is_refused() {
    // A frame header that asks for a window of 2^41 bytes (RFC 8878, 3.1.1.1.2).
    let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xf8, 0x01, 0x00, 0x00];
    let watched = Watched::new();
    let layer = Layer { blob: frame.to_vec(), media_type: ZSTD, diff_id: digest(b"") };
    watched.refuses("window", Layout::of("bomb:1", &[layer]).tar(), &["damaged"]);
}

#[test]
fn garbage_behind_a_compressed_layer_is_refused() {
    let watched = Watched::new();
    for (case, layer) in [("gzip", good().gzip()), ("zstd", good().zstd())] {
        let layer = Layer { blob: [&layer.blob[..], b"garbage".repeat(20).as_slice()].concat(), ..layer };
        watched.refuses(case, Layout::of("garbage:1", &[layer]).tar(), &["damaged"]);
    }
    watched.accepts("several members", Layout::of("members:1", &[several_members()]).tar());
}

#[test]
fn a_media_type_that_lies_is_refused() {
    let watched = Watched::new();
    let lies = [
        Layer { media_type: GZIP, ..good() },
        Layer { media_type: ZSTD, ..good().gzip() },
        Layer { media_type: PLAIN, ..good().zstd() },
    ];
    for layer in lies {
        watched.refuses(
            layer.media_type,
            Layout::of("lie:1", std::slice::from_ref(&layer)).tar(),
            &["media type"],
        );
    }
    let artifact = Layer { media_type: "application/vnd.example.thing+json", ..good() };
    watched.refuses("artifact", Layout::of("lie:1", &[artifact]).tar(), &["vnd.example.thing"]);
}

/// A layer that ends at any block boundary, and in the middle of any block, is cut off; only the end of
/// its last entry is an end, as all readers have it.
#[test]
fn layers_that_are_cut_off() {
    let watched = Watched::new();
    let entries = [
        directory("d", 0o755),
        tarball::gnu_long(b'L', &[b'n'; 150]),
        file("short", vec![b'x'; 1000]),
        tarball::pax(&[("mtime", b"1.5")]),
        file("last", "x"),
    ];
    let starts: Vec<usize> =
        entries.iter().scan(0, |at, entry| Some(std::mem::replace(at, *at + entry.len()))).collect();
    let tar = [entries.concat(), tarball::end()].concat();
    let body = tar.len() - 2 * BLOCK;
    // Before the directory, the long name, the extended header: nothing is open there.
    let whole = [starts[0], starts[1], starts[3], body, tar.len()];
    for cut in (0..=tar.len()).step_by(BLOCK / 2) {
        let archive = Layout::of("cut:1", &[Layer::plain(tar[..cut].to_vec())]).tar();
        let case = format!("cut at {cut} of {}", tar.len());
        if whole.contains(&cut) {
            watched.accepts(&case, archive);
        } else {
            watched.refuses(&case, archive, &["the entry"]);
        }
    }
}

/// The same for the archive around it.
#[test]
fn archives_that_are_cut_off() {
    let watched = Watched::new();
    let members = making::docker_archive("cut:1", &[good()]);
    let tar = making::tar_of(&members);
    for cut in (0..tar.len() - 2 * BLOCK).step_by(BLOCK / 2) {
        watched.refuses(&format!("cut at {cut} of {}", tar.len()), tar[..cut].to_vec(), &["refused"]);
    }
    let packed = making::gzip(&tar);
    for cut in (1..packed.len()).step_by(101) {
        watched.refuses(&format!("gzip cut at {cut}"), packed[..cut].to_vec(), &["refused"]);
    }
}

#[test]
fn more_behind_the_end_is_refused() {
    let watched = Watched::new();
    let first = file("first", "x");
    let hidden = [first.clone(), tarball::end(), file("hidden", "x"), tarball::end()].concat();
    let one_block = [first, vec![0; BLOCK], file("hidden", "x"), tarball::end()].concat();
    for (case, tar) in [("behind the end", hidden), ("behind one zero block", one_block)] {
        watched.refuses(case, Layout::of("more:1", &[Layer::plain(tar)]).tar(), &["`first`", "end"]);
    }
}

fn good() -> Layer {
    Layer::of(&[file("file", "content".repeat(100))])
}

fn several_members() -> Layer {
    let layer = good();
    let (one, two) = layer.blob.split_at(700);
    Layer { blob: [making::gzip(one), making::gzip(two)].concat(), media_type: GZIP, ..layer }
}

const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
