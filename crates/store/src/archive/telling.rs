// SPDX-License-Identifier: Apache-2.0
//! Several layers at a time, whose progress is told as one figure. When one fails, the others stop.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::{OnProgress, Progress};

/// What threads have done together.
pub(super) struct Telling<'a> {
    step: &'static str,
    total: u64,
    state: Mutex<State<'a>>,
    stopped: AtomicBool,
}

struct State<'a> {
    done: u64,
    told: u64,
    progress: OnProgress<'a>,
}

impl<'a> Telling<'a> {
    pub(super) fn new(step: &'static str, total: u64, progress: OnProgress<'a>) -> Self {
        let state = Mutex::new(State { done: 0, told: 0, progress });
        Self { step, total, state, stopped: AtomicBool::new(false) }
    }

    /// Does `work` for each of `items`, a few at a time, and gives the results in their order, or the first
    /// failure.
    pub(super) fn each<I: Sync, T: Send>(
        &self,
        items: &[I],
        work: impl Fn(&I) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let (next, first) = (AtomicUsize::new(0), Mutex::new(None));
        let results: Vec<Mutex<Option<T>>> = items.iter().map(|_| Mutex::new(None)).collect();
        let worker = || {
            while !self.stopped.load(Ordering::Relaxed) {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(at) else { return };
                match work(item) {
                    Ok(value) => *results[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(value),
                    Err(error) => {
                        first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        self.stopped.store(true, Ordering::Relaxed);
                    }
                }
            }
        };
        std::thread::scope(|scope| {
            // The caller's own thread is one of them.
            for _ in 1..WIDTH.min(items.len()) {
                scope.spawn(worker);
            }
            worker();
        });
        match first.into_inner().unwrap_or_else(PoisonError::into_inner) {
            Some(error) => Err(error),
            None => Ok(results
                .into_iter()
                .filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner))
                .collect()),
        }
    }

    /// Counts what is read from `stream`, and ends it when another one has failed.
    pub(super) fn watch<'b, R: Read>(&'b self, stream: R) -> impl Read + use<'b, 'a, R> {
        Watched { stream, telling: self }
    }

    fn add(&self, count: usize) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += count as u64;
        if state.done - state.told >= STEP {
            state.told = state.done;
            let now = Progress { step: self.step, done: state.done, total: Some(self.total) };
            (state.progress)(now);
        }
    }
}

struct Watched<'a, 'b, R> {
    stream: R,
    telling: &'b Telling<'a>,
}

impl<R: Read> Read for Watched<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.telling.stopped.load(Ordering::Relaxed) {
            return Err(io::Error::other("another layer of the image failed"));
        }
        let count = self.stream.read(buffer)?;
        self.telling.add(count);
        Ok(count)
    }
}

/// Layers at a time. Each has a thread that decompresses and digests, and a process that unpacks.
const WIDTH: usize = 3;
const STEP: u64 = 4 << 20;
