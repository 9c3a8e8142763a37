// SPDX-License-Identifier: Apache-2.0
//! `save`: images from the store into an archive.

use std::io::Write;

use oci::Reference;
use store::Saved;

use crate::Engine;
use crate::error::Result;
use crate::told::Progress;

impl Engine {
    /// Writes the images called `names` into `out`. One that is called by a name has that name in the
    /// archive, one that is called by its id has none.
    pub fn save(
        &self,
        names: &[String],
        out: &mut dyn Write,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<()> {
        let images = names.iter().map(|name| self.saved(name)).collect::<Result<Vec<_>>>()?;
        self.store.save(&images, out, &mut |state| {
            progress(state.into());
        })?;
        Ok(())
    }

    fn saved(&self, name: &str) -> Result<Saved> {
        let image = self.existing(name)?;
        let names = self.store.names(&image)?;
        let asked = Reference::parse(name).ok().filter(|asked| names.contains(asked));
        let name = asked.filter(|asked| asked.digest().is_none());
        Ok(Saved { image, name })
    }
}
