// SPDX-License-Identifier: Apache-2.0

use super::write::Writer;
use super::*;

fn read(bytes: &[u8]) -> Result<Vec<Entry>, Error> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        entries.push(entry);
    }
    Ok(entries)
}

fn sample() -> Vec<u8> {
    let mut writer = Writer::default();
    writer.directory("etc/", 0o755);
    writer.file("etc/passwd", 0o644, b"root");
    writer.finish()
}

/// An extension header of `kind` with `data`, to stand before an entry.
pub(crate) fn extension(kind: u8, data: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.file("ext", 0, data);
    let mut bytes = writer.finish();
    bytes.truncate(bytes.len() - 1024);
    bytes[156] = kind;
    resum(&mut bytes);
    bytes
}

/// Mends the checksum of the header at the start of `bytes`.
pub(crate) fn resum(bytes: &mut [u8]) {
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes[..512].iter().map(|byte| u32::from(*byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

pub(crate) fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut data = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut length = rest + rest.to_string().len();
        if rest + length.to_string().len() != length {
            length = rest + length.to_string().len();
        }
        data.extend_from_slice(format!("{length} {key}={value}\n").as_bytes());
    }
    extension(b'x', &data)
}

#[test]
fn what_we_write_we_read() {
    let entries = read(&sample()).unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[0].kind, &entries[0].path[..]), (Kind::Directory, &b"etc/"[..]));
    assert_eq!((entries[1].size, entries[1].mode), (4, 0o644));
}

#[test]
fn pax_and_gnu_names() {
    let long = "d/".repeat(100) + "f";
    for before in [
        pax(&[("path", &long), ("uid", "70000"), ("mtime", "1.5")]),
        extension(b'L', format!("{long}\0").as_bytes()),
    ] {
        let entries = read(&[before, sample()[512..].to_vec()].concat()).unwrap();
        assert_eq!(entries[0].path, long.as_bytes());
    }
    let with_attribute = [pax(&[("SCHILY.xattr.user.a", "b")]), sample()].concat();
    assert_eq!(read(&with_attribute).unwrap()[0].xattrs, [(b"user.a".to_vec(), b"b".to_vec())]);
}

#[test]
fn ends() {
    let whole = sample();
    let body = whole.len() - 1024;
    assert_eq!(read(&whole[..body]).unwrap().len(), 2, "no end blocks at all");
    assert!(read(&whole[..body + 512]).is_err(), "a single zero block");
    assert!(read(&whole[..body - 100]).is_err(), "cut inside an entry");
    assert!(read(&[&whole[..], &whole[..]].concat()).is_err(), "entries behind the end");
    assert_eq!(read(&[&whole[..], &[0; 9216]].concat()).unwrap().len(), 2, "a whole record of zeros");
}

#[test]
fn what_readers_disagree_on_is_refused() {
    let next = sample();
    for (what, before) in [
        ("a key twice", extension(b'x', b"9 path=a\n9 path=b\n")),
        ("two extended headers", [pax(&[("path", "a")]), pax(&[("uid", "1")])].concat()),
        ("a PAX and a GNU name", [pax(&[("path", "a")]), extension(b'L', b"b\0")].concat()),
        ("a global path", extension(b'g', b"9 path=a\n")),
        ("a bad length", extension(b'x', b"99 path=a\n")),
        ("no newline", extension(b'x', b"9 path=ab")),
        ("no key", extension(b'x', b"5 =a\n")),
        ("an owner of 2^32 - 1", pax(&[("uid", "4294967295")])),
        ("a negative owner", pax(&[("gid", "-5")])),
        ("the oldest sparse form", pax(&[("GNU.sparse.offset", "0")])),
        ("a size of 8 EiB", pax(&[("size", "9223372036854775808")])),
    ] {
        // The size counts for a file, so that case stands before one.
        let next = if what.contains("size") { &next[512..] } else { &next[..] };
        assert!(read(&[&before[..], next].concat()).is_err(), "{what}");
    }
    let mut damaged = sample();
    damaged[0] ^= 1;
    assert!(read(&damaged).is_err(), "a wrong checksum");
    let mut sparse = sample();
    sparse[156] = b'S';
    resum(&mut sparse);
    assert!(read(&sparse).is_err(), "the old GNU sparse form");
}

#[test]
fn sparse_maps() {
    let header = pax(&[
        ("GNU.sparse.major", "1"),
        ("GNU.sparse.minor", "0"),
        ("GNU.sparse.name", "holes"),
        ("GNU.sparse.realsize", "1000000"),
    ]);
    let file = |map: &str, data: &[u8]| {
        let mut body = map.as_bytes().to_vec();
        body.resize(512, 0);
        body.extend_from_slice(data);
        let mut writer = Writer::default();
        writer.file("x", 0o644, &body);
        [header.clone(), writer.finish()].concat()
    };
    let good = read(&file("1\n500000\n4\n", b"data")).unwrap();
    assert_eq!(good[0].path, b"holes");
    assert_eq!(good[0].sparse, Some(Sparse { pieces: vec![(500_000, 4)], real_size: 1_000_000 }));
    assert_eq!(good[0].size, 4);
    assert!(read(&file("1\n999999\n4\n", b"data")).is_err(), "beyond the end");
    assert!(read(&file("2\n9\n4\n0\n0\n", b"data")).is_err(), "out of order");
    assert!(read(&file("1\n0\n5\n", b"data")).is_err(), "longer than its data");
    assert!(read(&file("99999999999\n", b"data")).is_err(), "too many pieces");
}
