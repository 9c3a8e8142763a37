// SPDX-License-Identifier: Apache-2.0
//! `bulkhead pull`: an image from a registry.

use clap::Args;
use engine::News;
use serde::Serialize;

use crate::failure::Failure;
use crate::global::Global;
use crate::listing::Form;
use crate::progress::Progress;
use crate::{access, output};

/// Download an image from a registry
///
/// Every byte is verified against its digest, and layers are unpacked by a process that has no rights
/// but to the directory they go to. A pull that was cut off goes on where it ended.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead pull registry.example/base/debian:12")]
pub(crate) struct Flags {
    /// The image, by tag or by digest
    #[arg(value_name = "IMAGE")]
    image: String,
    /// Of an index, what is for this machine
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// Print only the image's name
    #[arg(short, long)]
    quiet: bool,
    /// How to print the outcome
    #[arg(long, value_name = "FORM", default_value = "table", hide_default_value = true)]
    format: Form,
    #[command(flatten)]
    access: access::Options,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = format!("cannot pull {}", flags.image);
    let engine = global.engine(&what)?;
    let mut progress = Progress::new(flags.quiet);
    let pulled =
        engine.pull(&flags.access.registries(), &flags.image, flags.platform.as_deref(), &mut |state| {
            progress.show(&state);
        });
    progress.finish();
    let pulled = pulled.map_err(|error| Failure::of_engine(what, &error))?;
    let engine::Pulled { name, digest, id, news, present, fetched } = pulled;
    let name = output::visible(&name);
    match flags.format {
        Form::Json => {
            let new = news == News::Newer;
            output::json_lines(&[Row { name, digest, id, new, present, fetched }])
        }
        Form::Table if flags.quiet => output::print(&format!("{name}\n")),
        // Docker's words, which scripts look for.
        Form::Table => {
            let status = match news {
                News::Newer => "Downloaded newer image for",
                News::UpToDate => "Image is up to date for",
            };
            output::print(&format!("Digest: {digest}\nStatus: {status} {name}\n{name}\n"))
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row {
    name: String,
    digest: String,
    #[serde(rename = "ID")]
    id: String,
    new: bool,
    present: usize,
    fetched: usize,
}
