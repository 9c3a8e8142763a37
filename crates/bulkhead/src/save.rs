// SPDX-License-Identifier: Apache-2.0
//! `bulkhead save`: images into an archive.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::Failure;
use crate::global::Global;
use crate::progress;

/// Save images to an archive
///
/// The archive is an OCI layout that `docker load`, `podman load` and skopeo read as well. Layers are in
/// it as they arrived, so digests stay the same; the same images give the same bytes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead save debian:12 | docker load")]
pub(crate) struct Flags {
    /// The images, by name or id
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    progress: progress::Flags,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = format!("cannot save {}", flags.images.join(", "));
    let engine = global.engine(&what)?;
    let mut progress = flags.progress.begin(flags.quiet);
    let mut save = |out: &mut dyn Write| {
        let saved = engine.save(&flags.images, out, &mut |state| progress.show(&state));
        progress.finish();
        saved.map_err(|error| Failure::of_engine(what.clone(), &error))
    };
    match &flags.output {
        Some(path) => into_file(path, &mut save),
        None if stdout().is_terminal() => {
            let hint = "name a file with -o, or pipe it into another command";
            Err(Failure::new("standard output is a terminal").hint(Some(hint.to_owned())))
        }
        None => save(&mut stdout().lock()),
    }
}

/// Writes beside `path` and renames, so that what was there is either still there or replaced by a whole
/// archive.
fn into_file(
    path: &Path,
    save: &mut dyn FnMut(&mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let stopped =
        |error: &std::io::Error| Failure::stopped(format!("cannot write {}", path.display()), error);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}", std::process::id()));
    let fresh = path.with_file_name(name);
    let file = File::create(&fresh).map_err(|error| stopped(&error))?;
    let mut out = BufWriter::new(file);
    let written = save(&mut out)
        .and_then(|()| out.flush().map_err(|error| stopped(&error)))
        .and_then(|()| std::fs::rename(&fresh, path).map_err(|error| stopped(&error)));
    if written.is_err() {
        match std::fs::remove_file(&fresh) {
            // The first failure is the one to tell.
            Ok(()) | Err(_) => {}
        }
    }
    written
}
