// SPDX-License-Identifier: Apache-2.0
//! The listings: tags, repositories, referrers.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::failure::Failure;
use crate::listing::{Listing, Row};
use crate::table::Table;
use crate::{access, human};

/// List the tags of a repository
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead registry tags registry.example/team/web")]
pub(super) struct Tags {
    /// The repository
    #[arg(value_name = "REPOSITORY")]
    repository: String,
    #[command(flatten)]
    listing: Listing,
    #[command(flatten)]
    access: access::Options,
}

/// List the repositories of a registry
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead registry catalog registry.example:5000")]
pub(super) struct Catalog {
    /// The registry
    #[arg(value_name = "HOST[:PORT]")]
    server: String,
    #[command(flatten)]
    listing: Listing,
    #[command(flatten)]
    access: access::Options,
}

/// List what refers to an image: signatures, bills of materials
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bulkhead registry referrers --artifact-type application/spdx+json registry.example/team/web:1"
)]
pub(super) struct Referrers {
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Only those of this kind
    #[arg(long, value_name = "TYPE")]
    artifact_type: Option<String>,
    #[command(flatten)]
    listing: Listing,
    #[command(flatten)]
    access: access::Options,
}

pub(super) fn tags(flags: &Tags) -> Result<(), Failure> {
    let tags = flags.access.registries().tags(&flags.repository);
    let tags = tags.map_err(|error| {
        Failure::of_engine(format!("cannot list the tags of {}", flags.repository), &error)
    })?;
    let row = |tag| TagRow { repository: flags.repository.clone(), tag };
    let rows: Vec<TagRow> = tags.into_iter().map(row).collect();
    flags.listing.print(rows, |rows| column("TAG", rows.into_iter().map(|row| row.tag)))
}

pub(super) fn catalog(flags: &Catalog) -> Result<(), Failure> {
    let names = flags.access.registries().catalog(&flags.server);
    let names = names.map_err(|error| {
        Failure::of_engine(format!("cannot list the repositories of {}", flags.server), &error)
    })?;
    let rows: Vec<NameRow> = names.into_iter().map(|repository| NameRow { repository }).collect();
    flags.listing.print(rows, |rows| column("REPOSITORY", rows.into_iter().map(|row| row.repository)))
}

pub(super) fn referrers(flags: &Referrers) -> Result<(), Failure> {
    let found = flags.access.registries().referrers(&flags.image, flags.artifact_type.as_deref());
    let found = found
        .map_err(|error| Failure::of_engine(format!("cannot list what refers to {}", flags.image), &error))?;
    let row = |referrer: engine::registry::Referrer| ReferrerRow {
        annotations: referrer.annotations,
        artifact_type: referrer.artifact_type.unwrap_or_default(),
        digest: referrer.digest,
        media_type: referrer.media_type,
        size: referrer.size,
    };
    let rows: Vec<ReferrerRow> = found.into_iter().map(row).collect();
    flags.listing.print(rows, |rows| {
        let mut table = Table::new(["ARTIFACT TYPE", "DIGEST", "SIZE"]);
        for row in rows {
            table.row([row.artifact_type, flags.listing.id(&row.digest), human::size(row.size)]);
        }
        table
    })
}

fn column(heading: &str, cells: impl Iterator<Item = String>) -> Table {
    let mut table = Table::new([heading]);
    cells.for_each(|cell| table.row([cell]));
    table
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TagRow {
    repository: String,
    tag: String,
}

impl Row for TagRow {
    const KIND: &'static str = "tag";
    const HEADINGS: &'static [(&'static str, &'static str)] = &[("Repository", "REPOSITORY"), ("Tag", "TAG")];
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct NameRow {
    repository: String,
}

impl Row for NameRow {
    const KIND: &'static str = "repository";
    const HEADINGS: &'static [(&'static str, &'static str)] = &[("Repository", "REPOSITORY")];
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReferrerRow {
    annotations: BTreeMap<String, String>,
    artifact_type: String,
    digest: String,
    media_type: String,
    size: u64,
}

impl Row for ReferrerRow {
    const KIND: &'static str = "referrer";
    const HEADINGS: &'static [(&'static str, &'static str)] = &[
        ("Annotations", "ANNOTATIONS"),
        ("ArtifactType", "ARTIFACT TYPE"),
        ("Digest", "DIGEST"),
        ("MediaType", "MEDIA TYPE"),
        ("Size", "SIZE"),
    ];
}
