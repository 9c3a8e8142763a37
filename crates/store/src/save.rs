// SPDX-License-Identifier: Apache-2.0
//! Images into an archive that every tool reads: an OCI layout (image-layout.md) that has a
//! `manifest.json` besides, as Docker 25 and later write it.
//!
//! ```text
//! blobs/sha256/HEX    manifests, configurations, layers: as they arrived
//! index.json          which manifests, under which names
//! manifest.json       the same for tools that know docker-archives only
//! oci-layout
//! ```
//!
//! The same images under the same names give the same bytes: members are sorted, and times are zero.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};

use oci::{Descriptor, Digest, Reference};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::tar::write::{Kind, block, padding};
use crate::{Image, OnProgress, Progress, Store, StoredManifest};

/// An image and the name it is to have in an archive.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The image.
    pub image: Image,
    /// Its name there; without one it is found by its digest only.
    pub name: Option<Reference>,
}

impl Store {
    /// Writes `images` into `out`, as a tar archive.
    ///
    /// # Errors
    /// An image came in before content was kept; the store is damaged; `out` takes no more.
    pub fn save(&self, images: &[Saved], out: &mut dyn Write, progress: OnProgress<'_>) -> Result<()> {
        let _hold = self.hold()?;
        let manifests = images.iter().map(|saved| self.manifest(&saved.image));
        let manifests = manifests.collect::<Result<Vec<_>>>()?;
        let mut archive = Archive { out, progress };
        let blobs = blobs(&manifests);
        let algorithms: BTreeSet<_> = blobs.keys().map(|digest| digest.algorithm().name()).collect();
        archive.head("blobs/", Kind::Directory, 0)?;
        for algorithm in algorithms {
            archive.head(&format!("blobs/{algorithm}/"), Kind::Directory, 0)?;
        }
        for (digest, size) in &blobs {
            let missing = || Error::invalid(format!("the content {digest} is missing from the store"));
            let content = self.open_blob(digest)?.ok_or_else(missing)?;
            archive.content(digest, *size, content)?;
        }
        archive.document("index.json", &index(images, &manifests))?;
        archive.document("manifest.json", &list(images, &manifests))?;
        archive.document("oci-layout", &json!({ "imageLayoutVersion": "1.0.0" }))?;
        archive.write(&[0; END])
    }
}

/// All content of the images, each once, with its length.
fn blobs(manifests: &[StoredManifest]) -> BTreeMap<Digest, u64> {
    let named = manifests.iter().flat_map(|stored| {
        let inner = [&stored.manifest.config].into_iter().chain(&stored.manifest.layers);
        [&stored.descriptor].into_iter().chain(inner)
    });
    named.map(|descriptor| (descriptor.digest.clone(), descriptor.size)).collect()
}

fn index(images: &[Saved], manifests: &[StoredManifest]) -> Value {
    let entries: Vec<Value> = images
        .iter()
        .zip(manifests)
        .map(|(saved, stored)| {
            let Descriptor { media_type, digest, size, .. } = &stored.descriptor;
            let mut entry = json!({ "mediaType": media_type, "digest": digest.to_string(), "size": size });
            if let Some(name) = &saved.name {
                entry["annotations"] = json!({
                    "io.containerd.image.name": name.to_string(),
                    "org.opencontainers.image.ref.name": name.tag().unwrap_or_default(),
                });
            }
            entry
        })
        .collect();
    json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": entries })
}

/// One entry for each image, as docker-archives have it, with all its names.
fn list(images: &[Saved], manifests: &[StoredManifest]) -> Value {
    let mut entries: Vec<(Digest, Value)> = Vec::new();
    for (saved, stored) in images.iter().zip(manifests) {
        let id = &saved.image.id;
        let at = match entries.iter().position(|(known, _)| known == id) {
            Some(at) => at,
            None => {
                let layers: Vec<String> =
                    stored.manifest.layers.iter().map(|layer| path(&layer.digest)).collect();
                let config = path(&stored.manifest.config.digest);
                entries.push((id.clone(), json!({ "Config": config, "RepoTags": [], "Layers": layers })));
                entries.len() - 1
            }
        };
        if let (Some(name), Some(tags)) = (&saved.name, entries[at].1["RepoTags"].as_array_mut()) {
            tags.push(Value::from(name.familiar()));
        }
    }
    Value::Array(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn path(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

struct Archive<'a> {
    out: &'a mut dyn Write,
    progress: OnProgress<'a>,
}

impl Archive<'_> {
    fn head(&mut self, path: &str, kind: Kind, size: u64) -> Result<()> {
        self.write(&block(path, kind, size))
    }

    fn content(&mut self, digest: &Digest, size: u64, content: impl Read) -> Result<()> {
        self.head(&path(digest), Kind::File, size)?;
        let mut content = content.take(size);
        let mut buffer = vec![0; BUFFER];
        let (mut left, id) = (size, digest.to_string());
        while left > 0 {
            let count = match content.read(&mut buffer) {
                Ok(0) => return Err(Error::invalid(format!("the content {digest} is shorter than it was"))),
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::invalid(format!("the content {digest}: {error}"))),
            };
            self.write(&buffer[..count])?;
            left -= count as u64;
            (self.progress)(Progress { step: "saving", id: Some(&id), done: size - left, total: Some(size) });
        }
        self.write(padding(size))
    }

    fn document(&mut self, path: &str, document: &Value) -> Result<()> {
        let text = document.to_string();
        let size = text.len() as u64;
        self.head(path, Kind::File, size)?;
        self.write(text.as_bytes())?;
        self.write(padding(size))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.out
            .write_all(bytes)
            .map_err(|error| Error::invalid(format!("the archive cannot be written: {error}")))
    }
}

const BUFFER: usize = 256 << 10;
/// Two empty blocks.
const END: usize = 1024;
