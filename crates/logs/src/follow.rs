// SPDX-License-Identifier: Apache-2.0
//! `logs --follow`: waits for more, across rotations, until the writer is gone.

use std::os::fd::OwnedFd;
use std::path::Path;

use kernel::rustix::event::{PollFd, PollFlags, poll};
use kernel::rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use kernel::rustix::io::Errno;

use crate::alive::Sign;
use crate::driver::Driver;
use crate::error::{Error, Result};
use crate::files::{open, open_all, open_newer};
use crate::query::Query;
use crate::read::{Keeps, Log, Read};
use crate::reader::Item;

/// Reads the log of the container `id` in its directory `place`, and what comes, until the writer is
/// done or gone.
///
/// # Errors
/// A driver that keeps nothing here; files that cannot be read or watched.
pub fn follow(place: &Path, id: &str, driver: &Driver, query: &Query) -> Result<Follow> {
    let log = Log::find(place, id, driver)?;
    // Watched before it is read, so that nothing happens in between unseen.
    let changes = watch(place)?;
    let sign = Sign::look(place)?;
    let read = Read::open(log, query)?;
    Ok(Follow { read, changes, sign, state: State::Following, until: None })
}

/// The lines of a log, and those that come.
#[derive(Debug)]
pub struct Follow {
    read: Read,
    changes: OwnedFd,
    sign: Sign,
    state: State,
    until: Option<OwnedFd>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Following,
    /// The open file was put aside; its last lines are being read.
    Rotated,
    /// The writer is gone; its last lines are being read.
    Finished,
    Over,
}

/// Why waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    Changed,
    Left,
}

impl Follow {
    /// Ends also when `until` has something to read or hangs up: whoever asked has left.
    pub fn until(mut self, until: OwnedFd) -> Self {
        self.until = Some(until);
        self
    }

    fn advance(&mut self) -> Result<Option<Item>> {
        loop {
            if let Some(item) = self.read.advance()? {
                return Ok(Some(item));
            }
            match self.state {
                State::Over => return Ok(None),
                State::Rotated => {
                    self.state = State::Following;
                    if let Some(item) = self.go_on()? {
                        return Ok(Some(item));
                    }
                }
                State::Following if self.is_rotated()? => {
                    // It was read to its end before it was put aside, perhaps, and grew in between.
                    self.read.finish_open();
                    self.state = State::Rotated;
                }
                State::Following if !self.sign.is_alive()? => {
                    // What it wrote last was written before it left.
                    self.state = State::Finished;
                    if !self.is_rotated()? {
                        self.read.finish();
                    }
                }
                State::Following => {
                    if self.wait()? == Woken::Left {
                        self.state = State::Over;
                    }
                }
                State::Finished if self.is_rotated()? => {
                    self.read.finish_open();
                    self.state = State::Rotated;
                }
                State::Finished => self.state = State::Over,
            }
        }
    }

    /// Whether the file that is open is the newest no more.
    fn is_rotated(&self) -> Result<bool> {
        let newest = open(&self.read.log().path)?;
        Ok(match (newest, self.read.reading()) {
            (Some(newest), Some(reading)) => newest.id != reading.id,
            (newest, None) => newest.is_some(),
            // Between two renames there is none for a moment; the next change tells.
            (None, Some(_)) => false,
        })
    }

    /// Goes on with the files that are newer than the open one.
    fn go_on(&mut self) -> Result<Option<Item>> {
        let path = self.read.log().path.clone();
        let newer = match self.read.reading() {
            Some(reading) => open_newer(&path, &reading.id)?,
            None => Some(open_all(&path)?),
        };
        if let Some(newer) = newer {
            self.read.append(newer);
            return Ok(None);
        }
        // It went before the next one was begun. All that are there are newer.
        self.read.append(open_all(&path)?);
        let sentence = "lines came faster than they were read, and some were rotated away";
        let lost = self.read.log().keeps == Keeps::Several;
        Ok(lost.then(|| Item::Damaged(format!("{}: {sentence}", path.display()))))
    }

    fn wait(&self) -> Result<Woken> {
        let mut polled = vec![PollFd::new(&self.changes, PollFlags::IN)];
        polled.extend(self.sign.polled().map(|sign| PollFd::from_borrowed_fd(sign, PollFlags::empty())));
        let before_until = polled.len();
        polled.extend(self.until.as_ref().map(|until| PollFd::new(until, PollFlags::IN)));
        match poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::io("wait for the log", &self.read.log().path, errno.into())),
        }
        if polled.get(before_until).is_some_and(|until| !until.revents().is_empty()) {
            return Ok(Woken::Left);
        }
        self.forget_changes()?;
        Ok(Woken::Changed)
    }

    /// Whatever they were: what there is to read is seen by reading.
    fn forget_changes(&self) -> Result<()> {
        let mut events = [0_u8; 4096];
        loop {
            match kernel::rustix::io::read(&self.changes, &mut events[..]) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(()),
                Err(errno) => return Err(Error::io("watch the log", &self.read.log().path, errno.into())),
            }
        }
    }
}

impl Iterator for Follow {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            self.state = State::Over;
        }
        next.transpose()
    }
}

fn watch(place: &Path) -> Result<OwnedFd> {
    let told = |errno: Errno| Error::io("watch the log", place, errno.into());
    let changes = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).map_err(told)?;
    let wanted = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
    add_watch(&changes, place, wanted).map_err(told)?;
    Ok(changes)
}
