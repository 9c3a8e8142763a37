// SPDX-License-Identifier: Apache-2.0
//! The monitor's side of a log.

use std::path::Path;
use std::time::SystemTime;

use crate::alive::Alive;
use crate::attributes::Identity;
use crate::cut::{Cutter, Line, Part, Stream};
use crate::driver::{Delivery, Driver, Target};
use crate::error::Result;
use crate::journald::Journal;
use crate::queue::{Queue, Room, notice};
use crate::sink::{JsonFile, LocalFile, Sink};
use crate::time::Time;

/// The one writer of a container's log.
#[derive(Debug)]
pub struct Writer {
    cutters: [Cutter; 2],
    output: Output,
    last: Time,
    /// While it is open, followers wait. It goes after the output.
    _alive: Option<Alive>,
}

/// What became of a log so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Lines that are not where they should be.
    pub lost: u64,
    /// The last thing that went wrong, in a sentence.
    pub trouble: Option<String>,
}

enum Output {
    /// At once, to a file.
    Direct(Box<dyn Sink>, Loss),
    Queued(Queue),
    Nowhere,
}

/// Lines that a file did not take.
#[derive(Debug, Default)]
struct Loss {
    report: Report,
    /// Those that the log itself does not tell of yet.
    untold: u64,
    /// Those that a line tells of that is on its way to the file.
    telling: u64,
}

impl Writer {
    /// Opens the log of `who` in its directory `place`. What a writer that was killed left half is cut
    /// off.
    ///
    /// # Errors
    /// Files that cannot be made; a server that cannot be reached: a container without its log does not
    /// start.
    pub fn open(driver: &Driver, place: &Path, who: &Identity) -> Result<Self> {
        let (sink, alive): (Box<dyn Sink>, _) = match &driver.target {
            Target::JsonFile(rotation) => {
                let alive = Alive::announce(place)?;
                (Box::new(JsonFile::open(place, *rotation, who, &driver.details)?), Some(alive))
            }
            Target::Local(rotation) => {
                let alive = Alive::announce(place)?;
                (Box::new(LocalFile::open(place, *rotation)?), Some(alive))
            }
            Target::Journald { socket } => (Box::new(Journal::connect(socket, who, &driver.details)?), None),
            Target::Syslog(syslog) => (syslog.connect(who, &driver.details)?, None),
            Target::None => return Ok(Self::of(Output::Nowhere, None)),
        };
        // A file takes lines as fast as its disk; a server may take none for an hour.
        let is_file = alive.is_some();
        let output = if is_file && driver.delivery == Delivery::Blocking {
            Output::Direct(sink, Loss::default())
        } else {
            Output::Queued(Queue::new(sink, driver.delivery)?)
        };
        Ok(Self::of(output, alive))
    }

    fn of(output: Output, alive: Option<Alive>) -> Self {
        let cutters = [Cutter::new(Stream::Stdout), Cutter::new(Stream::Stderr)];
        Self { cutters, output, last: Time::from_nanoseconds(0), _alive: alive }
    }

    /// Takes bytes as they came from one of the streams. Each line that they end is logged with the time
    /// `now`; what they leave open waits for its end.
    ///
    /// # Errors
    /// A file that could not be written. Lines are lost with it and counted ([`Writer::report`]); the
    /// next call may fare better.
    pub fn write(&mut self, stream: Stream, bytes: &[u8], now: SystemTime) -> Result<()> {
        let Self { cutters, output, last, .. } = self;
        let now = Time::of(now);
        *last = now;
        let mut done = Ok(());
        let mut take = |line: &Line<'_>| done = std::mem::replace(&mut done, Ok(())).and(output.take(line));
        cutters[stream.index()].cut(bytes, now, &mut take);
        done.and(output.settle())
    }

    /// Whether [`Writer::write`] takes more without waiting. Where it does not, the container's pipes are
    /// to be left alone.
    pub fn room(&self) -> Room<'_> {
        match &self.output {
            Output::Queued(queue) => queue.room(),
            Output::Direct(..) | Output::Nowhere => Room::Ready,
        }
    }

    /// What became of the log so far.
    pub fn report(&self) -> Report {
        match &self.output {
            Output::Direct(_, loss) => loss.report.clone(),
            Output::Queued(queue) => {
                let (lost, trouble) = queue.report();
                Report { lost, trouble }
            }
            Output::Nowhere => Report::default(),
        }
    }

    /// The streams have ended. What they left open is logged, what waits goes out: within seconds, also
    /// when a server takes nothing. Whoever follows the log is told.
    pub fn close(mut self) -> Report {
        let Self { cutters, output, last, .. } = &mut self;
        let mut done = Ok(());
        for cutter in cutters {
            let mut take =
                |line: &Line<'_>| done = std::mem::replace(&mut done, Ok(())).and(output.take(line));
            cutter.end(*last, &mut take);
        }
        let closed = done.and(output.close());
        let mut report = self.report();
        if let Err(error) = closed {
            report.trouble = Some(error.to_string());
        }
        report
    }
}

impl Output {
    fn take(&mut self, line: &Line<'_>) -> Result<()> {
        match self {
            Self::Direct(sink, loss) => {
                let mut done = Ok(());
                if let (0, Some(notice)) = (loss.telling, notice(loss.untold)) {
                    loss.telling = loss.untold;
                    let bytes = notice.as_bytes();
                    done = sink.take(&Line {
                        time: line.time,
                        stream: Stream::Stderr,
                        bytes,
                        part: Part::Whole,
                    });
                }
                let taken = sink.take(line);
                loss.note(&mut **sink, done.and(taken))
            }
            Self::Queued(queue) => {
                queue.push(line);
                Ok(())
            }
            Self::Nowhere => Ok(()),
        }
    }

    fn settle(&mut self) -> Result<()> {
        let Self::Direct(sink, loss) = self else { return Ok(()) };
        let settled = sink.settle();
        let done = loss.note(&mut **sink, settled);
        loss.told();
        done
    }

    fn close(&mut self) -> Result<()> {
        match self {
            Self::Direct(sink, loss) => {
                let done = sink.close();
                loss.note(&mut **sink, done)
            }
            Self::Queued(queue) => {
                queue.close();
                Ok(())
            }
            Self::Nowhere => Ok(()),
        }
    }
}

impl Loss {
    fn note(&mut self, sink: &mut dyn Sink, done: Result<()>) -> Result<()> {
        let mut lost = sink.take_lost();
        if lost > 0 && std::mem::take(&mut self.telling) > 0 {
            // The line that tells was among them.
            lost -= 1;
        }
        self.report.lost += lost;
        self.untold += lost;
        if let Err(error) = &done {
            self.report.trouble = Some(error.to_string());
        }
        done
    }

    /// Everything is in the file, also the line that tells, if there was one.
    fn told(&mut self) {
        self.untold -= std::mem::take(&mut self.telling);
    }
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Direct(..) => "Direct",
            Self::Queued(_) => "Queued",
            Self::Nowhere => "Nowhere",
        })
    }
}
