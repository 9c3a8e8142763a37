// SPDX-License-Identifier: Apache-2.0
//! `diff` and `cp` of a container that is not running.

use super::archives::{words, write_files};
use super::engine::Engine;
use super::{Bench, Contestant, Operation};
use crate::failure::{Result, While};
use crate::images;

/// On a new container of the image `name`.
pub(super) fn session(
    bench: &mut Bench<'_>,
    image: &str,
    name: &str,
    contestant: Contestant,
    engine: &Engine,
) -> Result<()> {
    let wanted = bench.wants(Operation::Diff) || bench.wants(Operation::Copy);
    let Some(create) = engine.create(name, CONTAINER).filter(|_| wanted) else { return Ok(()) };
    create.run_quietly()?;
    let folder = bench.place.join("copied");
    prepare(&folder)?;
    let host = |name: &str| folder.join(name).display().to_string();
    let inside = |name: &str| format!("{CONTAINER}:/{name}");
    let copies = [
        ("1 MB in", host("one"), inside("one")),
        ("1000 files in", host("thousand/."), inside("thousand")),
        ("1 MB out", inside("one"), host("one.out")),
        ("1000 files out", inside("thousand/."), host("thousand.out")),
    ];
    for (what, from, to) in copies {
        let copy = engine.repeat(engine.plainly(["cp", &from, &to]), REPEATED)?;
        bench.record(Operation::Copy, &format!("{what}, {image}"), contestant, copy);
    }
    let came = std::fs::read_dir(folder.join("thousand.out")).cannot(|| "look at what was copied")?.count();
    if came != FILES {
        return Err(crate::failure::Failure::new(format!("{contestant:?} copied {came} of {FILES} files")));
    }
    let diff = engine.repeat(engine.plainly(["diff", CONTAINER]), REPEATED)?;
    bench.record(Operation::Diff, image, contestant, diff);
    images::remove(&folder)
}

/// What is copied into the container: a file of 1 MB and a directory of 1000 files.
fn prepare(folder: &std::path::Path) -> Result<()> {
    let one: String = (0..).map(words).scan(0, bounded).collect();
    let mut files = vec![("one".to_owned(), one)];
    files.extend((0..).take(FILES).map(|seed| (format!("thousand/{seed}.txt"), words(seed))));
    write_files(folder, &files)
}

/// Texts until there is a megabyte.
fn bounded(sum: &mut usize, text: String) -> Option<String> {
    *sum += text.len();
    (*sum <= 1_000_000).then_some(text)
}

const CONTAINER: &str = "bench";
const FILES: usize = 1000;
/// Repetitions of what takes milliseconds.
const REPEATED: u32 = 5;
