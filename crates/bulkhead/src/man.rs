// SPDX-License-Identifier: Apache-2.0
//! `bulkhead man DIR`: the manual pages, for whoever packages us.

use std::path::PathBuf;

use clap::Args;

use crate::cli;
use crate::failure::Failure;

/// Write the manual pages into a directory
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead man /usr/share/man/man1")]
pub(crate) struct Flags {
    /// The directory, which exists
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(crate) fn call(flags: &Flags) -> Result<(), Failure> {
    let written = clap_mangen::generate_to(cli::command(), &flags.directory);
    written.map_err(|error| {
        Failure::stopped(format!("cannot write manual pages into {}", flags.directory.display()), &error)
    })
}
