// SPDX-License-Identifier: Apache-2.0
//! A writer that is killed in the middle.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use logs::{Item, Query, Stream, Writer};

use crate::{ID, KEEPING, at, driver, entries, who, written};

#[test]
fn a_killed_writer_leaves_a_readable_log_and_ends_its_followers() {
    for name in KEEPING {
        for seen in [1, 500, 5000] {
            let place = tempfile::tempdir().unwrap();
            let driver = driver(name, OPTIONS);
            let writer = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "killed::the_writer_that_is_killed", "--nocapture"])
                .env(PLACE, place.path())
                .env(NAME, name)
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut writer = Ended(writer);
            // It says when its log is there.
            let mut said = writer.0.stdout.take().unwrap();
            let mut heard = Vec::new();
            while !heard.ends_with(b"open\n") {
                let mut byte = [0];
                assert_eq!(said.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&heard));
                heard.push(byte[0]);
            }
            let mut found = 0_u64;
            for item in logs::follow(place.path(), ID, &driver, &Query::default()).unwrap() {
                match item.unwrap() {
                    Item::Entry(entry) => {
                        assert_eq!([&entry.bytes[..], b"\n"].concat(), line(found).as_bytes(), "{name}");
                        found += 1;
                    }
                    // Half a line at the very end.
                    Item::Damaged(sentence) => assert!(found >= seen, "{sentence}"),
                }
                if found == seen {
                    writer.0.kill().unwrap();
                }
            }
            drop(writer);
            assert!(found >= seen);
            written(place.path(), &driver, ["next\n".to_owned()]);
            let all = entries(place.path(), &driver, &Query::default());
            assert_eq!(all.len() as u64, found + 1, "{name}");
            assert_eq!(all.last().unwrap().bytes, b"next");
        }
    }
}

/// No test by itself: the process that the one above kills.
#[test]
fn the_writer_that_is_killed() {
    let (Some(place), Ok(name)) = (std::env::var_os(PLACE), std::env::var(NAME)) else { return };
    let mut log = Writer::open(&driver(&name, OPTIONS), &PathBuf::from(place), &who()).unwrap();
    println!("open");
    for number in (0_u64..).step_by(10) {
        let lines: String = (number..number + 10).map(line).collect();
        log.write(Stream::Stdout, lines.as_bytes(), at(number)).unwrap();
    }
}

/// A process that does not outlive the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn line(number: u64) -> String {
    format!("{number} {}\n", "x".repeat(usize::try_from(number % 300).unwrap()))
}

const OPTIONS: &[(&str, &str)] = &[("max-size", "1g")];
const PLACE: &str = "LOGS_TEST_PLACE";
const NAME: &str = "LOGS_TEST_DRIVER";
