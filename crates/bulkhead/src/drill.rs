// SPDX-License-Identifier: Apache-2.0
//! `bulkhead drill`: escape attempts from inside, and which wall stopped each.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use engine::DrillRequest;
use engine::request::RootAccess;

use crate::failure::Failure;
use crate::global::Global;
use crate::output;
use crate::progress::Progress;

/// Try to break out of a container, and say which wall stopped each attempt
///
/// The attempts are harmless. They are made in containers of an image that is this very program, with
/// every wall up and then with one lifted at a time.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bulkhead drill\n  bulkhead drill --read-only --user 65534 --format html"
)]
pub(crate) struct Flags {
    /// How to report
    #[arg(long, value_name = "FORM", default_value = "text", hide_default_value = true)]
    format: Form,
    /// Write the report to this file instead of standard output; html goes to drill.html otherwise
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Try from a container whose root cannot be written
    #[arg(long)]
    read_only: bool,
    /// Try as this user
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Say nothing but the report
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For a person (the default)
    Text,
    /// For a program
    Json,
    /// One page that needs nothing else
    Html,
}

pub(crate) fn call(flags: Flags, global: &Global) -> Result<(), Failure> {
    let what = "cannot drill".to_owned();
    let request = DrillRequest {
        root: if flags.read_only { RootAccess::ReadOnly } else { RootAccess::ReadWrite },
        user: flags.user,
    };
    let mut engine = global.engine(&what)?;
    let mut progress = Progress::new(flags.quiet);
    let report = engine.drill(&request, &mut |state| progress.show(&state));
    progress.finish();
    let report = report.map_err(|error| Failure::of_engine(what, &error))?;
    write(&report, flags.format, flags.output)
}

fn write(report: &::drill::Report, form: Form, file: Option<PathBuf>) -> Result<(), Failure> {
    let file = file.or_else(|| (form == Form::Html).then(|| PathBuf::from(PAGE)));
    let text = match form {
        Form::Text => report.text(),
        Form::Html => report.html(),
        Form::Json => output::json_text(report)?,
    };
    match file.as_deref() {
        None => output::print(&text),
        Some(path) if path == Path::new("-") => output::print(&text),
        Some(path) => save(path, &text),
    }
}

/// Says where it went: the default name was nobody's choice.
fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let shown = path.display();
    std::fs::write(path, text).map_err(|error| Failure::stopped(format!("cannot write {shown}"), &error))?;
    output::print(&format!("The report is in {}\n", output::visible(&shown.to_string())))
}

const PAGE: &str = "drill.html";
