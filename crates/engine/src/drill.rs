// SPDX-License-Identifier: Apache-2.0
//! `drill`: throw-away containers with one wall lifted at a time.

use crate::Engine;
use crate::error::{Error, Result};
use crate::images::Progress;
use crate::request::RootAccess;

/// What to drill.
#[derive(Debug, Clone, Default)]
pub struct DrillRequest {
    /// An image or a running container; the embedded image when absent.
    pub target: Option<String>,
    /// Whether the container's root can be written.
    pub root: RootAccess,
    /// As whom.
    pub user: Option<String>,
}

impl Engine {
    /// Tries to break out, and finds the wall that stopped each attempt.
    pub fn drill(&mut self, request: &DrillRequest, progress: &mut dyn FnMut(Progress<'_>)) -> Result<::drill::Report> {
        progress(Progress { step: "drilling", done: 0, total: None });
        Err(Error::Invalid { what: "drill".into(), reason: format!("{request:?}") })
    }
}
