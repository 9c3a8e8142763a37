// SPDX-License-Identifier: Apache-2.0
//! `bulkhead volume ls`.

use clap::Args;
use engine::filters::Filters;
use engine::volumes::Volume;
use serde::Serialize;

use crate::failure::Failure;
use crate::global::Global;
use crate::listing::Listing;
use crate::output;
use crate::table::Table;

/// List volumes
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead volume ls --filter dangling=true --format '{{.Name}}'")]
pub(super) struct Flags {
    /// Only names
    #[arg(short, long)]
    quiet: bool,
    /// Only those with dangling=true|false, driver=, label=NAME[=VALUE] or name=; may be given more than once
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    #[command(flatten)]
    listing: Listing,
}

pub(super) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = "cannot list volumes";
    let volumes = Filters::parse(&flags.filter)
        .map(|filters| global.engine(what).map(|engine| engine.volumes(&filters)));
    let told = |error| Failure::of_engine(what, &error);
    let rows: Vec<Row> = volumes.map_err(told)??.map_err(told)?.into_iter().map(row).collect();
    if flags.quiet {
        return output::print(&rows.iter().map(|row| format!("{}\n", row.name)).collect::<String>());
    }
    flags.listing.print(rows, |rows| {
        let mut table = Table::new(["DRIVER", "VOLUME NAME"]);
        rows.into_iter().for_each(|row| table.row([row.driver.to_owned(), row.name]));
        table
    })
}

/// Docker's keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    availability: &'static str,
    driver: &'static str,
    group: &'static str,
    #[serde(skip)]
    label_list: Vec<(String, String)>,
    labels: String,
    links: &'static str,
    mountpoint: String,
    name: String,
    scope: &'static str,
    size: &'static str,
    status: &'static str,
}

impl crate::listing::Row for Row {
    const KIND: &'static str = "volume";
    const HEADINGS: &'static [(&'static str, &'static str)] = &[
        ("Availability", "AVAILABILITY"),
        ("Driver", "DRIVER"),
        ("Group", "GROUP"),
        ("Labels", "LABELS"),
        ("Links", "LINKS"),
        ("Mountpoint", "MOUNTPOINT"),
        ("Name", "VOLUME NAME"),
        ("Scope", "SCOPE"),
        ("Size", "SIZE"),
        ("Status", "STATUS"),
    ];

    fn labels(&self) -> &[(String, String)] {
        &self.label_list
    }
}

fn row(volume: Volume) -> Row {
    let labels: Vec<String> = volume.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Row {
        availability: NOT_TOLD,
        driver: "local",
        group: NOT_TOLD,
        labels: labels.join(","),
        label_list: volume.labels.into_iter().collect(),
        links: NOT_TOLD,
        mountpoint: volume.data.display().to_string(),
        name: volume.name,
        scope: "local",
        size: NOT_TOLD,
        status: NOT_TOLD,
    }
}

/// Docker's for what a listing does not tell.
const NOT_TOLD: &str = "N/A";
