// SPDX-License-Identifier: Apache-2.0
//! `volume create`, `ls`, `rm`, `prune`.

use std::collections::BTreeMap;

use super::{ANONYMOUS, Volume, users_of};
use crate::Engine;
use crate::error::{Context, Error, Result};
use crate::filters::Filters;
use crate::weigh::weigh;

/// A volume to be made.
#[derive(Debug, Clone, Default)]
pub struct VolumeRequest {
    /// Its name; one is made up when absent.
    pub name: Option<String>,
    /// Labels.
    pub labels: Vec<(String, String)>,
}

/// Which unused volumes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// Those that were made for one container.
    Anonymous,
    /// All.
    Anyones,
}

/// What a pruning came to.
#[derive(Debug, Default)]
pub struct Pruned {
    /// Names of volumes that are gone.
    pub volumes: Vec<String>,
    /// Bytes of their files.
    pub bytes: u64,
}

impl Engine {
    /// Makes a volume; one of that name that is there already stays as it is, as with Docker.
    ///
    /// # Errors
    /// A name that no volume can have.
    pub fn create_volume(&self, request: &VolumeRequest) -> Result<Volume> {
        let mut labels: BTreeMap<String, String> = request.labels.iter().cloned().collect();
        let name = match &request.name {
            Some(name) => name.clone(),
            None => {
                labels.insert(ANONYMOUS.to_owned(), String::new());
                crate::name::new_id()?
            }
        };
        self.volumes.make(&name, labels, &self.records.turn()?)
    }

    /// The volumes that `filters` lets through, by name.
    ///
    /// # Errors
    /// A filter that there is not.
    pub fn volumes(&self, filters: &Filters) -> Result<Vec<Volume>> {
        filters.known(&["dangling", "driver", "label", "name"])?;
        let dangling = filters.switch("dangling")?;
        let records = self.records.all()?;
        let passes = |volume: &Volume| {
            dangling.is_none_or(|wanted| users_of(&records, &volume.name).is_empty() == wanted)
                && filters.any("driver", |value| value == DRIVER)
                && filters.any("name", |value| volume.name.contains(value))
                && filters.labels("label", &volume.labels)
        };
        Ok(self.volumes.all()?.into_iter().filter(passes).collect())
    }

    /// The volume called `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn volume(&self, name: &str) -> Result<Volume> {
        self.volumes.find(name)?.ok_or_else(|| Error::NoSuchVolume { name: name.to_owned() })
    }

    /// What `inspect` shows of a volume, with Docker's keys.
    pub fn inspect_volume(&self, name: &str) -> Result<serde_json::Value> {
        let volume = self.volume(name)?;
        Ok(serde_json::json!({
            "CreatedAt": oci::date::format(volume.created),
            "Driver": DRIVER,
            "Labels": volume.labels,
            "Mountpoint": volume.data,
            "Name": volume.name,
            "Options": null,
            "Scope": DRIVER,
        }))
    }

    /// Removes a volume with its files.
    ///
    /// # Errors
    /// There is none, or a container has it, be it running or not.
    pub fn remove_volume(&self, name: &str) -> Result<()> {
        let gone = {
            let turn = self.records.turn()?;
            self.volumes.remove_leftovers(&turn)?;
            self.volume(name)?;
            let users = users_of(&self.records.all()?, name);
            if !users.is_empty() {
                return Err(Error::VolumeInUse { name: name.to_owned(), users: users.join(", ") });
            }
            self.volumes.take_away(name, &turn)?
        };
        gone.iter().try_for_each(|name| self.volumes.remove_tree(name))
    }

    /// Removes volumes that no container has, and what killed commands left of others.
    pub fn prune_volumes(&self, whose: Whose, filters: &Filters) -> Result<Pruned> {
        filters.known(&["all", "label", "label!"])?;
        let everyones = filters.switch("all")?.unwrap_or(whose == Whose::Anyones);
        let (mut pruned, mut gone) = (Pruned::default(), Vec::new());
        {
            let turn = self.records.turn()?;
            self.volumes.remove_leftovers(&turn)?;
            let records = self.records.all()?;
            for volume in self.volumes.all()? {
                let chosen = (everyones || volume.labels.contains_key(ANONYMOUS))
                    && filters.labels("label", &volume.labels)
                    && filters.without_labels("label!", &volume.labels)
                    && users_of(&records, &volume.name).is_empty();
                if chosen {
                    pruned.bytes += weigh(&volume.data).told("count what the volume has")?;
                    gone.extend(self.volumes.take_away(&volume.name, &turn)?);
                    pruned.volumes.push(volume.name);
                }
            }
        }
        gone.iter().try_for_each(|name| self.volumes.remove_tree(name))?;
        Ok(pruned)
    }
}

/// The one there is; Docker's scope has the same name.
const DRIVER: &str = "local";
