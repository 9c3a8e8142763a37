// SPDX-License-Identifier: Apache-2.0
//! A container's place before it runs: a directory, a name, a range of ids, a record.

use std::io::Write as _;
use std::path::Path;

use kernel::rustix::time::{ClockId, clock_gettime};
use runtime::walls::Bounds;
use store::Image;

use crate::admit::Admitted;
use crate::error::{Context, Error, Result};
use crate::monitor::{self, Streams};
use crate::prepare::{self, Place};
use crate::records::{Details, Record, State};
use crate::request::{Afterwards, RunRequest};
use crate::{Engine, directory, lowered, name, settings};

impl Engine {
    /// Takes a directory, a name and a range of ids.
    pub(crate) fn reserve(
        &self,
        request: &RunRequest,
        admitted: &Admitted,
        dangers: &[String],
    ) -> Result<Berth> {
        let image = admitted.image();
        let id = name::new_id()?;
        let name = match &request.name {
            Some(name) => checked_name(name)?,
            None => name::made_up()?,
        };
        let now = clock_gettime(ClockId::Realtime);
        let mut record = Record {
            id: id.clone(),
            name,
            slot: 0,
            state: State::Reserved,
            created: now.tv_sec,
            pid: None,
            born: None,
            exit_code: None,
            started: None,
            ended: None,
            complaint: None,
            restarts: 0,
            image: image.id.to_string(),
            image_name: request.image.clone(),
            command: prepare::command(request, &image.config.config)?.join(" "),
            cgroups: self.hierarchy.places(&id),
            removed_afterwards: request.afterwards == Afterwards::Remove,
            details: Details {
                nanoseconds: now.tv_nsec.try_into().unwrap_or(0),
                ..self.details(request, admitted, dangers)?
            },
        };
        let home = self.register(&mut record, request)?;
        let berth = Berth { record, home };
        match request.cidfile.as_ref().map_or(Ok(()), |path| write_cidfile(path, &id)) {
            Ok(()) => Ok(berth),
            Err(error) => self.give_back(berth).and(Err(error)),
        }
    }

    /// Makes the directory and takes name and ids, in one turn.
    fn register(&self, record: &mut Record, request: &RunRequest) -> Result<directory::Home> {
        let turn = self.records.turn()?;
        let home = directory::Home::make(self.records.containers(), &record.id)?;
        let mut taken = self.records.insert(record, &turn);
        for attempt in 1..NAMES_TRIED {
            match taken {
                // Another container was given the same one; a number makes more of them, as in Docker.
                Err(Error::NameInUse { .. }) if request.name.is_none() => {
                    record.name = format!("{}{attempt}", name::made_up()?);
                }
                _ => break,
            }
            taken = self.records.insert(record, &turn);
        }
        let made = taken.and_then(|()| {
            let made = self.volumes.make_all(&record.details.mounts, &turn);
            made.or_else(|error| self.records.forget(record).and(Err(error)))
        });
        match made {
            Ok(()) => Ok(home),
            Err(error) => home.remove().and(Err(error)),
        }
    }

    fn details(&self, request: &RunRequest, admitted: &Admitted, dangers: &[String]) -> Result<Details> {
        let resources = prepare::resources(request, &self.hierarchy)?;
        let bounds = Bounds { memory: resources.memory_max, pids: resources.pids_max };
        Ok(Details {
            nanoseconds: 0,
            labels: labels(request, admitted.image()),
            lowered: lowered::walls(request)
                .into_iter()
                .chain(lowered::by_image(admitted))
                .chain(lowered::by_mounts(dangers))
                .collect(),
            mounts: request.files.mounts.clone(),
            absent: self.absent_walls(request),
            bounds,
            workdir: request.process.workdir.clone().unwrap_or_default(),
            user: request.process.user.clone().unwrap_or_default(),
            stop_signal: request.process.stop_signal,
            stop_timeout: request.process.stop_timeout,
            config: Some(settings::settings(request, &admitted.image().config.config)),
        })
    }

    pub(crate) fn place<'a>(
        &'a self,
        record: &'a Record,
        image: &Image,
        streams: Option<&Streams<'_>>,
    ) -> Place<'a> {
        // Without a terminal of the caller's, the container's starts without a size.
        let window = streams.and_then(monitor::window).map_or((0, 0), |size| (size.ws_row, size.ws_col));
        let layers = self.store.layer_paths(image).into_iter();
        Place {
            id: &record.id,
            slot: record.slot,
            directory: directory::path(self.records.containers(), &record.id),
            layers: layers.chain([self.mountpoints.clone()]).collect(),
            standing: &self.standing,
            hierarchy: &self.hierarchy,
            volumes: &self.volumes,
            label: self.label.profile(),
            window,
        }
    }

    pub(crate) fn give_back(&self, berth: Berth) -> Result<()> {
        self.volumes.remove_anonymous(&berth.record, &self.records)?;
        self.records.forget(&berth.record)?;
        berth.home.remove()
    }
}

/// The image's labels and the request's, whose own win.
fn labels(request: &RunRequest, image: &Image) -> Vec<(String, String)> {
    let asked = |name: &str| request.labels.iter().any(|(known, _)| known == name);
    let of_image = image.config.config.labels.iter().filter(|(name, _)| !asked(name));
    of_image
        .map(|(name, value)| (name.clone(), value.clone()))
        .chain(request.labels.iter().cloned())
        .collect()
}

/// A place in the record and on disk for one container. Its lock is held until it is dropped; what a
/// killed process left of it is found by the next command's sweep.
#[derive(Debug)]
pub(crate) struct Berth {
    pub(crate) record: Record,
    pub(crate) home: directory::Home,
}

/// Whoever draws so many names that are taken has a hundred thousand containers.
const NAMES_TRIED: u32 = 100;

fn checked_name(name: &str) -> Result<String> {
    match oci::name::ContainerName::parse(name) {
        Ok(name) => Ok(name.to_string()),
        Err(error) => Err(Error::Invalid { what: format!("--name {name}"), reason: error.to_string() }),
    }
}

fn write_cidfile(path: &Path, id: &str) -> Result<()> {
    let told = |error: &std::io::Error| Error::Invalid {
        what: format!("--cidfile {}", path.display()),
        reason: match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                "the file exists already; another container may be using it".into()
            }
            _ => error.to_string(),
        },
    };
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(path);
    let mut file = file.map_err(|error| told(&error))?;
    match file.write_all(id.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) => withdraw(Some(path)).and(Err(told(&error))),
    }
}

/// Takes back the cidfile of a container that did not come to be.
pub(crate) fn withdraw(cidfile: Option<&Path>) -> Result<()> {
    match cidfile.map_or(Ok(()), std::fs::remove_file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.told("remove the cidfile"),
    }
}
