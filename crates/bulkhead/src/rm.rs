// SPDX-License-Identifier: Apache-2.0
//! `bulkhead rm`: containers go away.

use clap::Args;
use engine::AnonymousVolumes;

use crate::failure::Failure;
use crate::global::Global;
use crate::output;
use crate::rmi::each;

/// Remove containers that have ended, with everything they wrote
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead rm web")]
pub(crate) struct Flags {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
    /// Remove volumes that were made for the container alone, too
    #[arg(short, long)]
    volumes: bool,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let engine = global.engine("cannot remove containers")?;
    let volumes = if flags.volumes { AnonymousVolumes::Remove } else { AnonymousVolumes::Keep };
    each(&flags.containers, "remove", |container| {
        engine.remove_container(container, volumes)?;
        Ok(output::visible(container) + "\n")
    })
}
