// SPDX-License-Identifier: Apache-2.0
//! `run`: the table of contents of a container's life, one line per stop.

use logs::Identity;
use runtime::clock::Clock;
use runtime::launch;

use crate::admit::{self, Admitted, Provenance};
use crate::berth::{self, Berth};
use crate::error::Result;
use crate::monitor::door::Door;
use crate::monitor::log::{Log, Opening};
use crate::monitor::{self, Container, Dismissed, Exit, Streams, Watch};
use crate::request::{Afterwards, RunRequest};
use crate::volumes::Settled;
use crate::{Engine, directory, prepare};

/// Whoever started the container, where that is another process.
pub(crate) trait Starter {
    /// Commands can come to the monitor; nothing runs yet.
    fn door_is_open(&self) -> Result<()>;

    /// Its program runs.
    fn program_runs(&self) -> Result<()>;
}

/// This process itself.
struct Nobody;

impl Starter for Nobody {
    fn door_is_open(&self) -> Result<()> {
        Ok(())
    }

    fn program_runs(&self) -> Result<()> {
        Ok(())
    }
}

impl Engine {
    /// Runs a container from `request` until its first process has ended; this process is its monitor.
    ///
    /// On any error nothing is left of it: no process, no mount, no cgroup, no record. `clock` takes
    /// the time of each stop.
    pub fn run(&mut self, request: &RunRequest, streams: &Streams<'_>, clock: &mut Clock) -> Result<Exit> {
        self.settle()?;
        // Until the record names the image, nobody may remove it.
        let hold = self.store.hold()?;
        let image = self.existing(&request.image)?;
        clock.stamp("image found");
        let admitted = admit::admit(image, Provenance::LoadedHere)?;
        let Settled { request, dangers } = self.settle_mounts(request, admitted.image())?;
        let request = &request;
        let mut berth = self.reserve(request, &admitted, &dangers)?;
        drop(hold);
        clock.stamp("name and ids reserved");
        let lived = match self.remember(&berth, request) {
            Ok(()) => self.live(&mut berth, admitted, request, Some(streams), clock, &Nobody),
            Err(error) => Err(error),
        };
        match lived {
            Ok(exit) => self.leave(berth, exit, request.afterwards)?,
            Err(_) => {
                berth::withdraw(request.cidfile.as_deref())?;
                self.give_back(berth)?;
            }
        }
        clock.stamp("cleaned up");
        lived
    }

    /// From a plan to the exit of the first process. Whatever happens, no process and no cgroup of the
    /// container is left afterwards.
    pub(crate) fn live(
        &self,
        berth: &mut Berth,
        admitted: Admitted,
        request: &RunRequest,
        streams: Option<&Streams<'_>>,
        clock: &mut Clock,
        starter: &dyn Starter,
    ) -> Result<Exit> {
        let place = self.place(&berth.record, admitted.image(), streams);
        self.fill_volumes(&berth.record, &place.layers)?;
        let spec = prepare::prepare(&admitted, request, place)?;
        clock.stamp("container planned");
        let mut watch = self.watch(berth, &admitted, request, streams)?;
        starter.door_is_open()?;
        let mut recorded = Ok(());
        let mut running = launch::launch(&spec, &self.hierarchy, clock, |pid| {
            recorded = self.records.started(&mut berth.record, pid);
        })?;
        drop(admitted);
        kernel::process::trim_memory();
        let exit = recorded.and_then(|()| starter.program_runs()).and_then(|()| {
            let record = &mut berth.record;
            watch.attend(&mut Container { running: &mut running, spec: &spec, record })
        });
        berth.record.complaint = watch.log.close();
        clock.stamp("program ended");
        directory::clear(running)?;
        exit
    }

    pub(crate) fn leave(&self, mut berth: Berth, exit: Exit, afterwards: Afterwards) -> Result<()> {
        match afterwards {
            Afterwards::Keep => self.records.ended(&mut berth.record, exit.code),
            Afterwards::Remove => self.give_back(berth),
        }
    }

    /// Everybody whom its monitor serves.
    fn watch<'a>(
        &self,
        berth: &Berth,
        admitted: &Admitted,
        request: &RunRequest,
        streams: Option<&'a Streams<'a>>,
    ) -> Result<Watch<'a>> {
        let record = &berth.record;
        let who = Identity {
            id: record.id.clone(),
            name: record.name.clone(),
            image: record.image_name.clone(),
            image_id: admitted.image().id.to_string(),
            labels: record.details.labels.iter().cloned().collect(),
            environment: Default::default(),
        };
        let driver = request.log.driver()?;
        // Nobody asks for the log of a container that is gone as soon as it has ended.
        let brief = streams.is_some() && request.afterwards == Afterwards::Remove;
        let opening = if brief { Opening::WhenNeeded } else { Opening::Now };
        Ok(Watch {
            streams,
            signals: monitor::take_signals()?,
            door: Door::open(&berth.home)?,
            log: Log::new(driver, berth.home.path().to_owned(), who, opening)?,
            dismissed: Dismissed::No,
        })
    }

    /// What the container can be started from again, unless it goes when it ends.
    fn remember(&self, berth: &Berth, request: &RunRequest) -> Result<()> {
        match request.afterwards {
            Afterwards::Keep => self.records.write_request(&berth.record.id, request),
            Afterwards::Remove => Ok(()),
        }
    }
}
