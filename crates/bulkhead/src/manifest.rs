// SPDX-License-Identifier: Apache-2.0
//! `bulkhead manifest`: what a name stands for on its registry.

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::{access, output};

/// Look at manifests on a registry
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_help = "Example:\n  bulkhead manifest inspect debian:12"
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Inspect(Inspect),
}

/// Show the manifest or index that a name stands for, as JSON
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead manifest inspect --platform linux/arm64 debian:12")]
struct Inspect {
    /// The image
    #[arg(value_name = "IMAGE")]
    image: String,
    /// The manifest for this machine, of an index
    #[arg(long, value_name = "OS/ARCH[/VARIANT]")]
    platform: Option<String>,
    /// The name, the digest and the type, too
    #[arg(short, long)]
    verbose: bool,
    /// The very bytes, which the digest is of
    #[arg(long, conflicts_with = "verbose")]
    raw: bool,
    #[command(flatten)]
    access: access::Options,
}

pub(crate) fn call(flags: &Flags) -> Result<(), Failure> {
    let Verb::Inspect(flags) = &flags.verb;
    let what = format!("cannot inspect {}", flags.image);
    let found = flags.access.registries().manifest(&flags.image, flags.platform.as_deref());
    let found = found.map_err(|error| Failure::of_engine(&what, &error))?;
    if flags.raw {
        return output::bytes(&found.bytes);
    }
    let document: Value =
        serde_json::from_slice(&found.bytes).map_err(|error| Failure::stopped(&what, &error))?;
    if !flags.verbose {
        return output::json(&document);
    }
    let size = found.bytes.len() as u64;
    let descriptor = Described { media_type: found.media_type, digest: found.digest, size };
    output::json(&Verbose { name: found.name, descriptor, document })
}

/// Docker's keys.
#[derive(Debug, Serialize)]
struct Verbose {
    #[serde(rename = "Ref")]
    name: String,
    #[serde(rename = "Descriptor")]
    descriptor: Described,
    #[serde(rename = "Manifest")]
    document: Value,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Described {
    media_type: String,
    digest: String,
    size: u64,
}
