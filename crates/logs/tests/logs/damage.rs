// SPDX-License-Identifier: Apache-2.0
//! Files that somebody cut, changed or filled with something else.

use std::path::{Path, PathBuf};

use logs::{Driver, Item, Query, Stream, Writer};

use crate::{ID, KEEPING, at, driver, read, who, written};

#[test]
fn one_damaged_line_costs_that_line() {
    for name in KEEPING {
        let (place, path) = (tempfile::tempdir().unwrap(), |place: &Path| file(place, name));
        let driver = driver(name, &[]);
        written(place.path(), &driver, (0..20).map(|number| format!("line {number:02}\n")));
        let whole = std::fs::read(path(place.path())).unwrap();
        // Every byte in turn, but of the last lines, whose mark the reader may need.
        for at in 0..whole.len() * 3 / 4 {
            for change in [0xff, 0x01, 0x20] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                std::fs::write(path(place.path()), &bytes).unwrap();
                let (good, sentences) = kept(place.path(), &driver, &Query::default());
                // In a string of JSON another letter is another letter.
                assert!(good.len() >= 18, "{name}, byte {at}: {}", good.len());
                assert!(name != "local" || (good.len() == 19 && sentences.len() == 1), "byte {at}");
                assert!(name != "local" || good.iter().all(|line| line.starts_with("line ")));
                let (tail, _) = kept(place.path(), &driver, &Query { tail: Some(2), ..Query::default() });
                assert_eq!(tail, ["line 18", "line 19"], "{name}, byte {at}");
            }
        }
    }
}

#[test]
fn every_cut_leaves_the_lines_before_it() {
    for name in KEEPING {
        let place = tempfile::tempdir().unwrap();
        let driver = driver(name, &[]);
        written(place.path(), &driver, (0..4).map(|number| format!("line {number}\n")));
        let whole = std::fs::read(file(place.path(), name)).unwrap();
        let record = whole.len() / 4;
        for length in 0..=whole.len() {
            std::fs::write(file(place.path(), name), &whole[..length]).unwrap();
            let (good, sentences) = kept(place.path(), &driver, &Query::default());
            assert_eq!(good.len(), length / record, "{name}, {length}");
            assert_eq!(sentences.len(), usize::from(length % record != 0), "{name}, {length}");
            // Whoever writes next writes whole lines, and nothing is damaged any more.
            written(place.path(), &driver, ["next\n".to_owned()]);
            let (good, sentences) = kept(place.path(), &driver, &Query::default());
            assert_eq!(good.last().unwrap(), "next");
            assert_eq!(good.len(), length / record + 1, "{name}, {length}");
            assert!(
                sentences.is_empty() || (name == "local" && length < record),
                "{name}, {length}: {sentences:?}"
            );
        }
    }
}

#[test]
fn other_things_in_the_place_of_a_log() {
    for name in KEEPING {
        let place = tempfile::tempdir().unwrap();
        let driver = driver(name, &[]);
        for bytes in
            [vec![0; 300_000], b"hello\n".repeat(10_000), vec![0xff; 5_000_000], b"{\"log\":\"".to_vec()]
        {
            std::fs::write(file(place.path(), name), &bytes).unwrap();
            let (good, sentences) = kept(place.path(), &driver, &Query::default());
            assert!(good.is_empty(), "{name}");
            // However much it is, that is one sentence.
            assert_eq!(sentences.len(), 1, "{name}: {sentences:?}");
            assert!(sentences[0].contains("are damaged and were left out"), "{sentences:?}");
            let (tail, _) = kept(place.path(), &driver, &Query { tail: Some(3), ..Query::default() });
            assert!(tail.is_empty(), "{name}");
        }
    }
}

#[test]
fn a_damaged_compressed_file_costs_that_file() {
    for name in KEEPING {
        let place = tempfile::tempdir().unwrap();
        let driver = driver(name, &[("max-size", "300"), ("max-file", "4"), ("compress", "true")]);
        written(place.path(), &driver, (0..40).map(|number| format!("line {number:02}\n")));
        let (before, _) = kept(place.path(), &driver, &Query::default());
        let mut packed = file(place.path(), name).into_os_string();
        packed.push(".2.gz");
        let bytes = std::fs::read(&packed).unwrap();
        std::fs::write(&packed, &bytes[..bytes.len() / 2]).unwrap();
        let (after, sentences) = kept(place.path(), &driver, &Query::default());
        assert!(after.len() < before.len() && after.ends_with(&before[before.len() - 3..]), "{name}");
        assert_eq!(sentences.len(), 1, "{name}: {sentences:?}");
        let (tail, _) = kept(place.path(), &driver, &Query { tail: Some(1000), ..Query::default() });
        assert!(tail.len() >= after.len() && tail.ends_with(&before[before.len() - 3..]), "{name}");
    }
}

/// What a container writes may look like the format. Once a block is damaged, the search for the next
/// one goes through the container's bytes.
#[test]
fn a_container_forges_no_lines() {
    let place = tempfile::tempdir().unwrap();
    let driver = driver("local", &[]);
    let forged = logs::local::encode(*b"mark", Stream::Stderr, at(9), b"forged\n");
    let mut log = Writer::open(&driver, place.path(), &who()).unwrap();
    log.write(Stream::Stdout, b"first\n", at(0)).unwrap();
    log.write(Stream::Stdout, &[&forged[..], b"\n"].concat(), at(1)).unwrap();
    log.write(Stream::Stdout, b"last\n", at(2)).unwrap();
    log.close();
    let path = file(place.path(), "local");
    let mut bytes = std::fs::read(&path).unwrap();
    let second = bytes.len() * 30 / 100;
    let first_block = 24 + b"first\n".len();
    assert!(second > 0 && bytes.len() > first_block + 16);
    bytes[first_block + 9] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let (good, sentences) = kept(place.path(), &driver, &Query::default());
    assert_eq!((good, sentences.len()), (vec!["first".to_owned(), "last".to_owned()], 1));
}

/// The lines that are there, and the sentences about the rest.
fn kept(place: &Path, driver: &Driver, query: &Query) -> (Vec<String>, Vec<String>) {
    let (mut lines, mut sentences) = (Vec::new(), Vec::new());
    for item in read(place, driver, query) {
        match item {
            Item::Entry(entry) => lines.push(String::from_utf8_lossy(&entry.bytes).into_owned()),
            Item::Damaged(sentence) => sentences.push(sentence),
        }
    }
    (lines, sentences)
}

fn file(place: &Path, name: &str) -> PathBuf {
    if name == "local" { place.join("container.log") } else { place.join(format!("{ID}-json.log")) }
}
