// SPDX-License-Identifier: Apache-2.0
//! `system df`: what images and containers take of the disk, and what would come free.
//!
//! | kind | counted | comes free |
//! |---|---|---|
//! | images | files of layers, each layer once | layers that no image of a container has |
//! | content | blobs as they arrived, each once | blobs that no image of a container has |
//! | containers | files they wrote | of those that do not run |
//! | volumes | there are none yet | |
//!
//! Docker counts as free the layers of used images that other images have as well; they do not come
//! free, so they are not counted here: what is free of images and content is what
//! [`Engine::prune_images`] then says it reclaimed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use oci::Digest;
use store::{ImageUsage, Usage};

use crate::Engine;
use crate::error::Result;
use crate::images::when;
use crate::records::{Record, State};

/// What the disk holds.
#[derive(Debug, Clone)]
pub struct DiskUse {
    /// Layers' files.
    pub images: Share,
    /// Blobs.
    pub content: Share,
    /// What containers wrote.
    pub containers: Share,
    /// Volumes.
    pub volumes: Share,
    /// One by one.
    pub each_image: Vec<ImageUse>,
    /// One by one.
    pub each_container: Vec<ContainerUse>,
}

/// One kind of things.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// How many there are.
    pub total: usize,
    /// How many are in use.
    pub active: usize,
    /// Bytes.
    pub size: u64,
    /// Bytes that would come free if what is not in use went.
    pub reclaimable: u64,
}

/// One image, under its first name.
#[derive(Debug, Clone)]
pub struct ImageUse {
    /// Absent when the image has no name.
    pub repository: Option<String>,
    /// Absent when the image has no name.
    pub tag: Option<String>,
    /// The digest of its configuration.
    pub id: String,
    /// When it was made, or came here.
    pub created: Option<SystemTime>,
    /// Bytes of its layers' files.
    pub size: u64,
    /// Bytes of those that another image has, too.
    pub shared: u64,
    /// Bytes of the content it came in.
    pub content: u64,
    /// How many containers were made from it.
    pub containers: usize,
}

/// One container.
#[derive(Debug, Clone)]
pub struct ContainerUse {
    /// All that is recorded of it.
    pub record: Record,
    /// Bytes that it wrote, or why they cannot be counted.
    pub size: Result<u64, String>,
}

impl Engine {
    /// Measures.
    pub fn disk_use(&self) -> Result<DiskUse> {
        let usage = self.store.usage()?;
        let each_container: Vec<ContainerUse> =
            self.records.all()?.into_iter().map(|record| self.measured(record)).collect();
        let users = |image: &ImageUsage| {
            let id = image.summary.image.id.to_string();
            each_container.iter().filter(|container| container.record.image == id).count()
        };
        let (used, _): (Vec<&ImageUsage>, Vec<_>) = usage.images.iter().partition(|image| users(image) > 0);
        let in_use = |digests: fn(&ImageUsage) -> &[Digest]| -> BTreeSet<&Digest> {
            used.iter().flat_map(|image| digests(image)).collect()
        };
        let layers = share(&usage.layers, &in_use(|image| &image.summary.image.layers));
        Ok(DiskUse {
            images: Share { total: usage.images.len(), active: used.len(), ..layers },
            content: share(&usage.content, &in_use(|image| &image.content)),
            containers: containers(&each_container),
            volumes: Share::default(),
            each_image: usage.images.iter().map(|image| one(image, &usage, users(image))).collect(),
            each_container,
        })
    }

    fn measured(&self, record: Record) -> ContainerUse {
        let size = self.written(&record).map_err(|error| error.to_string());
        ContainerUse { record, size }
    }
}

fn share(sizes: &BTreeMap<Digest, u64>, used: &BTreeSet<&Digest>) -> Share {
    let free = sizes.iter().filter(|(digest, _)| !used.contains(digest));
    Share {
        total: sizes.len(),
        active: used.len(),
        size: sizes.values().sum(),
        reclaimable: free.map(|(_, size)| size).sum(),
    }
}

fn containers(all: &[ContainerUse]) -> Share {
    let mut share = Share { total: all.len(), ..Share::default() };
    for container in all {
        let size = container.size.as_ref().copied().unwrap_or(0);
        share.size += size;
        match container.record.state {
            State::Created | State::Exited => share.reclaimable += size,
            _ => share.active += 1,
        }
    }
    share
}

fn one(ImageUsage { summary, content }: &ImageUsage, usage: &Usage, containers: usize) -> ImageUse {
    let image = &summary.image;
    let size = |digest: &Digest, sizes: &BTreeMap<Digest, u64>| sizes.get(digest).copied().unwrap_or(0);
    let owners = |layer: &&Digest| {
        usage.images.iter().filter(|other| other.summary.image.layers.contains(layer)).count()
    };
    let name = summary.names.first();
    ImageUse {
        repository: name.map(oci::Reference::familiar_name),
        tag: name.and_then(|name| name.tag().map(str::to_owned)),
        id: image.id.to_string(),
        created: image.created.map_or_else(|| when(image.added), when),
        size: image.layers.iter().map(|layer| size(layer, &usage.layers)).sum(),
        shared: image
            .layers
            .iter()
            .filter(|layer| owners(layer) > 1)
            .map(|layer| size(layer, &usage.layers))
            .sum(),
        content: content.iter().map(|digest| size(digest, &usage.content)).sum(),
        containers,
    }
}
