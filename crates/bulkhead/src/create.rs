// SPDX-License-Identifier: Apache-2.0
//! `bulkhead create`: a container that waits to be started.

use std::process::ExitCode;

use clap::Args;

use crate::failure::Failure;
use crate::global::Global;
use crate::{output, run};

/// Make a container without starting it
///
/// Takes what `run` takes, and prints the container's id.
#[derive(Debug, Args)]
#[command(
    override_usage = "bulkhead create [OPTIONS] IMAGE [COMMAND] [ARG...]",
    after_help = "Example:\n  bulkhead create --name web debian:12 sleep 600\n  bulkhead start web"
)]
pub(crate) struct Flags {
    #[command(flatten)]
    container: run::Container,
}

pub(crate) fn call(flags: Flags, global: &Global) -> Result<ExitCode, Failure> {
    let request = flags.container.here()?;
    let what = format!("cannot create a container of {}", request.image);
    let mut engine = global.engine(&what)?;
    run::notices(&mut engine, &request, &what)?;
    let record = engine.create(&request).map_err(|error| Failure::of_engine(&what, &error))?;
    output::print(&format!("{}\n", record.id))?;
    Ok(ExitCode::SUCCESS)
}
