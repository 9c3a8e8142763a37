// SPDX-License-Identifier: Apache-2.0
//! `bulkhead logout`: credentials for a registry go away.

use clap::Args;
use engine::registry::Forgotten;

use crate::failure::Failure;
use crate::{access, output};

/// Forget the credentials for a registry
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead logout registry.example")]
pub(crate) struct Flags {
    /// The registry
    #[arg(value_name = "HOST[:PORT]", default_value = "docker.io")]
    server: String,
    #[command(flatten)]
    access: access::Options,
}

pub(crate) fn call(flags: &Flags) -> Result<(), Failure> {
    let forgotten = flags.access.registries().logout(&flags.server);
    let what = format!("cannot log out of {}", flags.server);
    let server = output::visible(&flags.server);
    match forgotten.map_err(|error| Failure::of_engine(what, &error))? {
        // Docker's words.
        Forgotten::Gone => output::print(&format!("Removing login credentials for {server}\n")),
        Forgotten::NothingThere => output::print(&format!("Not logged in to {server}\n")),
    }
}
