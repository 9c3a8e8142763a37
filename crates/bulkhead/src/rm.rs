// SPDX-License-Identifier: Apache-2.0
//! `bulkhead rm`: containers go away.

use clap::Args;
use engine::{AnonymousVolumes, Force};

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
    /// Kill those that run
    #[arg(short, long)]
    force: bool,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let engine = global.engine("cannot remove containers")?;
    let volumes = if flags.volumes { AnonymousVolumes::Remove } else { AnonymousVolumes::Keep };
    let force = if flags.force { Force::Yes } else { Force::No };
    each(&flags.containers, "remove", |container| {
        engine.remove_container(container, force, volumes)?;
        Ok(output::visible(container) + "\n")
    })
}
