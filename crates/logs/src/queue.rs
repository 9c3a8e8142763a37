// SPDX-License-Identifier: Apache-2.0
//! Lines that wait for a slow end, and the thread that brings them there.
//!
//! What waits is bounded. With `blocking` delivery the caller is told, by [`Room`], to leave the
//! container's pipe alone until there is room; with `non-blocking` what does not fit is dropped, and a
//! line in its place says how much that was.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kernel::rustix::event::{EventfdFlags, eventfd};

use crate::cut::{Line, Part, Stream};
use crate::driver::Delivery;
use crate::error::{Again, Error, Result};
use crate::sink::Sink;
use crate::time::Time;

/// Whether a log takes more without waiting.
#[derive(Debug)]
pub enum Room<'a> {
    /// It does.
    Ready,
    /// It will when this can be read (poll(2)); it is not to be read from.
    WaitOn(BorrowedFd<'a>),
}

/// Lines on their way to `sink`.
#[derive(Debug)]
pub(crate) struct Queue {
    shared: Arc<Shared>,
    delivery: Delivery,
    worker: Option<JoinHandle<()>>,
    /// Lines that were dropped since one was taken.
    gap: u64,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Readable while there is room.
    room: OwnedFd,
    limit: usize,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<Owned>,
    bytes: usize,
    lost: u64,
    trouble: Option<String>,
    /// Nothing more comes, and until then what waits has to be gone.
    ending: Option<Instant>,
}

#[derive(Debug)]
struct Owned {
    time: Time,
    stream: Stream,
    part: Part,
    bytes: Box<[u8]>,
}

impl Owned {
    fn of(line: &Line<'_>) -> Self {
        Self { time: line.time, stream: line.stream, part: line.part, bytes: line.bytes.into() }
    }

    fn line(&self) -> Line<'_> {
        Line { time: self.time, stream: self.stream, bytes: &self.bytes, part: self.part }
    }

    /// What it costs to keep it.
    fn weight(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }
}

impl Queue {
    pub(crate) fn new(sink: Box<dyn Sink>, delivery: Delivery) -> Result<Self> {
        let limit = match delivery {
            Delivery::Blocking => QUEUE,
            Delivery::NonBlocking(limit) => limit,
        };
        let room = eventfd(1, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|errno| Error::server("its thread", format!("eventfd: {errno}"), Again::Never))?;
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), room, limit });
        let theirs = shared.clone();
        let worker = std::thread::Builder::new().name("log".to_owned()).spawn(move || theirs.work(sink));
        let worker = worker.map_err(|error| Error::server("its thread", error.to_string(), Again::Never))?;
        Ok(Self { shared, delivery, worker: Some(worker), gap: 0 })
    }

    /// Takes a line, or drops it. With `blocking` delivery it waits when [`Queue::room`] was not heeded
    /// for as many bytes again.
    pub(crate) fn push(&mut self, line: &Line<'_>) {
        let owned = Owned::of(line);
        let mut state = self.shared.lock();
        match self.delivery {
            Delivery::Blocking => {
                while state.bytes >= 2 * self.shared.limit {
                    state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
            Delivery::NonBlocking(limit)
                if state.bytes + owned.weight() > limit && !state.lines.is_empty() =>
            {
                self.gap += 1;
                state.lost += 1;
                return;
            }
            Delivery::NonBlocking(_) => {}
        }
        if let Some(notice) = notice(std::mem::take(&mut self.gap)) {
            let notice =
                Line { time: line.time, stream: Stream::Stderr, bytes: notice.as_bytes(), part: Part::Whole };
            self.shared.add(&mut state, Owned::of(&notice));
        }
        self.shared.add(&mut state, owned);
        drop(state);
        self.shared.changed.notify_all();
    }

    pub(crate) fn room(&self) -> Room<'_> {
        let is_full = self.delivery == Delivery::Blocking && self.shared.lock().bytes >= self.shared.limit;
        if is_full { Room::WaitOn(self.shared.room.as_fd()) } else { Room::Ready }
    }

    /// How many lines were lost so far, and what the last trouble was.
    pub(crate) fn report(&self) -> (u64, Option<String>) {
        let state = self.shared.lock();
        (state.lost, state.trouble.clone())
    }

    /// Ends the thread when all lines are gone, or [`PATIENCE`] is over; those that are left then are
    /// lost.
    pub(crate) fn close(&mut self) {
        self.end();
        if let Some(worker) = self.worker.take()
            && worker.join().is_err()
        {
            self.shared.lock().trouble = Some("the thread that sends the log panicked".to_owned());
        }
    }

    fn end(&self) {
        self.shared.lock().ending.get_or_insert_with(|| Instant::now() + PATIENCE);
        self.shared.changed.notify_all();
    }
}

