// SPDX-License-Identifier: Apache-2.0
//! Finding, listing, naming and removing images.

use std::collections::{BTreeSet, HashSet};

use oci::{Digest, ImageConfig, Reference, date};

use crate::Store;
use crate::database::{Database, Row};
use crate::error::{Error, Result};
use crate::layers::layer_name;
use crate::prune::Pruned;
use crate::staging::Staging;

/// An image that is here, whole.
#[derive(Debug, Clone)]
pub struct Image {
    /// The digest of its configuration.
    pub id: Digest,
    /// The digest of its manifest; nothing for an image that an earlier version took in without one.
    pub manifest: Option<Digest>,
    /// The configuration.
    pub config: ImageConfig,
    /// Its layers, the lowest first.
    pub layers: Vec<Digest>,
    /// Bytes of its files.
    pub size: u64,
    /// When it was made, if it says, in seconds since 1970.
    pub created: Option<i64>,
    /// When it came here, in seconds since 1970.
    pub added: i64,
}

/// An image with its names.
#[derive(Debug, Clone)]
pub struct Summary {
    /// The image.
    pub image: Image,
    /// Its names, familiar.
    pub names: Vec<Reference>,
}

/// What a removal did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A name is gone, the image stays.
    Untagged(String),
    /// The image, or one of its layers, is gone.
    Deleted(String),
}

/// One step of how an image came to be.
#[derive(Debug, Clone)]
pub struct HistoryStep {
    /// Seconds since 1970.
    pub created: Option<i64>,
    /// The instruction.
    pub created_by: String,
    /// Bytes of its layer, zero when it has none.
    pub size: u64,
    /// A remark.
    pub comment: String,
}

impl Store {
    /// The image called `name`: a reference, an id, or the beginning of an id. Nothing when it is not
    /// here.
    pub fn image(&self, name: &str) -> Result<Option<Image>> {
        let database = self.database()?;
        if let Ok(reference) = Reference::parse(name)
            && let Some(row) = database.named(&reference.to_string())?
        {
            return image(row).map(Some);
        }
        if let Ok(reference) = Reference::parse(name)
            && let Some(digest) = reference.digest()
        {
            return by_manifest(&database, &reference, digest);
        }
        let digits = name.strip_prefix("sha256:").unwrap_or(name);
        if digits.is_empty() || digits.len() > 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            // Not an id; whether it is a name at all is told by the one who asked for it.
            Reference::parse(name)?;
            return Ok(None);
        }
        let mut rows = database.with_prefix(digits)?;
        match rows.len() {
            0 => Ok(None),
            1 => rows.pop().map(image).transpose(),
            _ => Err(Error::Ambiguous { name: name.to_owned() }),
        }
    }

    /// The image called `name`, or an error that says it is not here.
    pub fn existing(&self, name: &str) -> Result<Image> {
        self.image(name)?.ok_or_else(|| Error::NoSuchImage { name: name.to_owned() })
    }

    /// All images, the newest first.
    pub fn list(&self) -> Result<Vec<Summary>> {
        let database = self.database()?;
        let summary = |row: Row| {
            let names = database
                .names(&row.id)?
                .iter()
                .map(|name| Reference::parse(name))
                .collect::<Result<_, _>>()?;
            Ok(Summary { image: image(row)?, names })
        };
        database.all()?.into_iter().map(summary).collect()
    }

    /// The names of an image.
    pub fn names(&self, image: &Image) -> Result<Vec<Reference>> {
        let names = self.database()?.names(&image.id.to_string())?;
        Ok(names.iter().map(|name| Reference::parse(name)).collect::<Result<_, _>>()?)
    }

    /// Gives the image called `source` one more name.
    pub fn tag(&self, source: &str, target: &str) -> Result<()> {
        let _hold = self.hold()?;
        let image = self.existing(source)?;
        let target = tagged(target)?;
        self.database()?.add(&[], &[(target.to_string(), image.id.to_string())])
    }

    /// Removes the name, or the image when it was its last name or is called by its id. `used` names
    /// the containers that use an image; with `force` an image with several names goes as well.
    pub fn remove(
        &self,
        name: &str,
        force: bool,
        used: &mut dyn FnMut(&Image) -> Vec<String>,
    ) -> Result<Vec<Removed>> {
        let _alone = self.hold_alone()?;
        let database = self.database()?;
        let image = self.existing(name)?;
        let id = image.id.to_string();
        let names = database.names(&id)?;
        let by_name = Reference::parse(name)
            .ok()
            .map(|reference| reference.to_string())
            .filter(|name| names.contains(name));
        if let Some(reference) = &by_name
            && names.len() > 1
        {
            database.untag(reference)?;
            return Ok(vec![Removed::Untagged(familiar(reference))]);
        }
        if by_name.is_none() && names.len() > 1 && !force {
            return Err(Error::InUse {
                name: name.to_owned(),
                why: format!("it has {} names; remove them one by one, or force it", names.len()),
            });
        }
        let users = used(&image);
        if !users.is_empty() {
            return Err(Error::InUse {
                name: name.to_owned(),
                why: format!("container {} was made from it", users.join(", ")),
            });
        }
        let mut staging = Staging::make(&self.root)?;
        staging.begin_publishing();
        database.remove(&id)?;
        let mut removed: Vec<_> = names.iter().map(|name| Removed::Untagged(familiar(name))).collect();
        removed.push(Removed::Deleted(id));
        removed.extend(self.remove_unused_layers(&staging)?.removed);
        self.remove_unused_blobs()?;
        staging.finish();
        Ok(removed)
    }

    /// Removes the layers that no image has. The caller holds the store alone.
    pub(crate) fn remove_unused_layers(&self, staging: &Staging) -> Result<Pruned> {
        let mut used = HashSet::new();
        for row in self.database()?.all()? {
            used.extend(image(row)?.layers.iter().map(layer_name));
        }
        let parent = self.root.join("layers");
        let failed = |error| Error::io("list the layers", &parent, error);
        let mut gone = Pruned::default();
        for entry in std::fs::read_dir(&parent).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(text) = name.to_str().filter(|name| !used.contains(*name)) else { continue };
            let digest = text.replacen('-', ":", 1);
            // A layer that nobody has the figures of is no less in the way.
            let bytes = Digest::parse(&digest).ok().and_then(|layer| self.layer_size(&layer).ok());
            // Out of sight at once; the files go with the staging directory.
            std::fs::rename(parent.join(&name), staging.path().join(&name))
                .map_err(|error| Error::io("remove a layer", &parent.join(&name), error))?;
            gone.bytes += bytes.unwrap_or(0);
            gone.removed.push(Removed::Deleted(digest));
        }
        Ok(gone)
    }

    /// How the image came to be, the newest step first.
    pub fn history(&self, image: &Image) -> Result<Vec<HistoryStep>> {
        let mut layers = image.layers.iter();
        let mut steps = Vec::new();
        for step in &image.config.history {
            let size = match step.empty_layer {
                true => 0,
                false => layers.next().map(|layer| self.layer_size(layer)).transpose()?.unwrap_or(0),
            };
            steps.push(HistoryStep {
                created: step.created.as_deref().map(date::parse).transpose()?,
                created_by: step.created_by.clone(),
                size,
                comment: step.comment.clone(),
            });
        }
        // Layers that the history does not mention.
        for layer in layers {
            let size = self.layer_size(layer)?;
            steps.push(HistoryStep {
                created: None,
                created_by: String::new(),
                size,
                comment: String::new(),
            });
        }
        steps.reverse();
        Ok(steps)
    }

    /// The image in the form of `docker image inspect`.
    pub fn inspect(&self, image: &Image) -> Result<serde_json::Value> {
        let references = self.names(image)?;
        let names: Vec<String> = references.iter().map(Reference::familiar).collect();
        let digests: BTreeSet<String> = match &image.manifest {
            Some(digest) => {
                references.iter().map(|name| format!("{}@{digest}", name.familiar_name())).collect()
            }
            None => BTreeSet::new(),
        };
        Ok(serde_json::json!({
            "Id": image.id.to_string(),
            "RepoTags": names,
            "RepoDigests": digests,
            "Created": image.config.created,
            "Author": image.config.author,
            "Comment": image.config.history.last().map_or("", |step| step.comment.as_str()),
            "DockerVersion": "",
            "Parent": "",
            "Config": shown(&image.config.config)?,
            "Architecture": image.config.architecture,
            "Os": image.config.os,
            "Size": image.size,
            "VirtualSize": image.size,
            "RootFS": { "Type": "layers", "Layers": image.layers.iter().map(Digest::to_string).collect::<Vec<_>>() },
        }))
    }

    pub(crate) fn layer_size(&self, layer: &Digest) -> Result<u64> {
        Ok(self.layer(layer)?.map_or(0, |layer| layer.summary.bytes))
    }

    pub(crate) fn database(&self) -> Result<Database> {
        Database::open(&self.root)
    }
}

