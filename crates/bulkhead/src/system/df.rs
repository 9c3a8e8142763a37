// SPDX-License-Identifier: Apache-2.0
//! `bulkhead system df`: what the disk holds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use engine::df::{ContainerUse, DiskUse, ImageUse, Share};
use serde::Serialize;

use crate::failure::Failure;
use crate::global::Global;
use crate::listing::Form;
use crate::table::Table;
use crate::{human, output, ps};

/// Show what images and containers take of the disk, and what would come free
///
/// Images are counted by the files of their layers, each layer once, and Image Content by what they
/// came in, compressed as it was: both are on the disk. Containers are counted by the files they
/// wrote. RECLAIMABLE of the first two is what `bulkhead image prune -a` would give back, of
/// containers what those that do not run hold.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead system df -v")]
pub(crate) struct Flags {
    /// Each image and container
    #[arg(short, long)]
    verbose: bool,
    /// How to print the rows
    #[arg(long, value_name = "FORM", default_value = "table", hide_default_value = true)]
    format: Form,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = "cannot tell what the disk holds";
    let found = global.engine(what)?.disk_use().map_err(|error| Failure::of_engine(what, &error))?;
    for ContainerUse { record, size } in &found.each_container {
        if let Err(why) = size {
            let line = format!("note: what {} wrote is not counted: {why}", record.name);
            output::warn(&(output::visible(&line) + "\n"));
        }
    }
    let now = SystemTime::now();
    match (flags.format, flags.verbose) {
        (Form::Json, false) => output::json_lines(&kinds(&found)),
        (Form::Table, false) => output::print(&summary(kinds(&found)).render()),
        (Form::Json, true) => output::json_lines(&[Everything {
            images: found.each_image.iter().map(|image| image_row(image, now)).collect(),
            containers: found.each_container.iter().map(|container| container_row(container, now)).collect(),
            volumes: Vec::new(),
        }]),
        (Form::Table, true) => output::print(&details(&found, now)),
    }
}

/// Docker's keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Kind {
    active: String,
    reclaimable: String,
    size: String,
    total_count: String,
    #[serde(rename = "Type")]
    kind: &'static str,
}

/// Docker's keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Everything {
    images: Vec<ImageRow>,
    containers: Vec<ContainerRow>,
    volumes: Vec<()>,
}

/// Docker's keys, and `Content`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImageRow {
    containers: String,
    content: String,
    created_since: String,
    #[serde(rename = "ID")]
    id: String,
    repository: String,
    shared_size: String,
    size: String,
    tag: String,
    unique_size: String,
}

/// Docker's keys.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ContainerRow {
    command: String,
    #[serde(rename = "ID")]
    id: String,
    image: String,
    local_volumes: String,
    names: String,
    running_for: String,
    size: String,
    status: String,
}

fn kinds(found: &DiskUse) -> Vec<Kind> {
    let kind = |kind, share: &Share| Kind {
        active: share.active.to_string(),
        reclaimable: reclaimable(share),
        size: human::sum(share.size),
        total_count: share.total.to_string(),
        kind,
    };
    vec![
        kind("Images", &found.images),
        kind("Image Content", &found.content),
        kind("Containers", &found.containers),
        kind("Local Volumes", &found.volumes),
    ]
}

/// As Docker has it, rounded down.
fn reclaimable(share: &Share) -> String {
    let size = human::sum(share.reclaimable);
    match share.size {
        0 => size,
        whole => format!("{size} ({}%)", u128::from(share.reclaimable) * 100 / u128::from(whole)),
    }
}

fn summary(kinds: Vec<Kind>) -> Table {
    let mut table = Table::new(["TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"]);
    for row in kinds {
        table.row([row.kind.to_owned(), row.total_count, row.active, row.size, row.reclaimable]);
    }
    table
}

fn details(found: &DiskUse, now: SystemTime) -> String {
    let mut images = Table::new([
        "REPOSITORY",
        "TAG",
        "IMAGE ID",
        "CREATED",
        "SIZE",
        "SHARED SIZE",
        "UNIQUE SIZE",
        "CONTENT",
        "CONTAINERS",
    ]);
    for row in found.each_image.iter().map(|image| image_row(image, now)) {
        let sizes = [row.size, row.shared_size, row.unique_size, row.content, row.containers];
        images.row([row.repository, row.tag, row.id, row.created_since].into_iter().chain(sizes));
    }
    let mut containers = Table::new([
        "CONTAINER ID",
        "IMAGE",
        "COMMAND",
        "LOCAL VOLUMES",
        "SIZE",
        "CREATED",
        "STATUS",
        "NAMES",
    ]);
    for row in found.each_container.iter().map(|container| container_row(container, now)) {
        let rest = [row.size, row.running_for, row.status, row.names];
        containers.row([row.id, row.image, row.command, row.local_volumes].into_iter().chain(rest));
    }
    let volumes = Table::new(["VOLUME NAME", "LINKS", "SIZE"]);
    format!(
        "Images space usage:\n\n{}\nContainers space usage:\n\n{}\nLocal Volumes space usage:\n\n{}",
        images.render(),
        containers.render(),
        volumes.render()
    )
}

fn image_row(image: &ImageUse, now: SystemTime) -> ImageRow {
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "<none>".to_owned());
    ImageRow {
        containers: image.containers.to_string(),
        content: human::sum(image.content),
        created_since: image.created.map_or_else(|| "N/A".to_owned(), |then| human::ago(then, now)),
        id: human::short_id(&image.id).to_owned(),
        repository: or_none(&image.repository),
        shared_size: human::sum(image.shared),
        size: human::sum(image.size),
        tag: or_none(&image.tag),
        unique_size: human::sum(image.size - image.shared),
    }
}

fn container_row(ContainerUse { record, size }: &ContainerUse, now: SystemTime) -> ContainerRow {
    let created = UNIX_EPOCH + Duration::from_secs(record.created.try_into().unwrap_or(0));
    ContainerRow {
        command: format!("\"{}\"", human::shortened(&record.command, COMMAND_WIDTH)),
        id: human::short_id(&record.id).to_owned(),
        image: record.image_name.clone(),
        local_volumes: "0".to_owned(),
        names: record.name.clone(),
        running_for: human::ago(created, now),
        size: size.as_ref().map_or_else(|_| "N/A".to_owned(), |size| human::sum(*size)),
        status: ps::status(record, created, now),
    }
}

const COMMAND_WIDTH: usize = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_docker_lays_it_out() {
        let share = Share { total: 3, active: 1, size: 4_261_550, reclaimable: 2_000_000 };
        let found = DiskUse {
            images: share,
            content: Share { total: 9, active: 3, ..share },
            containers: Share { total: 1, active: 1, size: 10, reclaimable: 0 },
            volumes: Share::default(),
            each_image: Vec::new(),
            each_container: Vec::new(),
        };
        let want = "\
TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE
Images          3         1         4.262MB   2MB (46%)
Image Content   9         3         4.262MB   2MB (46%)
Containers      1         1         10B       0B (0%)
Local Volumes   0         0         0B        0B
";
        assert_eq!(summary(kinds(&found)).render(), want);
        let line = serde_json::to_string(&kinds(&found)[0]).unwrap();
        assert_eq!(
            line,
            r#"{"Active":"1","Reclaimable":"2MB (46%)","Size":"4.262MB","TotalCount":"3","Type":"Images"}"#
        );
    }
}
