// SPDX-License-Identifier: Apache-2.0
//! Listing and removing containers, and reading the walls of one that runs.

use runtime::cgroup::Cgroup;
use runtime::rootfs::UPPER;
use runtime::walls::{self, Known, WallReport};

use crate::error::{Context, Error, Result};
use crate::records::{self, Record, Records, State};
use crate::weigh::weigh;
use crate::{Engine, Force, Settings, directory, prepare};

/// Volumes that were made for one container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnonymousVolumes {
    /// They stay, for whoever knows their name.
    Keep,
    /// They go, unless another container has them.
    Remove,
}

impl Engine {
    /// All containers, newest first.
    pub fn containers(&self) -> Result<Vec<Record>> {
        self.records.all()
    }

    /// Bytes of the files that the container changed or added, and of those of its image. Of an image that is
    /// gone none.
    pub fn container_size(&self, record: &Record) -> Result<(u64, u64)> {
        let upper = directory::path(self.records.containers(), &record.id).join(UPPER);
        let written = weigh(&upper).told("count what the container wrote")?;
        let image = self.store.image(&record.image)?.map_or(0, |image| image.size);
        Ok((written, image))
    }

    /// The container called `name`, or whose id begins so.
    pub fn container(&self, name: &str) -> Result<Record> {
        self.records.find(name)
    }

    /// Removes a container that does not run, or is ended by `force`, with everything it wrote; `volumes` says
    /// what becomes of volumes that were made for it alone.
    pub fn remove_container(&self, name: &str, force: Force, volumes: AnonymousVolumes) -> Result<Record> {
        let record = self.records.find(name)?;
        if force == Force::Yes {
            self.end(&record)?;
        }
        match directory::Home::take_over(&self.records, &record.id)? {
            Some(home) => {
                if volumes == AnonymousVolumes::Remove {
                    self.volumes.remove_anonymous(&record, &self.records)?;
                }
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

    /// Each wall, as the kernel reports it, of the container called `name`, or of all that run.
    ///
    /// This needs no open engine and changes nothing: an ordinary user reads from outside the user
    /// namespace that [`Engine::open`] enters, from which the kernel would hide much.
    ///
    /// Errors when the container does not run, or when what the kernel tells cannot be read.
    pub fn walls(settings: &Settings, name: Option<&str>) -> Result<Vec<(Record, Vec<WallReport>)>> {
        let records = Records::at(&settings.root);
        if let Some(name) = name {
            let record = records.find(name)?;
            return match reports(&records, &record)? {
                Some(reports) => Ok(vec![(record, reports)]),
                None => Err(Error::WrongState { name: record.name, state: "not running" }),
            };
        }
        let mut all = Vec::new();
        for record in records.all()? {
            // One that has ended since the list was made runs no more.
            if let Some(reports) = reports(&records, &record)? {
                all.push((record, reports));
            }
        }
        Ok(all)
    }
}

/// The walls of a container that runs.
fn reports(records: &Records, record: &Record) -> Result<Option<Vec<WallReport>>> {
    let (State::Running, Some(pid)) = (record.state, record.pid) else { return Ok(None) };
    if record.born != records::born(pid) || !directory::is_attended(records.containers(), &record.id)? {
        return Ok(None);
    }
    let cgroup = Cgroup::reopen(&record.cgroups).map_err(runtime::Error::from)?;
    let known = Known {
        id: &record.id,
        lowered: &record.details.lowered,
        absent: &record.details.absent,
        bounds: record.details.bounds,
        rlimits: &prepare::HARD_LIMITS,
        limits: cgroup.map(|cgroup| cgroup.limits()),
    };
    match walls::read(pid, &known) {
        // It ended while it was looked at.
        Err(_) if record.born != records::born(pid) => Ok(None),
        other => other.map(Some).map_err(|error| Error::Invalid {
            what: format!("the walls of {} cannot be read", record.name),
            reason: error.to_string(),
        }),
    }
}