impl Drop for Queue {
    /// Who does not close it waits for nothing.
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, state: &mut State, line: Owned) {
        let had_room = state.bytes < self.limit;
        state.bytes += line.weight();
        state.lines.push_back(line);
        if had_room && state.bytes >= self.limit {
            self.say_full();
        }
    }

    /// The thread.
    fn work(&self, mut sink: Box<dyn Sink>) {
        while let Some(line) = self.next(&mut *sink) {
            let delivered = self.deliver(&mut *sink, &line);
            let mut state = self.lock();
            let was_full = state.bytes >= self.limit;
            state.bytes -= line.weight();
            state.lost += sink.take_lost();
            if was_full && state.bytes < self.limit {
                self.say_room();
            }
            if let Err(trouble) = delivered {
                state.lost += 1;
                state.trouble = Some(trouble.to_string());
            }
            drop(state);
            self.changed.notify_all();
        }
        let closed = sink.close();
        let mut state = self.lock();
        state.lost += sink.take_lost();
        if let Err(trouble) = closed {
            state.trouble = Some(trouble.to_string());
        }
    }

    /// The next line, once there is one; none at the end.
    fn next(&self, sink: &mut dyn Sink) -> Option<Owned> {
        let mut settled = false;
        let mut state = self.lock();
        loop {
            if state.ending.is_some_and(|ending| Instant::now() >= ending) {
                state.lost += state.lines.len() as u64;
                state.lines.clear();
                return None;
            }
            if let Some(line) = state.lines.pop_front() {
                return Some(line);
            }
            if !settled {
                settled = true;
                drop(state);
                let done = sink.settle();
                state = self.lock();
                if let Err(trouble) = done {
                    state.trouble = Some(trouble.to_string());
                }
                continue;
            }
            if state.ending.is_some() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            settled = false;
        }
    }

    /// Tries until it works, cannot work, or patience ends.
    fn deliver(&self, sink: &mut dyn Sink, line: &Owned) -> Result<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            let Err(error) = sink.take(&line.line()) else { return Ok(()) };
            let again = error.again();
            let mut state = self.lock();
            if again == Again::Never || state.ending.is_some_and(|ending| Instant::now() >= ending) {
                return Err(error);
            }
            state.trouble = Some(error.to_string());
            if again == Again::Later {
                self.pause(state, pause);
                pause = (2 * pause).min(LONGEST_PAUSE);
            }
        }
    }

    /// Waits so long, or until somebody wants to end.
    fn pause(&self, mut state: MutexGuard<'_, State>, pause: Duration) {
        let was_ending = state.ending.is_some();
        let until = Instant::now() + if was_ending { FIRST_PAUSE } else { pause };
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || state.ending.is_some() != was_ending {
                return;
            }
            let waited = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = waited.0;
        }
    }

    fn say_room(&self) {
        // It counts to one; a counter that stands already says the same.
        match kernel::rustix::io::write(&self.room, &1_u64.to_ne_bytes()) {
            Ok(_) | Err(_) => {}
        }
    }

    fn say_full(&self) {
        // Nothing to read means that it says so already.
        match kernel::rustix::io::read(&self.room, &mut [0_u8; 8][..]) {
            Ok(_) | Err(_) => {}
        }
    }
}

/// What stands in a log in the place of `lost` lines.
pub(crate) fn notice(lost: u64) -> Option<String> {
    (lost > 0).then(|| format!("bulkhead: {lost} lines were lost here, because the log could not take them"))
}

/// Bytes that wait for a server before the container has to wait.
pub const QUEUE: usize = 1 << 20;
/// How long a log may take to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
