// SPDX-License-Identifier: Apache-2.0
//! `bulkhead import`: an image out of a root file system.

use std::path::Path;

use clap::Args;

use crate::failure::Failure;
use crate::global::Global;
use crate::progress;
use crate::{load, output};

/// Make an image from a tar file of a root file system
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  debootstrap --variant=minbase bookworm root && tar -C root -c . | bulkhead import - debian:12"
)]
pub(crate) struct Flags {
    /// The tar file, plain or compressed, or - for standard input
    #[arg(value_name = "FILE|-")]
    file: String,
    /// What to call the image
    #[arg(value_name = "REPOSITORY[:TAG]")]
    reference: Option<String>,
    /// A Dockerfile instruction for the image, as in 'CMD ["bash"]'; may be given more than once
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// A remark for the image's history
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
    /// Say only the image's id
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    progress: progress::Flags,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let (archive, name) = match flags.file.as_str() {
        "-" => (load::piped("import - reads a tar file from standard input")?, "standard input"),
        path => (load::file(Path::new(path))?, path),
    };
    let what = format!("cannot import {name}");
    let engine = global.engine(&what)?;
    let mut progress = flags.progress.begin(flags.quiet);
    let id =
        engine.import(archive, flags.reference.as_deref(), &flags.change, &flags.message, &mut |state| {
            progress.show(&state)
        });
    progress.finish();
    let id = id.map_err(|error| Failure::of_engine(what, &error))?;
    output::print(&format!("{id}\n"))
}
