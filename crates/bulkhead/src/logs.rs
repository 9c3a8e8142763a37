// SPDX-License-Identifier: Apache-2.0
//! `bulkhead logs`: what a container has written, each stream to ours of the same name.

use std::io::{BufWriter, ErrorKind, Write};

use clap::Args;
use engine::Follow;
use engine::logs::{Ending, Entry, Item, Query, Stream};

use crate::failure::Failure;
use crate::global::Global;
use crate::{human, output};

/// Show what a container has written
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead logs -f --tail 10 web")]
pub(crate) struct Flags {
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// Go on until the container has ended
    #[arg(short, long)]
    follow: bool,
    /// Show the time of each line
    #[arg(short, long)]
    timestamps: bool,
    /// Only so many of the last lines, or `all`
    #[arg(short = 'n', long, value_name = "LINES", default_value = "all")]
    tail: String,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = format!("cannot show the log of {}", flags.container);
    let tail = match flags.tail.as_str() {
        "all" => None,
        // Docker takes anything else for all of it as well.
        text => text.parse().ok(),
    };
    let engine = global.engine(&what)?;
    let query = Query { tail, ..Query::default() };
    let follow = if flags.follow { Follow::Yes } else { Follow::No };
    let items = engine.logs(&flags.container, &query, follow);
    let mut items = items.map_err(|error| Failure::of_engine(&what, &error))?;
    let (mut out, mut err) =
        (BufWriter::with_capacity(BUFFER, std::io::stdout().lock()), std::io::stderr().lock());
    let written = items.try_for_each(|item| {
        let item = item.map_err(|error| Failure::of_engine(&what, &error))?;
        let wrote = match &item {
            Item::Entry(entry) if entry.stream == Stream::Stdout => line(&mut out, entry, flags.timestamps)
                .and_then(|()| if flags.follow { out.flush() } else { Ok(()) }),
            // In the order in which they were written, for those who see both.
            Item::Entry(entry) => out.flush().and_then(|()| line(&mut err, entry, flags.timestamps)),
            Item::Damaged(sentence) => {
                out.flush().and_then(|()| writeln!(err, "bulkhead: {}", output::visible(sentence)))
            }
        };
        wrote.map_err(|error| unwritten(&error))
    });
    written.and_then(|()| out.flush().map_err(|error| unwritten(&error)))
}

fn line(out: &mut impl Write, entry: &Entry, timestamps: bool) -> std::io::Result<()> {
    if timestamps {
        write!(out, "{} ", human::precise(entry.time))?;
    }
    out.write_all(&entry.bytes)?;
    match entry.ending {
        Ending::Newline => out.write_all(b"\n"),
        Ending::Open => Ok(()),
    }
}

fn unwritten(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::ReaderLeft,
        _ => Failure::stopped("cannot write the log", error),
    }
}

const BUFFER: usize = 256 << 10;
