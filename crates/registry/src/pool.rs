// SPDX-License-Identifier: Apache-2.0
//! Several transfers at a time. When one fails the others are stopped, and the first failure is told.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::cancel::Cancel;
use crate::client::Client;

/// How many run at a time unless somebody says otherwise: as Docker does it.
pub const USUAL_WIDTH: usize = 4;

/// Does `work` for each of `items`, at most `width` at a time, and gives the results in their order.
///
/// `work` gets a [`Cancel`] that is stopped as soon as one of them fails, and must listen to it; the
/// connections of `clients` are then cut, so that nobody waits on one.
///
/// # Errors
/// The one of the first that failed.
pub fn each<I: Sync, T: Send, E: Send>(
    items: &[I],
    width: usize,
    clients: &[&Client],
    work: impl Fn(&I, &Cancel) -> Result<T, E> + Sync,
) -> Result<Vec<T>, E> {
    let (next, cancel, first) = (AtomicUsize::new(0), Cancel::default(), Mutex::new(None));
    let results: Vec<Mutex<Option<T>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let worker = || {
        while cancel.check().is_ok() {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            match work(item, &cancel) {
                Ok(value) => *results[at].lock().unwrap_or_else(PoisonError::into_inner) = Some(value),
                Err(error) => {
                    let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                    if first.is_none() {
                        *first = Some(error);
                        cancel.stop();
                        clients.iter().for_each(|client| client.hang_up());
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        // The caller's own thread is one of them.
        for _ in 1..width.clamp(1, items.len().max(1)) {
            scope.spawn(worker);
        }
        worker();
    });
    if let Some(error) = first.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let done =
        results.into_iter().filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner));
    Ok(done.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn results_keep_their_order_and_run_side_by_side() {
        let together = Barrier::new(3);
        let items = [1, 2, 3, 4, 5, 6];
        let doubled = each(&items, 3, &[], |item, _| {
            together.wait();
            Ok::<_, ()>(item * 2)
        });
        assert_eq!(doubled, Ok(vec![2, 4, 6, 8, 10, 12]));
        assert_eq!(each(&[], 4, &[], |_: &u8, _| Ok::<u8, ()>(1)), Ok(vec![]));
    }

    #[test]
    fn the_first_failure_stops_the_others() {
        let outcome = each(&[0, 1, 2, 3], 2, &[], |item, cancel| match item {
            0 => Err("the cause"),
            _ => {
                cancel.wait(std::time::Duration::from_secs(3600)).map_err(|_| "stopped")?;
                Ok(())
            }
        });
        assert_eq!(outcome, Err("the cause"));
    }
}
