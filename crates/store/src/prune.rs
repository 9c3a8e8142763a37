// SPDX-License-Identifier: Apache-2.0
//! Removing many images at once.

use crate::error::Result;
use crate::images::{Removed, familiar};
use crate::staging::Staging;
use crate::{Store, Summary};

/// What went.
#[derive(Debug, Clone, Default)]
pub struct Pruned {
    /// Names, images and layers.
    pub removed: Vec<Removed>,
    /// Bytes of their layers' files, and of the content they came in.
    pub bytes: u64,
}

impl Store {
    /// Removes the images that `goes` says, with all their names, then the layers and the content that
    /// no image has any longer. Waits until nobody holds the store ([`Store::hold`]), so that what somebody
    /// is about to use is either named by the time `goes` is asked, or looked up after this.
    pub fn prune(&self, goes: &mut dyn FnMut(&Summary) -> bool) -> Result<Pruned> {
        let _alone = self.hold_alone()?;
        let leaving: Vec<Summary> = self.list()?.into_iter().filter(|summary| goes(summary)).collect();
        if leaving.is_empty() {
            return Ok(Pruned::default());
        }
        let database = self.database()?;
        let mut staging = Staging::make(&self.root)?;
        staging.begin_publishing();
        let mut pruned = Pruned::default();
        for Summary { image, names } in leaving {
            let id = image.id.to_string();
            database.remove(&id)?;
            pruned.removed.extend(names.iter().map(|name| Removed::Untagged(familiar(&name.to_string()))));
            pruned.removed.push(Removed::Deleted(id));
        }
        let layers = self.remove_unused_layers(&staging)?;
        pruned.bytes = layers.bytes + self.remove_unused_blobs()?;
        pruned.removed.extend(layers.removed);
        staging.finish();
        Ok(pruned)
    }
}
