// SPDX-License-Identifier: Apache-2.0
//! `bulkhead attach`: a person's streams and those of a container that runs.

use std::os::fd::AsFd;
use std::process::ExitCode;

use clap::Args;
use engine::{Left, Streams};

use crate::failure::Failure;
use crate::global::Global;

/// Connect to the streams of a container that runs
///
/// Ends as the container ends.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead attach web")]
pub(crate) struct Flags {
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// Pass no input on
    #[arg(long)]
    no_stdin: bool,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<ExitCode, Failure> {
    let what = format!("cannot attach to {}", flags.container);
    let engine = global.engine(&what)?;
    let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let streams = Streams {
        input: (!flags.no_stdin).then(|| input.as_fd()),
        output: output.as_fd(),
        errors: errors.as_fd(),
    };
    leave(engine.attach(&flags.container, &streams).map_err(|error| Failure::of_engine(what, &error))?)
}

/// As the program ended; wait statuses have eight bits, so nothing is lost.
pub(crate) fn leave(left: Left) -> Result<ExitCode, Failure> {
    match left {
        Left::Ended(exit) => Ok(ExitCode::from(exit.code.to_le_bytes()[0])),
        Left::Detached => Ok(ExitCode::SUCCESS),
    }
}
