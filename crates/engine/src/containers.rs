// SPDX-License-Identifier: Apache-2.0
//! Listing and removing containers, and reading the walls of one that runs.

use runtime::cgroup::Cgroup;
use runtime::walls::{self, Known, Limits, WallReport};

use crate::error::{Context, Error, Result};
use crate::records::{Record, State};
use crate::{Engine, directory};

impl Engine {
    /// All containers, newest first.
    pub fn containers(&self) -> Result<Vec<Record>> {
        self.records.all()
    }

    /// The container called `name`, or whose id begins so.
    pub fn container(&self, name: &str) -> Result<Record> {
        self.records.find(name)
    }

    /// Removes a container that does not run, with everything it wrote.
    pub fn remove_container(&self, name: &str) -> Result<Record> {
        let record = self.records.find(name)?;
        match directory::Home::take_over(self.records.containers(), &record.id)? {
            Some(home) => {
                self.records.forget(&record)?;
                home.remove()?;
            }
            None if directory::path(self.records.containers(), &record.id).exists() => {
                return Err(Error::WrongState { name: record.name, state: "running" });
            }
            None => self.records.forget(&record)?,
        }
        Ok(record)
    }

    /// Each wall of a running container as the kernel reports it; of the newest running one when no
    /// `name` is given.
    pub fn walls(&self, name: Option<&str>) -> Result<(Record, Vec<WallReport>)> {
        let record = match name {
            Some(name) => self.records.find(name)?,
            None => self
                .records
                .all()?
                .into_iter()
                .find(|record| record.state == State::Running)
                .ok_or_else(|| Error::NoSuchContainer { name: "(any that runs)".into() })?,
        };
        let (State::Running, Some(pid)) = (record.state, record.pid) else {
            return Err(Error::WrongState { name: record.name, state: "not running" });
        };
        let known = Known {
            lowered: &record.details.lowered,
            absent: &record.details.absent,
            limits: self.limits(&record.id)?,
        };
        let reports = walls::read(pid, &known).told("read the container's walls")?;
        Ok((record, reports))
    }

    fn limits(&self, id: &str) -> Result<Option<Limits>> {
        match Cgroup::open_existing(&self.hierarchy, id).map_err(runtime::Error::from)? {
            Some(cgroup) => Ok(Some(cgroup.limits().map_err(runtime::Error::from)?)),
            None => Ok(None),
        }
    }
}
