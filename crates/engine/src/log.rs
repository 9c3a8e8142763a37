// SPDX-License-Identifier: Apache-2.0
//! `logs`: what a container has written.

use logs::{Item, Query};

use crate::error::{Error, Result};
use crate::{Engine, directory};

/// Whether to wait for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Until the container has ended.
    Yes,
    /// What is there.
    No,
}

impl Engine {
    /// The lines that the container called `name` has written, the oldest first.
    ///
    /// # Errors
    /// A log driver that keeps nothing here; files that cannot be read.
    pub fn logs(
        &self,
        name: &str,
        query: &Query,
        follow: Follow,
    ) -> Result<Box<dyn Iterator<Item = Result<Item>>>> {
        let record = self.records.find(name)?;
        let driver = self.records.read_request(&record.id)?.log.driver()?;
        let place = directory::path(self.records.containers(), &record.id);
        Ok(match follow {
            Follow::Yes => {
                let items = logs::follow(&place, &record.id, &driver, query)?;
                Box::new(items.map(|item| item.map_err(Error::from)))
            }
            Follow::No => {
                let items = logs::read(&place, &record.id, &driver, query)?;
                Box::new(items.map(|item| item.map_err(Error::from)))
            }
        })
    }
}
