// SPDX-License-Identifier: Apache-2.0
//! Where a container's output goes, and how it is read back.
//!
//! ```text
//! monitor:  let driver = Driver::parse("json-file", &options)?;
//!           let mut log = Writer::open(&driver, &directory, &who)?;
//!           // poll: the container's pipes while log.room() is Ready, else what it says to wait on
//!           log.write(Stream::Stdout, &bytes, SystemTime::now())?;
//!           let report = log.close();
//! logs:     for item in logs::read(&directory, id, &driver, &query)? { .. }
//!           for item in logs::follow(&directory, id, &driver, &query)? { .. }   // ends with the writer
//! ```
//!
//! In a container's directory:
//!
//! ```text
//! <id>-json.log, <id>-json.log.1[.gz] ...   `json-file`, byte for byte as Docker has it (json.rs)
//! container.log, container.log.1[.gz] ...   `local` (local.rs)
//! log.alive                                 a FIFO that is open while there is a writer (alive.rs)
//! ```
//!
//! How far a writer can fall behind is bounded everywhere. To a file it writes at once, so that the
//! bound is the pipe that the container writes to; to a server it keeps [`QUEUE`] bytes and then asks,
//! by [`Room`], not to read the pipe; with `mode=non-blocking` it keeps `max-buffer-size` bytes, and
//! what does not fit is counted and said, in the log itself and in the [`Report`].
#![forbid(unsafe_code)]

mod alive;
mod attributes;
mod cut;
pub mod driver;
mod error;
mod files;
mod follow;
mod journald;
pub mod json;
pub mod local;
mod query;
mod queue;
mod read;
mod reader;
mod rotating;
mod sink;
mod syslog;
mod time;
mod writer;

pub use attributes::Identity;
pub use cut::Stream;
pub use driver::Driver;
pub use error::{Error, Result};
pub use follow::{Follow, follow};
pub use query::{Query, Streams};
pub use queue::{QUEUE, Room};
pub use read::{Contents, Format, Read, contents, read};
pub use reader::{Ending, Entry, Item};
pub use writer::{Report, Writer};