/// The configuration with all keys that Docker shows, also those that it says nothing of: templates ask
/// for them.
fn shown(config: &oci::config::Process) -> Result<serde_json::Value> {
    let mut shown = serde_json::json!({
        "User": "", "Env": null, "Cmd": null, "Entrypoint": null, "WorkingDir": "", "Labels": null,
        "Volumes": null, "OnBuild": null,
    });
    let said = serde_json::to_value(config).map_err(|error| Error::invalid(error.to_string()))?;
    if let (Some(shown), serde_json::Value::Object(said)) = (shown.as_object_mut(), said) {
        shown.extend(said);
    }
    Ok(shown)
}

/// The image whose manifest has this digest, when one of its names is of the same repository: a digest
/// says which content is meant, whatever tag stands before it.
fn by_manifest(database: &Database, wanted: &Reference, digest: &Digest) -> Result<Option<Image>> {
    for row in database.with_prefix(digest.hex())? {
        let names = database.names(&row.id)?;
        let named = names.iter().any(|name| {
            Reference::parse(name).is_ok_and(|name| name.familiar_name() == wanted.familiar_name())
        });
        if named && row.manifest.as_deref() == Some(digest.to_string().as_str()) {
            return image(row).map(Some);
        }
    }
    Ok(None)
}

/// A reference that can be a name: with a tag and without a digest.
pub(crate) fn tagged(text: &str) -> Result<Reference> {
    let reference = Reference::parse(text)?;
    match reference.digest() {
        None => Ok(reference),
        Some(_) => {
            Err(Error::invalid(format!("`{}` names a digest, which only content can have", oci::shown(text))))
        }
    }
}

pub(crate) fn image(row: Row) -> Result<Image> {
    let config = ImageConfig::parse(&row.config)?;
    Ok(Image {
        id: Digest::parse(&row.id)?,
        manifest: row.manifest.as_deref().map(Digest::parse).transpose()?,
        layers: config.rootfs.diff_ids.clone(),
        created: config.created.as_deref().map(date::parse).transpose()?,
        config,
        size: row.size,
        added: row.added,
    })
}

pub(crate) fn familiar(reference: &str) -> String {
    Reference::parse(reference).map_or_else(|_| reference.to_owned(), |reference| reference.familiar())
}
