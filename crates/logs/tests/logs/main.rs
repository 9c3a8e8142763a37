// SPDX-License-Identifier: Apache-2.0
//! Logs written and read back, by way of files and servers.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

mod damage;
mod docker;
mod files;
mod following;
mod killed;
mod servers;
mod slow;
mod tls;

use std::path::Path;
use std::time::{Duration, SystemTime};

use logs::{Driver, Ending, Entry, Identity, Item, Query, Stream, Writer};

fn driver(name: &str, options: &[(&str, &str)]) -> Driver {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Driver::parse(name, &options.iter().map(owned).collect::<Vec<_>>()).unwrap()
}

fn who() -> Identity {
    Identity {
        id: ID.to_owned(),
        name: "web".to_owned(),
        image: "debian:12".to_owned(),
        image_id: format!("sha256:{ID}"),
        ..Identity::default()
    }
}

/// So many seconds after a day in 2026.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000 + seconds)
}

fn read(place: &Path, driver: &Driver, query: &Query) -> Vec<Item> {
    logs::read(place, ID, driver, query).unwrap().map(Result::unwrap).collect()
}

/// All entries of a log that has nothing else in it.
fn entries(place: &Path, driver: &Driver, query: &Query) -> Vec<Entry> {
    let entry = |item| match item {
        Item::Entry(entry) => entry,
        Item::Damaged(what) => panic!("{what}"),
    };
    read(place, driver, query).into_iter().map(entry).collect()
}

/// A stream's bytes as they were written.
fn text(entries: &[Entry], stream: Stream) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries.iter().filter(|entry| entry.stream == stream) {
        out.extend_from_slice(&entry.bytes);
        if entry.ending == Ending::Newline {
            out.push(b'\n');
        }
    }
    out
}

/// A log of `lines`, each with a second of its own.
fn written(place: &Path, driver: &Driver, lines: impl IntoIterator<Item = String>) {
    let mut log = Writer::open(driver, place, &who()).unwrap();
    for (second, line) in (0..).zip(lines) {
        log.write(Stream::Stdout, line.as_bytes(), at(second)).unwrap();
    }
    assert_eq!(log.close(), logs::Report::default());
}

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// The drivers that keep files.
const KEEPING: [&str; 2] = ["json-file", "local"];
