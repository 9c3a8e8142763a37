// SPDX-License-Identifier: Apache-2.0
//! `bulkhead wait`: until containers have ended.

use clap::Args;

use crate::failure::Failure;
use crate::global::Global;
use crate::rmi::each;

/// Wait until containers have ended, and print their exit codes
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead wait web")]
pub(crate) struct Flags {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let engine = global.engine("cannot wait for containers")?;
    each(&flags.containers, "wait for", |container| Ok(format!("{}\n", engine.wait(container)?)))
}
