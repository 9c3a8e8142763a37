// SPDX-License-Identifier: Apache-2.0
//! `bulkhead stop`: containers are asked to end, and made to.

use std::time::Duration;

use clap::Args;

use crate::failure::Failure;
use crate::flags::{numbers, signals};
use crate::global::Global;
use crate::output;
use crate::rmi::each;

/// Ask containers to end, and kill those that do not
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead stop --timeout 3 web")]
pub(crate) struct Flags {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
    /// Seconds until a container is killed; -1 to wait for ever
    #[arg(short, long, visible_alias = "time", value_name = "SECONDS", value_parser = numbers::whole)]
    timeout: Option<i64>,
    /// The signal to send instead of the container's own
    #[arg(short, long, value_name = "SIGNAL", value_parser = signals::parse)]
    signal: Option<i32>,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let engine = global.engine("cannot stop containers")?;
    let patience = flags.timeout.map(|seconds| u64::try_from(seconds).ok().map(Duration::from_secs));
    each(&flags.containers, "stop", |container| {
        engine.stop(container, flags.signal, patience)?;
        Ok(output::visible(container) + "\n")
    })
}
