// SPDX-License-Identifier: Apache-2.0
//! `push`: an image from the store to a registry, byte for byte what came here or was made here.

use ::registry::{Arrival, Cancel, Client, Target, pool};
use oci::Reference;
use oci::descriptor::Descriptor;

use crate::Engine;
use crate::error::{Error, Result};
use crate::registry::{Copied, Registries};
use crate::told::{Progress, Sent, Told};

impl Engine {
    /// Brings the image called `name` to the registry that its name says.
    pub fn push(
        &self,
        registries: &Registries,
        name: &str,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Copied> {
        let reference = Reference::parse(name)?;
        let Some(tag) = reference.tag().filter(|_| reference.digest().is_none()) else {
            return Err(Error::Invalid {
                what: format!("`{name}`"),
                reason: "a digest cannot be pushed to; name a tag".into(),
            });
        };
        let _hold = self.store.hold()?;
        let image = self.existing(name)?;
        let stored = self.store.manifest(&image)?;
        let client = registries.client(reference.host())?;
        let other = self.elsewhere(&image, &reference)?;
        let mut blobs = vec![stored.manifest.config.clone()];
        for layer in &stored.manifest.layers {
            if blobs.iter().all(|blob| blob.digest != layer.digest) {
                blobs.push(layer.clone());
            }
        }
        let watch = Told::new("pushing", progress);
        let arrivals = pool::each(&blobs, pool::USUAL_WIDTH, &[&client], |blob, cancel| {
            let arrival = self.push_blob(&client, &reference, other.as_deref(), blob, cancel, &watch)?;
            match arrival {
                Arrival::WasThere => watch.spared(blob, "already there"),
                Arrival::Mounted => watch.spared(blob, "there in another repository"),
                Arrival::Sent => {}
            }
            Ok::<_, Error>(arrival)
        })?;
        let target = Target::Tag(tag.to_owned());
        let media_type = &stored.descriptor.media_type;
        let accepted = client.push_manifest(reference.path(), &target, media_type, &stored.bytes)?;
        let count = |wanted| arrivals.iter().filter(|arrival| **arrival == wanted).count();
        Ok(Copied {
            name: reference.familiar(),
            digest: accepted.descriptor.digest.to_string(),
            present: count(Arrival::WasThere),
            mounted: count(Arrival::Mounted),
            sent: count(Arrival::Sent),
        })
    }

    fn push_blob(
        &self,
        client: &Client,
        reference: &Reference,
        other: Option<&str>,
        blob: &Descriptor,
        cancel: &Cancel,
        told: &Told<'_>,
    ) -> Result<Arrival> {
        let open = || match self.store.open_blob(&blob.digest) {
            Ok(Some(file)) => Ok(Box::new(Sent::new(file, blob, told)) as Box<dyn std::io::Read + Send>),
            Ok(None) => Err(std::io::ErrorKind::NotFound.into()),
            Err(error) => Err(std::io::Error::other(error.to_string())),
        };
        Ok(client.push_blob(reference.path(), blob, other, &open, cancel)?)
    }

    /// Another repository of the same registry that may have the image's content.
    fn elsewhere(&self, image: &store::Image, reference: &Reference) -> Result<Option<String>> {
        let names = self.store.names(image)?;
        let others =
            names.iter().filter(|other| other.host() == reference.host() && other.path() != reference.path());
        Ok(others.map(|other| other.path().to_owned()).next())
    }
}
