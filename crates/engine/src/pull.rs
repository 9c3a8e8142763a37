// SPDX-License-Identifier: Apache-2.0
//! `pull`: an image from a registry into the store. The registry's client knows the wire, the store what
//! is here; this is where they meet.

use ::registry::{Cancel, Platform, PullPlan, Start, failure, pool};
use oci::descriptor::Descriptor;
use oci::{Digest, ImageConfig, Reference};
use store::{Intake, Wanted};

use crate::Engine;
use crate::error::{Context, Error, Result};
use crate::registry::Registries;
use crate::told::{Progress, Told};

/// What a pull did.
#[derive(Debug, Clone)]
pub struct Pulled {
    /// The name that the image has now.
    pub name: String,
    /// Of what the name stood for at the registry: an index or the manifest.
    pub digest: String,
    /// The image's id.
    pub id: String,
    /// Whether the name stood for this very image before.
    pub news: News,
    /// Layers that were here.
    pub present: usize,
    /// Layers that came.
    pub fetched: usize,
}

/// Whether a pull changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// The name stands for another image now, or for one at all.
    Newer,
    /// It stood for this one.
    UpToDate,
}

/// A layer's content and the diff-id it must have.
type Layer = (Descriptor, Digest);

impl Engine {
    /// Brings the image `name` here, in the form that is for `platform` (this machine when there is
    /// none). Either all of it is here afterwards, or nothing can be seen; what came of layers when it
    /// was cut off is used by the next attempt.
    pub fn pull(
        &self,
        registries: &Registries,
        name: &str,
        platform: Option<&str>,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Pulled> {
        let reference = Reference::parse(name)?;
        let platform = platform.map_or_else(|| Ok(Platform::here()), Platform::parse)?;
        let client = registries.client(reference.host())?;
        let hold = self.store.hold()?;
        // What cannot be read from the store is fetched.
        let shelf = |wanted: &Descriptor| self.store.document(wanted).ok().flatten();
        let plan = client.plan(&reference, &platform, &shelf)?;
        let layers = layers(&plan)?;
        let digest = plan.named.descriptor.digest.to_string();
        // Most pulls find nothing new; those read what is here and write nothing.
        if let Some(image) = self.store.whole(&reference, &plan.manifest.bytes, &plan.image)? {
            return Ok(Pulled {
                name: reference.familiar(),
                digest,
                id: image.id.to_string(),
                news: News::UpToDate,
                present: layers.len(),
                fetched: 0,
            });
        }
        let intake = self.store.intake()?;
        drop(hold);
        let watch = Told::new("pulling", progress);
        let width = pool::USUAL_WIDTH;
        let fetched = pool::each(&layers, width, &[&client], |layer, cancel| {
            fetch(&intake, &plan, layer, cancel, &watch)
        })?;
        let before = self.store.image(&reference.to_string())?.map(|image| image.id);
        let id = intake.image(&plan.manifest.bytes, &plan.config, std::slice::from_ref(&reference))?;
        intake.finish()?;
        let came = fetched.iter().filter(|came| **came == Came::Fetched).count();
        Ok(Pulled {
            name: reference.familiar(),
            digest,
            news: if before.as_ref() == Some(&id) { News::UpToDate } else { News::Newer },
            id: id.to_string(),
            present: fetched.len() - came,
            fetched: came,
        })
    }
}

/// The name that a registry would be asked for, in full, when `name` is not here. Nothing for an id, which is
/// content that is here or nowhere (Docker refuses 64 digits as a name for that reason).
pub fn name_elsewhere(name: &str) -> Option<String> {
    let digits = name.strip_prefix("sha256:");
    let hex = digits.unwrap_or(name).bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_id = hex && (digits.is_some() || name.len() == 64);
    Reference::parse(name).ok().filter(|_| !is_id).map(|reference| reference.familiar())
}

/// The layers, each once: an image may have the same one twice.
fn layers(plan: &PullPlan) -> Result<Vec<Layer>> {
    let config = ImageConfig::parse(&plan.config)?;
    let (listed, configured) = (plan.layers().len(), config.rootfs.diff_ids.len());
    if listed != configured {
        return Err(Error::Invalid {
            what: "the image is refused".into(),
            reason: format!("its configuration names {configured} layers and its manifest {listed}"),
        });
    }
    let mut layers: Vec<Layer> = Vec::with_capacity(listed);
    for (layer, diff_id) in plan.layers().iter().zip(config.rootfs.diff_ids) {
        if !layers.iter().any(|(known, other)| known.digest == layer.digest && *other == diff_id) {
            layers.push((layer.clone(), diff_id));
        }
    }
    Ok(layers)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    Here,
    Fetched,
}

fn fetch(
    intake: &Intake<'_>,
    plan: &PullPlan,
    (layer, diff_id): &Layer,
    cancel: &Cancel,
    watch: &Told<'_>,
) -> Result<Came> {
    let partial = match intake.want(layer, diff_id)? {
        Wanted::Nothing => {
            watch.spared(layer, "already here");
            return Ok(Came::Here);
        }
        Wanted::Rest(partial) => partial,
    };
    let start = match partial.have() {
        0 => Start::Beginning,
        _ => Start::behind(&layer.digest, partial.kept()).told("read what is kept of a layer")?,
    };
    let rest = plan.open(layer, start, cancel).watched(watch);
    intake.layer(partial, diff_id, rest).map_err(|error| match error {
        // The client's own words say more than that bytes are missing.
        store::Error::Transfer { what, source, .. } => Error::from(failure(source, &what)),
        other => other.into(),
    })?;
    Ok(Came::Fetched)
}

#[cfg(test)]
mod tests {
    use super::name_elsewhere;

    #[test]
    fn ids_are_no_names() {
        let id = "ab".repeat(32);
        for name in [&id, &format!("sha256:{id}"), "sha256:ab", "", "No"] {
            assert_eq!(name_elsewhere(name), None, "{name}");
        }
        for (name, want) in [
            ("abcdef", "abcdef:latest"),
            ("host:5000/sha256:ab", "host:5000/sha256:ab"),
            ("sha256:x", "sha256:x"),
        ] {
            assert_eq!(name_elsewhere(name).as_deref(), Some(want));
        }
    }
}
