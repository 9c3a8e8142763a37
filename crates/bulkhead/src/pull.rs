// SPDX-License-Identifier: Apache-2.0
//! `bulkhead pull`: an image from a registry.

use clap::Args;
use engine::{Engine, News, Pulled};
use serde::Serialize;

use crate::failure::Failure;
use crate::global::Global;
use crate::listing::Form;
use crate::progress::{self, Progress};
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
    #[command(flatten)]
    progress: progress::Flags,
    /// How to print the outcome
    #[arg(long, value_name = "FORM", default_value = "table", hide_default_value = true)]
    format: Form,
    #[command(flatten)]
    access: access::Options,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let engine = global.engine(&headline(&flags.image))?;
    let progress = flags.progress.begin(flags.quiet);
    let pulled = bring(&engine, &flags.access, &flags.image, flags.platform.as_deref(), progress)?;
    match flags.format {
        Form::Json => output::json_lines(&[row(pulled)]),
        Form::Table if flags.quiet => output::print(&format!("{}\n", output::visible(&pulled.name))),
        Form::Table => output::print(&format!("{}{}\n", told(&pulled), output::visible(&pulled.name))),
    }
}

/// Pulls `image`, and shows on standard error how it goes.
pub(crate) fn bring(
    engine: &Engine,
    access: &access::Options,
    image: &str,
    platform: Option<&str>,
    mut progress: Progress,
) -> Result<Pulled, Failure> {
    let pulled = engine.pull(&access.registries(), image, platform, &mut |state| progress.show(&state));
    progress.finish();
    pulled.map_err(|error| Failure::of_engine(headline(image), &error))
}

/// What came of it, in Docker's words, which scripts look for.
pub(crate) fn told(pulled: &Pulled) -> String {
    let status = match pulled.news {
        News::Newer => "Downloaded newer image for",
        News::UpToDate => "Image is up to date for",
    };
    format!("Digest: {}\nStatus: {status} {}\n", pulled.digest, output::visible(&pulled.name))
}

fn headline(image: &str) -> String {
    format!("cannot pull {image}")
}

fn row(pulled: Pulled) -> Row {
    let Pulled { name, digest, id, news, present, fetched } = pulled;
    Row { name: output::visible(&name), digest, id, new: news == News::Newer, present, fetched }
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
