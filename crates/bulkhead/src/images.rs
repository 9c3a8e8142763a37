// SPDX-License-Identifier: Apache-2.0
//! `bulkhead images`: what there is.

use std::time::SystemTime;

use clap::Args;
use engine::ImageSummary;
use engine::filters::Filters;
use serde::Serialize;

use crate::failure::Failure;
use crate::global::Global;
use crate::listing::Listing;
use crate::table::Table;
use crate::{human, output};

/// List images
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead images --format json")]
pub(crate) struct Flags {
    /// Only those of this name
    #[arg(value_name = "REPOSITORY[:TAG]")]
    reference: Option<String>,
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    /// Digests too
    #[arg(long)]
    digests: bool,
    /// Docker's way of saying that all are meant; they are listed in any case
    #[arg(short, long)]
    all: bool,
    /// Only those with dangling=true|false, label=, label!=, reference=, before=, since= or until=; may be
    /// given more than once
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = "cannot list images";
    let told = |error| Failure::of_engine(what, &error);
    let filters = Filters::parse(&flags.filter).map_err(told)?;
    let images = global.engine(what)?.images_where(flags.reference.as_deref(), &filters).map_err(told)?;
    let now = SystemTime::now();
    let rows: Vec<Row> = images.iter().map(|image| row(image, flags, now)).collect();
    if flags.quiet {
        return output::print(
            &rows
                .iter()
                .map(|row| {
                    format!(
                        "{}
",
                        row.id
                    )
                })
                .collect::<String>(),
        );
    }
    flags.listing.print(rows, |rows| table(rows, flags.digests))
}

/// Docker's keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    containers: &'static str,
    created_at: String,
    created_since: String,
    digest: String,
    #[serde(rename = "ID")]
    id: String,
    repository: String,
    shared_size: &'static str,
    size: String,
    tag: String,
    unique_size: &'static str,
    virtual_size: String,
}

impl crate::listing::Row for Row {
    const KIND: &'static str = "image";
    const HEADINGS: &'static [(&'static str, &'static str)] = &[
        ("Containers", "CONTAINERS"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedSince", "CREATED"),
        ("Digest", "DIGEST"),
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("SharedSize", "SHARED SIZE"),
        ("Size", "SIZE"),
        ("Tag", "TAG"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("VirtualSize", "SIZE"),
    ];
}

fn row(image: &ImageSummary, flags: &Flags, now: SystemTime) -> Row {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| NONE.to_owned());
    Row {
        containers: UNKNOWN,
        created_at: image.created.map_or_else(|| UNKNOWN.to_owned(), human::date_and_time),
        created_since: image.created.map_or_else(|| UNKNOWN.to_owned(), |then| human::ago(then, now)),
        digest: or_none(&image.digest),
        id: flags.listing.id(&image.id),
        repository: or_none(&image.repository),
        shared_size: UNKNOWN,
        size: human::size(image.size),
        tag: or_none(&image.tag),
        unique_size: UNKNOWN,
        virtual_size: human::size(image.size),
    }
}

fn table(rows: Vec<Row>, digests: bool) -> Table {
    if !digests {
        let mut table = Table::new(["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"]);
        rows.into_iter()
            .for_each(|row| table.row([row.repository, row.tag, row.id, row.created_since, row.size]));
        return table;
    }
    let mut table = Table::new(["REPOSITORY", "TAG", "DIGEST", "IMAGE ID", "CREATED", "SIZE"]);
    for row in rows {
        table.row([row.repository, row.tag, row.digest, row.id, row.created_since, row.size]);
    }
    table
}

/// Docker's word for what an image does not have.
const NONE: &str = "<none>";
/// Docker's for a date that the image does not tell, and for what is not counted.
const UNKNOWN: &str = "N/A";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::listing::Format;

    fn flags(no_trunc: bool) -> Flags {
        Flags {
            reference: None,
            quiet: false,
            digests: false,
            all: false,
            filter: Vec::new(),
            listing: Listing { format: Format::Table, no_trunc },
        }
    }

    fn image() -> ImageSummary {
        ImageSummary {
            repository: Some("busybox".to_owned()),
            tag: None,
            digest: None,
            id: format!("sha256:{}", "ab".repeat(32)),
            created: Some(SystemTime::UNIX_EPOCH),
            size: 4_261_550,
            labels: BTreeMap::new(),
        }
    }

    #[test]
    fn json_has_dockers_keys() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(20 * 86_400);
        let line = serde_json::to_string(&row(&image(), &flags(false), now)).unwrap();
        let want = r#"{"Containers":"N/A","CreatedAt":"1970-01-01 00:00:00 +0000 UTC","CreatedSince":"2 weeks ago","Digest":"<none>","ID":"abababababab","Repository":"busybox","SharedSize":"N/A","Size":"4.26MB","Tag":"<none>","UniqueSize":"N/A","VirtualSize":"4.26MB"}"#;
        assert_eq!(line, want);
        assert_eq!(row(&image(), &flags(true), now).id, image().id);
    }

    #[test]
    fn an_image_that_tells_no_date() {
        let row = row(&ImageSummary { created: None, ..image() }, &flags(false), SystemTime::now());
        assert_eq!((row.created_at.as_str(), row.created_since.as_str()), ("N/A", "N/A"));
    }
}
