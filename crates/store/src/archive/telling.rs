// SPDX-License-Identifier: Apache-2.0
//! Several layers at a time, each of which tells how far it is. When one fails, the others stop.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::{OnProgress, Progress};

/// What threads tell.
pub(super) struct Telling<'a> {
    step: &'static str,
    progress: Mutex<OnProgress<'a>>,
    stopped: AtomicBool,
}

impl<'a> Telling<'a> {
    pub(super) fn new(step: &'static str, progress: OnProgress<'a>) -> Self {
        Self { step, progress: Mutex::new(progress), stopped: AtomicBool::new(false) }
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

    /// Tells how much of `stream`, called `id`, of `size` bytes, was read, and ends it when another one has
    /// failed.
    pub(super) fn watch<'b, R: Read>(&'b self, stream: R, id: &'b str, size: u64) -> Watched<'a, 'b, R> {
        self.tell(id, 0, size);
        Watched { stream, id, size, done: 0, told: 0, telling: self }
    }

    fn tell(&self, id: &str, done: u64, size: u64) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress(Progress { step: self.step, id: Some(id), done, total: Some(size) });
    }
}

/// A stream that is told of.
pub(super) struct Watched<'a, 'b, R> {
    stream: R,
    id: &'b str,
    size: u64,
    done: u64,
    told: u64,
    telling: &'b Telling<'a>,
}

impl<R: Read> Read for Watched<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.telling.stopped.load(Ordering::Relaxed) {
            return Err(io::Error::other("another layer of the image failed"));
        }
        let count = self.stream.read(buffer)?;
        self.done += count as u64;
        if self.done - self.told >= STEP || self.done == self.size && self.told < self.size {
            self.told = self.done;
            self.telling.tell(self.id, self.done, self.size);
        }
        Ok(count)
    }
}

/// Layers at a time. Each has a thread that decompresses and digests, and a process that unpacks.
const WIDTH: usize = 3;
const STEP: u64 = 4 << 20;
