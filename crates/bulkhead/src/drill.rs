// SPDX-License-Identifier: Apache-2.0
//! `bulkhead drill`: escape attempts from inside, and which wall stopped each.

use std::path::{Path, PathBuf};

use ::drill::{HostFacts, Report, Status, Subject};
use clap::{Args, ValueEnum};
use engine::DrillRequest;
use engine::request::RootAccess;

use crate::failure::Failure;
use crate::global::Global;
use crate::output;
use crate::palette::{Palette, Style};
use crate::progress::{Progress, Wish};
use crate::run::{Surroundings, isolation, limits};

/// Try to break out of a container, and say which wall stopped each attempt
///
/// The attempts are harmless: files are opened and not written, calls get arguments that fail right
/// after the permission check. They are made in containers of IMAGE, or of an image that is this very
/// program, with every wall up and then with one lifted at a time. With --here they are made where you
/// are, which may be a container of another engine; nothing can be lifted there, so the walls are guessed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bulkhead drill\n  \
                  bulkhead drill --read-only --user 65534 --format html\n  \
                  bulkhead drill --cap-add NET_RAW debian:12\n  \
                  docker run --rm -v \"$(command -v bulkhead):/bulkhead:ro\" IMAGE /bulkhead drill --here")]
pub(crate) struct Flags {
    /// Try from containers of this image
    #[arg(value_name = "IMAGE")]
    image: Option<String>,
    /// Try from where this command runs, in no container of ours
    #[arg(long, conflicts_with_all = ["image", "read_only", "user", "limits", "walls"])]
    here: bool,
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
    #[command(flatten)]
    limits: limits::Flags,
    #[command(flatten)]
    isolation: isolation::Flags,
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
    let (form, file) = (flags.format, flags.output.clone());
    let report = if flags.here { here() } else { in_containers(flags, global)? };
    write(&report, form, file, global.palette())
}

fn in_containers(flags: Flags, global: &Global) -> Result<Report, Failure> {
    let what = "cannot drill";
    let (quiet, request) = (flags.quiet, request(flags)?);
    let mut engine = global.engine(what)?;
    let mut progress = Progress::new(quiet, Wish::Auto);
    let report = engine.drill(&request, &mut |step| progress.step(&step.name, step.done, step.total));
    progress.finish();
    report.map_err(|error| Failure::of_engine(what, &error))
}

fn request(flags: Flags) -> Result<DrillRequest, Failure> {
    let here = std::env::current_dir();
    let here = here.map_err(|error| Failure::stopped("cannot tell the current directory", &error))?;
    let around = Surroundings { here: &here, variable: &|name| std::env::var(name) };
    Ok(DrillRequest {
        image: flags.image,
        root: if flags.read_only { RootAccess::ReadOnly } else { RootAccess::ReadWrite },
        user: flags.user,
        limits: flags.limits.request(),
        isolation: flags.isolation.request(&around)?,
    })
}

/// Nothing is known of the host here, and nothing can be lifted.
fn here() -> Report {
    let status = Status::read();
    let findings = ::drill::inside(&HostFacts::default());
    let subject = Subject {
        engine: "this place".to_owned(),
        kernel: std::fs::read_to_string(KERNEL).unwrap_or_else(|_| "?".to_owned()).trim().to_owned(),
        setting: "where the command ran".to_owned(),
        notes: Vec::new(),
    };
    ::drill::guess(subject, &findings, &status)
}

fn write(report: &Report, form: Form, file: Option<PathBuf>, palette: Palette) -> Result<(), Failure> {
    let file = file.or_else(|| (form == Form::Html).then(|| PathBuf::from(PAGE)));
    let text = match form {
        Form::Text => report.text(),
        Form::Html => report.html(),
        Form::Json => output::json_text(report)?,
    };
    match file.as_deref() {
        None if form == Form::Text => output::print(&painted(&text, palette)),
        None => output::print(&text),
        Some(path) if path == Path::new("-") => output::print(&text),
        Some(path) => save(path, &text),
    }
}

/// The headline and the headings stand out, and so does what was not stopped.
fn painted(text: &str, palette: Palette) -> String {
    let mut style = Style::Strong;
    let mut shown = String::with_capacity(text.len());
    for line in text.lines() {
        let heading = !line.starts_with(' ');
        if line.starts_with("Not stopped") {
            style = Style::Warning;
        } else if heading {
            style = Style::Strong;
        }
        let named = style == Style::Warning && line.starts_with("  ") && !line.starts_with("   ");
        shown.push_str(&if heading || named { palette.paint(style, line) } else { line.to_owned() });
        shown.push('\n');
    }
    shown
}

/// Says where it went: the default name was nobody's choice.
fn save(path: &Path, text: &str) -> Result<(), Failure> {
    let shown = path.display();
    std::fs::write(path, text).map_err(|error| Failure::stopped(format!("cannot write {shown}"), &error))?;
    output::print(&format!("The report is in {}\n", output::visible(&shown.to_string())))
}

const PAGE: &str = "drill.html";
const KERNEL: &str = "/proc/sys/kernel/osrelease";
