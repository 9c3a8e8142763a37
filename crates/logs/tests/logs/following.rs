// SPDX-License-Identifier: Apache-2.0
//! `logs --follow`.

use std::io::Write;
use std::path::Path;
use std::thread::JoinHandle;

use logs::{Driver, Item, Query, Stream, Writer};

use crate::{ID, KEEPING, at, driver, who};

/// Every line once and in order, while files are rotated and compressed under the reader.
#[test]
fn no_line_is_missed_or_doubled_across_rotations() {
    for name in KEEPING {
        for compress in ["true", "false"] {
            let place = tempfile::tempdir().unwrap();
            let driver = driver(name, &[("max-size", "3k"), ("max-file", "1000"), ("compress", compress)]);
            let mut log = Writer::open(&driver, place.path(), &who()).unwrap();
            let reader = follower(place.path(), &driver, &Query::default());
            for number in 0..LINES {
                log.write(Stream::Stdout, format!("line {number}\n").as_bytes(), at(number)).unwrap();
            }
            log.close();
            let lines = reader.join().unwrap();
            for (number, line) in lines.iter().enumerate() {
                assert_eq!(line, &format!("line {number}"), "{name}, compress {compress}");
            }
            assert_eq!(lines.len() as u64, LINES, "{name}, compress {compress}");
        }
    }
}

/// Who cannot keep up is told so, and goes on with what there is.
#[test]
fn lines_that_were_rotated_away_are_told() {
    let place = tempfile::tempdir().unwrap();
    let driver = driver("json-file", &[("max-size", "1k"), ("max-file", "2")]);
    let mut log = Writer::open(&driver, place.path(), &who()).unwrap();
    log.write(Stream::Stdout, b"first\n", at(0)).unwrap();
    let mut reader = logs::follow(place.path(), ID, &driver, &Query::default()).unwrap();
    assert!(matches!(reader.next().unwrap().unwrap(), Item::Entry(_)));
    for number in 0..100 {
        log.write(Stream::Stdout, format!("line {number}\n").as_bytes(), at(number)).unwrap();
    }
    log.close();
    let rest: Vec<Item> = reader.map(Result::unwrap).collect();
    let sentences = rest.iter().filter(|item| matches!(item, Item::Damaged(_))).count();
    assert_eq!(sentences, 1);
    let Some(Item::Entry(last)) = rest.last() else { panic!("{rest:?}") };
    assert_eq!(last.bytes, b"line 99");
}

#[test]
fn only_what_comes_is_shown_after_a_tail_of_none() {
    for name in KEEPING {
        let place = tempfile::tempdir().unwrap();
        let driver = driver(name, &[]);
        let mut log = Writer::open(&driver, place.path(), &who()).unwrap();
        log.write(Stream::Stdout, b"before\n", at(0)).unwrap();
        let query = Query { tail: Some(0), ..Query::default() };
        let reader = logs::follow(place.path(), ID, &driver, &query).unwrap();
        // Half a line is none, however often it is looked at.
        log.write(Stream::Stdout, b"af", at(1)).unwrap();
        log.write(Stream::Stdout, b"ter\n", at(2)).unwrap();
        log.close();
        assert_eq!(lines(reader), ["after"], "{name}");
    }
}

#[test]
fn a_log_without_a_writer_ends() {
    for name in KEEPING {
        let place = tempfile::tempdir().unwrap();
        let driver = driver(name, &[]);
        assert!(lines(logs::follow(place.path(), ID, &driver, &Query::default()).unwrap()).is_empty());
        crate::written(place.path(), &driver, ["a\n".to_owned()]);
        assert_eq!(lines(logs::follow(place.path(), ID, &driver, &Query::default()).unwrap()), ["a"]);
    }
}

#[test]
fn who_leaves_is_not_kept() {
    let place = tempfile::tempdir().unwrap();
    let driver = driver("local", &[]);
    let log = Writer::open(&driver, place.path(), &who()).unwrap();
    let (theirs, mut ours) = std::io::pipe().unwrap();
    let reader = logs::follow(place.path(), ID, &driver, &Query::default()).unwrap().until(theirs.into());
    let waiting = std::thread::spawn(move || lines(reader));
    ours.write_all(b"x").unwrap();
    assert!(waiting.join().unwrap().is_empty());
    log.close();
}

fn follower(place: &Path, driver: &Driver, query: &Query) -> JoinHandle<Vec<String>> {
    let reader = logs::follow(place, ID, driver, query).unwrap();
    std::thread::spawn(move || lines(reader))
}

pub(crate) fn lines(reader: logs::Follow) -> Vec<String> {
    let line = |item| match item {
        Item::Entry(entry) => String::from_utf8_lossy(&entry.bytes).into_owned(),
        Item::Damaged(what) => panic!("{what}"),
    };
    reader.map(Result::unwrap).map(line).collect()
}

const LINES: u64 = 3000;
