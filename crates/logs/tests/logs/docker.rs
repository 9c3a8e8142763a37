// SPDX-License-Identifier: Apache-2.0
//! Beside Docker: `docker/output` is what a program wrote, `docker/*.json` is what Docker 20.10.24 made
//! of it.

use std::collections::BTreeMap;
use std::io::BufRead;

use logs::{Ending, Entry, Identity, Query, Stream, Writer};

use crate::{ID, driver, entries, who};

#[test]
fn a_json_file_is_dockers_byte_for_byte() {
    let place = tempfile::tempdir().unwrap();
    let driver = driver("json-file", &[]);
    let mut log = Writer::open(&driver, place.path(), &who()).unwrap();
    let mut theirs = PLAIN.split_inclusive(|byte| *byte == b'\n').map(decoded);
    // Line by line, because each has its own time; the pieces of a long one have one.
    for line in OUTPUT.split_inclusive(|byte| *byte == b'\n') {
        let mut same = theirs.next().unwrap();
        let time = same.time;
        log.write(Stream::Stdout, line, time).unwrap();
        let mut left = line.len() - line.len().min(PIECE);
        while left > 0 || (line.len() > PIECE && same.ending == Ending::Open && line.ends_with(b"\n")) {
            same = theirs.next().unwrap();
            assert_eq!(same.time, time);
            left -= left.min(PIECE);
        }
    }
    log.close();
    let ours = std::fs::read(place.path().join(format!("{ID}-json.log"))).unwrap();
    for (our, their) in
        ours.split_inclusive(|byte| *byte == b'\n').zip(PLAIN.split_inclusive(|byte| *byte == b'\n'))
    {
        assert_eq!(String::from_utf8_lossy(our), String::from_utf8_lossy(their));
    }
    assert!(ours == PLAIN);
}

#[test]
fn attributes_are_dockers() {
    let place = tempfile::tempdir().unwrap();
    let options = [("labels", "shown,absent"), ("env", "COLOUR"), ("tag", "{{.Name}}/{{.ImageName}}")];
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let who = Identity {
        id: ID.to_owned(),
        name: "attrs".to_owned(),
        image: "t:1".to_owned(),
        labels: map(&[("shown", "v<1>"), ("b", "2")]),
        environment: map(&[("COLOUR", "r\"d"), ("PATH", "/bin")]),
        ..Identity::default()
    };
    let mut log = Writer::open(&driver("json-file", &options), place.path(), &who).unwrap();
    for (line, same) in ["one\n", "two\n"].iter().zip(ATTRIBUTES.lines()) {
        log.write(Stream::Stdout, line.as_bytes(), decoded(same.unwrap().as_bytes()).time).unwrap();
    }
    log.close();
    let ours = std::fs::read_to_string(place.path().join(format!("{ID}-json.log"))).unwrap();
    assert_eq!(ours.as_bytes(), ATTRIBUTES);
    let read = entries(place.path(), &driver("json-file", &options), &Query::default());
    assert_eq!(read[1].attributes[2], ("tag".to_owned(), "attrs/t:1".to_owned()));
}

#[test]
fn dockers_files_are_read() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join(format!("{ID}-json.log")), PLAIN).unwrap();
    let read = entries(place.path(), &driver("json-file", &[]), &Query::default());
    let text = crate::text(&read, Stream::Stdout);
    // Each piece was made UTF-8 on its own, and only their borders differ from the whole made UTF-8.
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), newlines(OUTPUT));
    assert!(text.starts_with(b"plain\n\n\ttab \"quoted\" back\\slash <a href='x'>&amp;</a>\r\n"));
    assert!(text.ends_with(b"\nno end"));
    assert_eq!(read.len(), newlines(PLAIN));
}

fn decoded(line: &[u8]) -> Entry {
    logs::json::decode(line.strip_suffix(b"\n").unwrap_or(line)).unwrap()
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

const OUTPUT: &[u8] = include_bytes!("docker/output");
const PLAIN: &[u8] = include_bytes!("docker/plain.json");
const ATTRIBUTES: &[u8] = include_bytes!("docker/attributes.json");
const PIECE: usize = 16 << 10;
