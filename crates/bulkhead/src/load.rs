// SPDX-License-Identifier: Apache-2.0
//! `bulkhead load`: images out of an archive.

use std::fs::File;
use std::io::{IsTerminal, stdin};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use clap::Args;
use engine::{Archive, Loaded};

use crate::failure::Failure;
use crate::global::Global;
use crate::output;
use crate::progress;

/// Load images from an archive
///
/// The archive is what `docker save` writes, or an OCI layout (a tar file or a directory), plain or
/// compressed; it is read from standard input unless -i names it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  docker save busybox | bulkhead load")]
pub(crate) struct Flags {
    /// Read this file or directory instead of standard input
    #[arg(short, long, value_name = "PATH")]
    input: Option<PathBuf>,
    /// Say only what was loaded
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    progress: progress::Flags,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let (archive, name) = match &flags.input {
        Some(path) => (named(path)?, path.display().to_string()),
        None => (
            Archive::File(piped("load reads an archive from standard input, or from -i PATH")?),
            "standard input".to_owned(),
        ),
    };
    let what = format!("cannot load {name}");
    let engine = global.engine(&what)?;
    let mut progress = flags.progress.begin(flags.quiet);
    let loaded = engine.load(archive, &mut |state| progress.show(&state));
    progress.finish();
    let loaded = loaded.map_err(|error| Failure::of_engine(what, &error))?;
    output::print(&loaded.iter().map(line).collect::<String>())
}

/// Standard input, unless a person would have to type it; `otherwise` says what to do then.
pub(crate) fn piped(otherwise: &str) -> Result<File, Failure> {
    if stdin().is_terminal() {
        return Err(Failure::new("standard input is a terminal").hint(Some(otherwise.to_owned())));
    }
    let copy = stdin().as_fd().try_clone_to_owned();
    copy.map(File::from).map_err(|error| Failure::stopped("cannot read standard input", &error))
}

/// The file at `path`.
pub(crate) fn file(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|error| Failure::stopped(format!("cannot read {}", path.display()), &error))
}

fn named(path: &Path) -> Result<Archive, Failure> {
    if path.is_dir() { Ok(Archive::Directory(path.to_owned())) } else { Ok(Archive::File(file(path)?)) }
}

/// Docker's words, which scripts look for.
fn line(loaded: &Loaded) -> String {
    let line = match loaded {
        Loaded::Reference(reference) => format!("Loaded image: {reference}"),
        Loaded::Id(id) => format!("Loaded image ID: {id}"),
    };
    output::visible(&line) + "\n"
}
