// SPDX-License-Identifier: Apache-2.0
//! From registry to registry: nothing is unpacked, every byte is verified, every digest stays.
//!
//! Manifests go last and the named one at the very end, so that a copy that breaks leaves no name that
//! leads nowhere.

use std::io;

use oci::Reference;
use oci::descriptor::Descriptor;
use oci::manifest::Document;

use crate::blob::{Start, Watch};
use crate::cancel::Cancel;
use crate::client::{Client, Target};
use crate::document::Fetched;
use crate::error::{Error, Result};
use crate::lists::{Referrer, referrers_tag};
use crate::platform::Platform;
use crate::pool;
use crate::upload::{Accepted, Arrival, Listed};

/// What of an index is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// All of it, so that the digest stays the same.
    All,
    /// The image for one kind of machine.
    One(Platform),
}

/// What a copy did.
#[derive(Debug, Clone)]
pub struct Copied {
    /// What the target's name now stands for.
    pub descriptor: Descriptor,
    /// Blobs that were there.
    pub present: usize,
    /// Blobs that the registry had in the other repository.
    pub mounted: usize,
    /// Blobs that were sent.
    pub sent: usize,
}

/// A copy that is to be made.
pub struct Copy<'a> {
    /// From where.
    pub from: &'a Client,
    /// Which image.
    pub source: &'a Reference,
    /// To where.
    pub to: &'a Client,
    /// Under which name.
    pub target: &'a Reference,
    /// What of an index.
    pub which: Which,
    /// How many blobs at a time.
    pub width: usize,
    /// Who is told how far it is.
    pub watch: &'a dyn Watch,
}

impl std::fmt::Debug for Copy<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Copy({} -> {})", self.source, self.target)
    }
}

impl Copy<'_> {
    /// Makes it.
    ///
    /// # Errors
    /// Those of both registries; a target's digest that is another than the source's.
    pub fn make(&self) -> Result<Copied> {
        let named = self.from.manifest(self.source.path(), &Target::of(self.source))?;
        let named = match &self.which {
            Which::All => named,
            Which::One(platform) => {
                self.from.for_platform(self.source.path(), &named, platform, &self.source.familiar())?
            }
        };
        let mut manifests = Vec::new();
        self.collect(named, 0, &mut manifests)?;
        let blobs = blobs(&manifests);
        let arrivals =
            pool::each(&blobs, self.width, &[self.from, self.to], |blob, cancel| self.blob(blob, cancel))?;
        // The named one is the first of the list, and what it names comes behind it.
        let mut last = None;
        for (at, manifest) in manifests.iter().enumerate().rev() {
            last = Some(self.manifest(manifest, at == 0)?);
        }
        let count = |which| arrivals.iter().filter(|arrival| **arrival == which).count();
        let descriptor = last.map_or_else(|| manifests[0].descriptor.clone(), |accepted| accepted.descriptor);
        Ok(Copied {
            descriptor,
            present: count(Arrival::WasThere),
            mounted: count(Arrival::Mounted),
            sent: count(Arrival::Sent),
        })
    }

    /// `found` and all that it lists, each before what it lists.
    fn collect(&self, found: Fetched, depth: usize, manifests: &mut Vec<Fetched>) -> Result<()> {
        if depth > DEEPEST || manifests.len() >= MOST {
            let name = self.source.familiar();
            return Err(Error::refused(format!(
                "{name}: more than {MOST} manifests, or indexes nested deeper than {DEEPEST}"
            )));
        }
        let listed = match &found.document {
            Document::Manifest(_) => Vec::new(),
            Document::Index(index) => index.manifests.clone(),
        };
        manifests.push(found);
        for entry in &listed {
            if !manifests.iter().any(|known| known.descriptor.digest == entry.digest) {
                self.collect(self.from.described(self.source.path(), entry)?, depth + 1, manifests)?;
            }
        }
        Ok(())
    }

    fn blob(&self, blob: &Descriptor, cancel: &Cancel) -> Result<Arrival> {
        cancel.check()?;
        let from = self.source.path();
        let source = || -> io::Result<Box<dyn io::Read + Send>> {
            let reader = self.from.blob(from, blob, Start::Beginning);
            Ok(Box::new(reader.stopped_by(cancel).watched(self.watch)))
        };
        let beside = (self.from.is_of_the_same(self.to) && from != self.target.path()).then_some(from);
        let arrival = self.to.push_blob(self.target.path(), blob, beside, &source, cancel)?;
        self.watch.came(blob, blob.size);
        Ok(arrival)
    }

    fn manifest(&self, manifest: &Fetched, is_named: bool) -> Result<Accepted> {
        let target = if is_named {
            Target::of(self.target)
        } else {
            Target::Digest(manifest.descriptor.digest.clone())
        };
        let repository = self.target.path();
        let accepted =
            self.to.push_manifest(repository, &target, &manifest.descriptor.media_type, &manifest.bytes)?;
        self.to.list_referrer(repository, manifest, &accepted)?;
        Ok(accepted)
    }
}

impl Client {
    /// Puts a manifest into the index of its subject's referrers, where the registry does not do so
    /// itself (distribution specification, "Pushing Manifests with Subject").
    pub(crate) fn list_referrer(
        &self,
        repository: &str,
        manifest: &Fetched,
        accepted: &Accepted,
    ) -> Result<()> {
        let subject = match &manifest.document {
            Document::Manifest(document) => document.subject.as_ref(),
            Document::Index(index) => index.subject.as_ref(),
        };
        let Some(subject) = subject.filter(|_| accepted.listed == Listed::No) else { return Ok(()) };
        let mut listed = self.referrers_by_tag(repository, &subject.digest)?;
        if listed.iter().any(|known| known.descriptor.digest == accepted.descriptor.digest) {
            return Ok(());
        }
        let told: Told = oci::json::read("manifest", &manifest.bytes)?;
        let artifact_type = told
            .artifact_type
            .or_else(|| manifest.manifest().map(|manifest| manifest.config.media_type.clone()));
        let mut descriptor = accepted.descriptor.clone();
        descriptor.annotations = told.annotations;
        listed.push(Referrer { descriptor, artifact_type });
        let entries: Vec<serde_json::Value> = listed.iter().map(entry).collect();
        let index = serde_json::json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries });
        self.push_manifest(
            repository,
            &referrers_tag(&subject.digest),
            OCI_INDEX,
            index.to_string().as_bytes(),
        )
        .map(|_| ())
    }
}

fn entry(referrer: &Referrer) -> serde_json::Value {
    let Descriptor { media_type, digest, size, annotations, .. } = &referrer.descriptor;
    let mut entry = serde_json::json!({ "mediaType": media_type, "digest": digest, "size": size });
    if let Some(kind) = &referrer.artifact_type {
        entry["artifactType"] = kind.as_str().into();
    }
    if !annotations.is_empty() {
        entry["annotations"] = serde_json::json!(annotations);
    }
    entry
}

/// The configurations and layers of all images, each once, the largest first: the longest way begins
/// first.
fn blobs(manifests: &[Fetched]) -> Vec<Descriptor> {
    let mut blobs: Vec<Descriptor> = Vec::new();
    let images = manifests.iter().filter_map(Fetched::manifest);
    for blob in images.flat_map(|image| std::iter::once(&image.config).chain(&image.layers)) {
        if !blobs.iter().any(|known| known.digest == blob.digest) {
            blobs.push(blob.clone());
        }
    }
    blobs.sort_by_key(|blob| std::cmp::Reverse(blob.size));
    blobs
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: std::collections::BTreeMap<String, String>,
}

const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DEEPEST: usize = 4;
const MOST: usize = 1000;
