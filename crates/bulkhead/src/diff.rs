// SPDX-License-Identifier: Apache-2.0
//! `bulkhead diff`: what a container changed.

use clap::Args;
use engine::files::Changed;
use serde::Serialize;

use crate::failure::Failure;
use crate::global::Global;
use crate::listing::Form;
use crate::output;

/// Show which files a container added (A), changed (C) and deleted (D)
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead diff web")]
pub(crate) struct Flags {
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// How to print the rows
    #[arg(long, value_name = "FORM", default_value = "table", hide_default_value = true)]
    format: Form,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = format!("cannot compare the files of {}", flags.container);
    let changes = global.engine(&what)?.diff(&flags.container);
    let changes = changes.map_err(|error| Failure::of_engine(what, &error))?;
    let rows: Vec<Row> = changes
        .iter()
        .map(|change| Row { kind: letter(change.kind), path: String::from_utf8_lossy(&change.path).into() })
        .collect();
    match flags.format {
        Form::Json => output::json_lines(&rows),
        Form::Table => {
            let line = |row: &Row| format!("{} {}\n", row.kind, output::visible(&row.path));
            output::print(&rows.iter().map(line).collect::<String>())
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    kind: char,
    path: String,
}

/// Docker's letters.
fn letter(kind: Changed) -> char {
    match kind {
        Changed::Modified => 'C',
        Changed::Added => 'A',
        Changed::Deleted => 'D',
    }
}
