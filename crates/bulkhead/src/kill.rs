// SPDX-License-Identifier: Apache-2.0
//! `bulkhead kill`: a signal for containers.

use clap::Args;

use crate::failure::Failure;
use crate::flags::signals;
use crate::global::Global;
use crate::output;
use crate::rmi::each;

/// Send containers a signal
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead kill --signal HUP web")]
pub(crate) struct Flags {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
    /// Which one
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL", value_parser = signals::parse)]
    signal: i32,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let engine = global.engine("cannot kill containers")?;
    each(&flags.containers, "kill", |container| {
        engine.kill(container, flags.signal)?;
        Ok(output::visible(container) + "\n")
    })
}
