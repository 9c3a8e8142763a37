// SPDX-License-Identifier: Apache-2.0
//! `bulkhead tag`: one more name for an image.

use clap::Args;

use crate::failure::Failure;
use crate::global::Global;

/// Give an image one more name
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead tag debian:12 registry.example/base:1")]
pub(crate) struct Flags {
    /// The image
    #[arg(value_name = "IMAGE")]
    source: String,
    /// Its new name
    #[arg(value_name = "REPOSITORY[:TAG]")]
    target: String,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = format!("cannot tag {}", flags.source);
    let tagged = global.engine(&what)?.tag(&flags.source, &flags.target);
    tagged.map_err(|error| Failure::of_engine(what, &error))
}
