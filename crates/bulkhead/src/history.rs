// SPDX-License-Identifier: Apache-2.0
//! `bulkhead history`: how an image came about.

use std::time::SystemTime;

use clap::Args;
use engine::HistoryEntry;
use serde::Serialize;

use crate::failure::Failure;
use crate::global::Global;
use crate::listing::Listing;
use crate::table::Table;
use crate::{human, output};

/// Show how an image came about, the last step first
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead history --no-trunc debian:12")]
pub(crate) struct Flags {
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = format!("cannot show the history of {}", flags.image);
    let steps = global.engine(&what)?.history(&flags.image);
    let steps = steps.map_err(|error| Failure::of_engine(what, &error))?;
    let now = SystemTime::now();
    let rows: Vec<Row> = steps.iter().map(|step| row(step, &flags.listing, now)).collect();
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
    flags.listing.print(rows, table)
}

/// Docker's keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    comment: String,
    created_at: String,
    created_by: String,
    created_since: String,
    #[serde(rename = "ID")]
    id: String,
    size: String,
}

impl crate::listing::Row for Row {
    const KIND: &'static str = "step";
    const HEADINGS: &'static [(&'static str, &'static str)] = &[
        ("Comment", "COMMENT"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("CreatedSince", "CREATED"),
        ("ID", "IMAGE"),
        ("Size", "SIZE"),
    ];
}

fn row(step: &HistoryEntry, listing: &Listing, now: SystemTime) -> Row {
    Row {
        comment: step.comment.clone(),
        created_at: step.created.map_or_else(|| UNKNOWN.to_owned(), human::timestamp),
        created_by: listing.text(&step.created_by, COMMAND_WIDTH),
        created_since: step.created.map_or_else(|| UNKNOWN.to_owned(), |then| human::ago(then, now)),
        id: step.id.as_deref().map_or_else(|| MISSING.to_owned(), |id| listing.id(id)),
        size: human::size(step.size),
    }
}

fn table(rows: Vec<Row>) -> Table {
    let mut table = Table::new(["IMAGE", "CREATED", "CREATED BY", "SIZE", "COMMENT"]);
    rows.into_iter()
        .for_each(|row| table.row([row.id, row.created_since, row.created_by, row.size, row.comment]));
    table
}

/// Docker's word for a step that left no image of its own.
const MISSING: &str = "<missing>";
const UNKNOWN: &str = "N/A";
const COMMAND_WIDTH: usize = 45;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listing::Format;

    #[test]
    fn a_step() {
        let step = HistoryEntry {
            id: None,
            created: Some(SystemTime::UNIX_EPOCH),
            created_by: "/bin/sh -c #(nop)  CMD [\"sh\"] and a very long line that goes on".to_owned(),
            size: 0,
            comment: String::new(),
        };
        let short = Listing { format: Format::Json, no_trunc: false };
        let line = serde_json::to_string(&row(&step, &short, SystemTime::UNIX_EPOCH)).unwrap();
        let want = r##"{"Comment":"","CreatedAt":"1970-01-01T00:00:00Z","CreatedBy":"/bin/sh -c #(nop)  CMD [\"sh\"] and a very lon…","CreatedSince":"Less than a second ago","ID":"<missing>","Size":"0B"}"##;
        assert_eq!(line, want);
        let whole = Listing { format: Format::Json, no_trunc: true };
        assert_eq!(row(&step, &whole, SystemTime::UNIX_EPOCH).created_by, step.created_by);
    }
}
