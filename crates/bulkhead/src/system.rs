// SPDX-License-Identifier: Apache-2.0
//! `bulkhead system`: the whole of it.

mod df;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::global::Global;

/// Look at what everything together takes
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_help = "Example:\n  bulkhead system df"
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Df(df::Flags),
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    match &flags.verb {
        Verb::Df(flags) => df::call(flags, global),
    }
}
