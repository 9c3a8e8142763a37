// SPDX-License-Identifier: Apache-2.0
//! `bulkhead copy`: an image from registry to registry.

use clap::Args;
use serde::Serialize;

use crate::failure::Failure;
use crate::listing::Form;
use crate::progress;
use crate::{access, output};

/// Copy an image from one registry to another
///
/// An index is copied with all that it lists, so that its digest stays the same. Nothing is stored on
/// this machine, and every byte is verified on its way.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead copy debian:12 registry.example/base/debian:12")]
pub(crate) struct Flags {
    /// The image
    #[arg(value_name = "SOURCE")]
    source: String,
    /// Its new name
    #[arg(value_name = "TARGET")]
    target: String,
    /// Only what is for this machine, of an index
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// Say only what was copied
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

pub(crate) fn call(flags: &Flags) -> Result<(), Failure> {
    let mut progress = flags.progress.begin(flags.quiet);
    let copied = flags.access.registries().copy(
        &flags.source,
        &flags.target,
        flags.platform.as_deref(),
        &mut |state| {
            progress.show(&state);
        },
    );
    progress.finish();
    let what = format!("cannot copy {} to {}", flags.source, flags.target);
    let copied = copied.map_err(|error| Failure::of_engine(what, &error))?;
    let engine::registry::Copied { name, digest, present, mounted, sent } = copied;
    match flags.format {
        Form::Json => output::json_lines(&[Row { name, digest, present, mounted, sent }]),
        Form::Table => {
            let name = output::visible(&name);
            output::print(&format!(
                "{name}: digest: {digest}, {sent} blobs sent, {mounted} mounted, {present} there\n"
            ))
        }
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
