// SPDX-License-Identifier: Apache-2.0
//! How far several transfers are, as one figure.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use ::registry::Watch;
use oci::descriptor::Descriptor;

use crate::images::Progress;

/// Adds up what threads tell, and passes it on.
pub(crate) struct Told<'a>(Mutex<State<'a>>);

struct State<'a> {
    step: &'static str,
    /// How far each blob is, by digest.
    blobs: BTreeMap<String, u64>,
    total: u64,
    tell: &'a mut (dyn FnMut(Progress<'_>) + Send),
}

impl<'a> Told<'a> {
    /// `tell` hears of `step`.
    pub(crate) fn new(step: &'static str, tell: &'a mut (dyn FnMut(Progress<'_>) + Send)) -> Self {
        Self(Mutex::new(State { step, blobs: BTreeMap::new(), total: 0, tell }))
    }
}

impl Watch for Told<'_> {
    fn planned(&self, blobs: &[Descriptor]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).total =
            blobs.iter().map(|blob| blob.size).sum();
    }

    fn came(&self, blob: &Descriptor, done: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.blobs.insert(blob.digest.to_string(), done);
        let (done, total) = (state.blobs.values().sum(), Some(state.total));
        let step = state.step;
        (state.tell)(Progress { step, done, total });
    }
}
