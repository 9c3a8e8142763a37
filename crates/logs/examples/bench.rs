// SPDX-License-Identifier: Apache-2.0
//! What a million lines cost: `cargo run --release -p logs --example bench`.
//!
//! Processor time of the one thread, in the program and in the kernel for it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a bench ends where it cannot go on")]

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use logs::{Driver, Identity, Item, Query, Stream, Writer};

fn main() {
    let place = tempfile::tempdir_in(".").unwrap();
    println!("{LINES} lines of {} bytes, {PIPE} bytes a read", LINE.len());
    for (name, options) in [("json-file", &[][..]), ("local", &[("max-size", "1g")])] {
        let owned = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let driver = Driver::parse(name, &owned.collect::<Vec<_>>()).unwrap();
        measured(name, "write", || write(&driver, place.path()));
        measured(name, "read", || assert_eq!(read(&driver, place.path(), &Query::default()), LINES));
        let tail = Query { tail: Some(10), ..Query::default() };
        measured(name, "tail 10", || assert_eq!(read(&driver, place.path(), &tail), 10));
        measured(name, "write line by line", || write_slowly(&driver, place.path()));
    }
    for entry in place.path().read_dir().unwrap() {
        let entry = entry.unwrap();
        println!("{:>12} {}", entry.metadata().unwrap().len(), entry.file_name().display());
    }
}

fn write(driver: &Driver, place: &Path) {
    let mut log = Writer::open(driver, place, &who()).unwrap();
    let output = LINE.repeat(LINES);
    for piece in output.as_bytes().chunks(PIPE) {
        log.write(Stream::Stdout, piece, SystemTime::now()).unwrap();
    }
    assert_eq!(log.close().lost, 0);
}

/// As from a program that says something now and then.
fn write_slowly(driver: &Driver, place: &Path) {
    let mut log = Writer::open(driver, place, &who()).unwrap();
    for _ in 0..LINES {
        log.write(Stream::Stdout, LINE.as_bytes(), SystemTime::now()).unwrap();
    }
    assert_eq!(log.close().lost, 0);
}

fn read(driver: &Driver, place: &Path, query: &Query) -> usize {
    let items = logs::read(place, &who().id, driver, query).unwrap();
    items.filter(|item| matches!(item, Ok(Item::Entry(entry)) if entry.bytes.len() + 1 == LINE.len())).count()
}

fn measured(name: &str, what: &str, work: impl FnOnce()) {
    let (before, begun) = (used(), Instant::now());
    work();
    let (cost, wall) = (used() - before, begun.elapsed());
    println!("{name:<10} {what:<20} {:.3} s of processor, {:.3} s", cost.as_secs_f64(), wall.as_secs_f64());
}

/// The time that this thread ran, in the program and in the kernel for it (Documentation/scheduler/sched-stats.rst).
fn used() -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

fn who() -> Identity {
    Identity { id: "0123456789ab".to_owned(), ..Identity::default() }
}

const LINES: usize = 1_000_000;
const LINE: &str = "a line of log as a program might write it, sixty-odd bytes long\n";
const PIPE: usize = 64 << 10;
