// SPDX-License-Identifier: Apache-2.0
//! `bulkhead push`: an image to a registry.

use clap::Args;
use serde::Serialize;

use crate::failure::Failure;
use crate::global::Global;
use crate::listing::Form;
use crate::progress;
use crate::{access, output};

/// Upload an image to a registry
///
/// What is sent is what came here, byte for byte, so that its digest stays the same everywhere.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bulkhead tag app registry.example/me/app:1\n  bulkhead push registry.example/me/app:1"
)]
pub(crate) struct Flags {
    /// The image, under the name it is to have there
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Print only the image's name
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    progress: progress::Flags,
    /// How to print the outcome
    #[arg(long, value_name = "FORM", default_value = "table", hide_default_value = true)]
    format: Form,
    #[command(flatten)]
    access: access::Options,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = format!("cannot push {}", flags.image);
    let engine = global.engine(&what)?;
    let mut progress = flags.progress.begin(flags.quiet);
    let pushed = engine.push(&flags.access.registries(), &flags.image, &mut |state| progress.show(&state));
    progress.finish();
    let pushed = pushed.map_err(|error| Failure::of_engine(what, &error))?;
    let engine::registry::Copied { name, digest, present, mounted, sent } = pushed;
    let name = output::visible(&name);
    match flags.format {
        Form::Json => output::json_lines(&[Row { name, digest, present, mounted, sent }]),
        Form::Table if flags.quiet => output::print(&format!("{name}\n")),
        Form::Table => output::print(&format!(
            "{name}: digest: {digest}, {sent} blobs sent, {mounted} mounted, {present} there\n"
        )),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    name: String,
    digest: String,
    present: usize,
    mounted: usize,
    sent: usize,
}
