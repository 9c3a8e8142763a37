// SPDX-License-Identifier: Apache-2.0
//! `bulkhead ps`: the containers, and how many of their walls were taken down.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use engine::filters::{Filters, Shown, network};
use engine::records::{Record, State};
use engine::request::MountSource;
use engine::volumes;
use serde::Serialize;

use crate::failure::Failure;
use crate::flags::Complaint;
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
    /// The newest so many, whether they run or not
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = count)]
    last: Option<usize>,
    /// The newest, whether it runs or not
    #[arg(short, long)]
    latest: bool,
    /// How much they wrote, and with their image
    #[arg(short, long)]
    size: bool,
    /// Only those with id=, name=, label=, status=, exited=, ancestor=, before=, since=, volume= or network=;
    /// may be given more than once
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
    /// Only ids
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    listing: Listing,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = "cannot list containers";
    let told = |error| Failure::of_engine(what, &error);
    let filters = Filters::parse(&flags.filter).map_err(told)?;
    let engine = global.engine(what)?;
    let newest = flags.last.or(flags.latest.then_some(1));
    let shown = if flags.all || newest.is_some() { Shown::All } else { Shown::Running };
    let mut containers = engine.containers_where(&filters, shown).map_err(told)?;
    containers.truncate(newest.unwrap_or(usize::MAX));
    let now = SystemTime::now();
    let mut rows: Vec<Row> = containers.iter().map(|container| row(container, &flags.listing, now)).collect();
    if flags.size || flags.listing.asks_for(".Size") {
        for (row, container) in rows.iter_mut().zip(&containers) {
            let (written, image) = engine.container_size(container).map_err(told)?;
            row.size =
                format!("{} (virtual {})", human::size(written), human::size(written.saturating_add(image)));
        }
    }
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
    let size = if flags.size { Sizes::Shown } else { Sizes::Hidden };
    flags.listing.print(rows, |rows| table(rows, size))
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
        local_volumes: details.mounts.iter().filter_map(volumes::volume).count().to_string(),
        networks: network(container),
        lowered,
        mounts: mounts(container, listing),
        names: container.name.clone(),
        ports: "",
        running_for: human::ago(created, now),
        size: human::size(0),
        state: container.state.word(),
        status: status(container, created, now),
    }
}

/// Names of volumes and paths of the host.
fn mounts(container: &Record, listing: &Listing) -> String {
    let shown = container.details.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Bind { source, .. } => Some(source.display().to_string()),
        _ => volumes::volume(mount).map(str::to_owned),
    });
    shown.map(|text| listing.text(&text, MOUNT_WIDTH)).collect::<Vec<_>>().join(",")
}

/// Docker's words.
pub(crate) fn status(container: &Record, created: SystemTime, now: SystemTime) -> String {
    let since = |moment: Option<i64>| {
        let moment = moment
            .map_or(created, |seconds| UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap_or(0)));
        now.duration_since(moment).unwrap_or_default()
    };
    match (container.state, container.exit_code) {
        (State::Reserved | State::Created | State::Starting, _) => "Created".to_owned(),
        (State::Running, _) => format!("Up {}", human::span(since(container.started))),
        (State::Paused, _) => format!("Up {} (Paused)", human::span(since(container.started))),
        (State::Restarting, code) => {
            format!("Restarting ({}) {} ago", code.unwrap_or(0), human::span(since(container.ended)))
        }
        (State::Exited, Some(code)) => format!("Exited ({code}) {} ago", human::span(since(container.ended))),
        (State::Exited, None) => "Exited (killed with its monitor)".to_owned(),
    }
}

/// Whether there is a column for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sizes {
    Hidden,
    Shown,
}

fn table(rows: Vec<Row>, sizes: Sizes) -> Table {
    let headings = ["CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "WALLS", "NAMES"];
    let mut table = match sizes {
        Sizes::Hidden => Table::new(headings),
        Sizes::Shown => {
            let [id, image, command, created, status, walls, names] = headings;
            Table::new([id, image, command, created, status, walls, names, "SIZE"])
        }
    };
    for row in rows {
        let walls = walls(&row);
        let cells = [row.id, row.image, row.command, row.running_for, row.status, walls, row.names];
        table.row(cells.into_iter().chain((sizes == Sizes::Shown).then_some(row.size)));
    }
    table
}

fn count(text: &str) -> Result<usize, Complaint> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number from 0 up"))
}

fn walls(row: &Row) -> String {
    let counts = [(row.lowered.len(), "lowered"), (row.absent.len(), "absent")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let text = counts.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ");
    if text.is_empty() { "all up".to_owned() } else { text }
}

const COMMAND_WIDTH: usize = 18;
const MOUNT_WIDTH: usize = 15;

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
            started: Some(0),
            ended: Some(40),
            complaint: None,
            restarts: 0,
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
        let want = r#"{"Absent":["cgroup"],"Command":"\"sh -c 'sleep 1000…\"","CreatedAt":"1970-01-01 00:00:00 +0000 UTC","ID":"abababababab","Image":"debian:12","Labels":"a=b","LocalVolumes":"0","Lowered":["--pid host"],"Mounts":"","Names":"web","Networks":"none","Ports":"","RunningFor":"About a minute ago","Size":"0B","State":"exited","Status":"Exited (137) About a minute ago"}"#;
        assert_eq!(line, want);
        let want = "\
CONTAINER ID   IMAGE       COMMAND                CREATED              STATUS                            WALLS                 NAMES
abababababab   debian:12   \"sh -c 'sleep 1000…\"   About a minute ago   Exited (137) About a minute ago   1 lowered, 1 absent   web
";
        assert_eq!(table(rows, Sizes::Hidden).render(), want);
    }
}
