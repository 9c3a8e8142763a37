// SPDX-License-Identifier: Apache-2.0
//! `bulkhead inspect`: all that is known of an image or a container.

use clap::Args;

use crate::failure::Failure;
use crate::global::Global;
use crate::output;
use crate::rmi::each;

/// Show all that is known of images and containers, as JSON
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead inspect debian:12")]
pub(crate) struct Flags {
    /// Names or ids
    #[arg(value_name = "NAME|ID", required = true)]
    names: Vec<String>,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let engine = global.engine("cannot inspect")?;
    let mut found = Vec::new();
    let outcome = each(&flags.names, "inspect", |name| {
        found.push(engine.inspect(name)?);
        Ok(String::new())
    });
    // As Docker does: what was found is printed, whatever happened to the rest.
    output::json(&found)?;
    outcome
}
