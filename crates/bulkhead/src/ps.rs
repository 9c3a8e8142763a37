// SPDX-License-Identifier: Apache-2.0
//! `bulkhead ps`: the containers, and how many of their walls were taken down.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use engine::records::{Record, State};
use serde::Serialize;

use crate::failure::Failure;
use crate::global::Global;
use crate::listing::Listing;
use crate::table::Table;
use crate::{human, output};

/// List containers
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead ps -a --format json")]
pub(crate) struct Flags {
    /// Those that have ended too
    #[arg(short, long)]
    all: bool,
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = "cannot list containers";
    let containers = global.engine(what)?.containers();
    let containers = containers.map_err(|error| Failure::of_engine(what, &error))?;
    let shown = containers.iter().filter(|container| flags.all || container.state == State::Running);
    let now = SystemTime::now();
    let rows: Vec<Row> = shown.map(|container| row(container, &flags.listing, now)).collect();
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

/// Docker's keys; `Lowered`, what took walls down, in the words that asked for it; and `Absent`, the
/// walls that this host could not put up.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    absent: Vec<String>,
    command: String,
    created_at: String,
    #[serde(rename = "ID")]
    id: String,
    image: String,
    #[serde(skip)]
    label_list: Vec<(String, String)>,
    labels: String,
    local_volumes: String,
    lowered: Vec<String>,
    mounts: String,
    names: String,
    networks: &'static str,
    ports: &'static str,
    running_for: String,
    size: String,
    state: &'static str,
    status: String,
}

impl crate::listing::Row for Row {
    const KIND: &'static str = "container";
    const HEADINGS: &'static [(&'static str, &'static str)] = &[
        ("Absent", "ABSENT"),
        ("Command", "COMMAND"),
        ("CreatedAt", "CREATED AT"),
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Labels", "LABELS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Lowered", "LOWERED"),
        ("Mounts", "MOUNTS"),
        ("Names", "NAMES"),
        ("Networks", "NETWORKS"),
        ("Ports", "PORTS"),
        ("RunningFor", "CREATED"),
        ("Size", "SIZE"),
        ("State", "STATE"),
        ("Status", "STATUS"),
    ];

    fn labels(&self) -> &[(String, String)] {
        &self.label_list
    }
}

fn row(container: &Record, listing: &Listing, now: SystemTime) -> Row {
    let details = &container.details;
    let labels: Vec<String> = details.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let created = UNIX_EPOCH + Duration::from_secs(container.created.try_into().unwrap_or(0));
    let mut lowered: Vec<String> = details.lowered.iter().map(|(_, words)| words.clone()).collect();
    // One flag may take several walls down.
    lowered.dedup();
    Row {
        absent: details.absent.iter().map(|(wall, _)| wall.clone()).collect(),
        command: format!("\"{}\"", listing.text(&container.command, COMMAND_WIDTH)),
        created_at: human::date_and_time(created),
        id: listing.id(&container.id),
        image: container.image_name.clone(),
        label_list: details.labels.clone(),
        labels: labels.join(","),
        local_volumes: "0".to_owned(),
        networks: if lowered.iter().any(|words| words == "--network host") { "host" } else { "none" },
        lowered,
        mounts: String::new(),
        names: container.name.clone(),
        ports: "",
        running_for: human::ago(created, now),
        size: human::size(0),
        state: container.state.word(),
        status: status(container, created, now),
    }
}

/// Docker's words.
pub(crate) fn status(container: &Record, created: SystemTime, now: SystemTime) -> String {
    match (container.state, container.exit_code) {
        (State::Created, _) => "Created".to_owned(),
        // A container starts as soon as it is created.
        (State::Running, _) => format!("Up {}", human::span(now.duration_since(created).unwrap_or_default())),
        (State::Exited, Some(code)) => format!("Exited ({code})"),
        (State::Exited, None) => "Exited (killed with its monitor)".to_owned(),
    }
}

fn table(rows: Vec<Row>) -> Table {
    let mut table = Table::new(["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "WALLS", "NAMES"]);
    for row in rows {
        let walls = walls(&row);
        table.row([row.id, row.image, row.command, row.running_for, row.status, walls, row.names]);
    }
    table
}

fn walls(row: &Row) -> String {
    let counts = [(row.lowered.len(), "lowered"), (row.absent.len(), "absent")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let text = counts.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ");
    if text.is_empty() { "all up".to_owned() } else { text }
}

const COMMAND_WIDTH: usize = 18;

#[cfg(test)]
mod tests {
    use engine::records::Details;

    use super::*;
    use crate::listing::Format;

    #[test]
    fn lowered_walls_show() {
        let container = Record {
            id: "ab".repeat(32),
            name: "web".to_owned(),
            slot: 0,
            state: State::Exited,
            created: 0,
            pid: None,
            born: None,
            exit_code: Some(137),
            image: "cd".repeat(32),
            image_name: "debian:12".to_owned(),
            command: "sh -c 'sleep 1000000'".to_owned(),
            removed_afterwards: false,
            cgroups: Vec::new(),
            details: Details {
                labels: vec![("a".to_owned(), "b".to_owned())],
                lowered: vec![("namespaces".to_owned(), "--pid host".to_owned())],
                absent: vec![("cgroup".to_owned(), "not delegated".to_owned())],
                ..Details::default()
            },
        };
        let listing = Listing { format: Format::Table, no_trunc: false };
        let rows = vec![row(&container, &listing, UNIX_EPOCH + Duration::from_secs(100))];
        let line = serde_json::to_string(&rows[0]).unwrap();
        let want = r#"{"Absent":["cgroup"],"Command":"\"sh -c 'sleep 1000…\"","CreatedAt":"1970-01-01 00:00:00 +0000 UTC","ID":"abababababab","Image":"debian:12","Labels":"a=b","LocalVolumes":"0","Lowered":["--pid host"],"Mounts":"","Names":"web","Networks":"none","Ports":"","RunningFor":"About a minute ago","Size":"0B","State":"exited","Status":"Exited (137)"}"#;
        assert_eq!(line, want);
        let want = "\
CONTAINER ID   IMAGE       COMMAND                CREATED              STATUS         WALLS                 NAMES
abababababab   debian:12   \"sh -c 'sleep 1000…\"   About a minute ago   Exited (137)   1 lowered, 1 absent   web
";
        assert_eq!(table(rows).render(), want);
    }
}
