// SPDX-License-Identifier: Apache-2.0
//! `bulkhead registry`: what a registry has, and what it shall have no longer.

mod lists;

use clap::{Args, Subcommand};

use crate::access;
use crate::failure::Failure;
use crate::rmi::each;

/// Look at what a registry has, and remove from it
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_help = "Example:\n  bulkhead registry tags registry.example/team/web"
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Tags(lists::Tags),
    Catalog(lists::Catalog),
    Referrers(lists::Referrers),
    Delete(Delete),
}

/// Remove tags or manifests from their registry
///
/// A tag takes only itself away, a digest the manifest with all its tags. The bytes stay until the
/// registry collects its garbage.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead registry delete registry.example/team/web:old")]
struct Delete {
    /// Names with their tag or digest
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
    #[command(flatten)]
    access: access::Options,
}

pub(crate) fn call(flags: &Flags) -> Result<(), Failure> {
    match &flags.verb {
        Verb::Tags(flags) => lists::tags(flags),
        Verb::Catalog(flags) => lists::catalog(flags),
        Verb::Referrers(flags) => lists::referrers(flags),
        Verb::Delete(flags) => {
            let registries = flags.access.registries();
            each(&flags.images, "delete", |image| Ok(format!("Deleted: {}\n", registries.delete(image)?)))
        }
    }
}
