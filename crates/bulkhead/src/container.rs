// SPDX-License-Identifier: Apache-2.0
//! `bulkhead container`: the verbs about containers, under the names that Docker has for them as well.

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::global::Global;
use crate::{commit, cp, diff, export, inspect, ps, rm};

/// Manage containers
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_help = "Example:\n  bulkhead container ls -a"
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(visible_aliases = ["list", "ps"])]
    Ls(ps::Flags),
    Inspect(inspect::OfContainers),
    #[command(visible_alias = "remove")]
    Rm(rm::Flags),
    Diff(diff::Flags),
    Cp(cp::Flags),
    Export(export::Flags),
    Commit(commit::Flags),
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    match &flags.verb {
        Verb::Ls(flags) => ps::call(flags, global),
        Verb::Inspect(flags) => inspect::containers(flags, global),
        Verb::Rm(flags) => rm::call(flags, global),
        Verb::Diff(flags) => diff::call(flags, global),
        Verb::Cp(flags) => cp::call(flags, global),
        Verb::Export(flags) => export::call(flags, global),
        Verb::Commit(flags) => commit::call(flags, global),
    }
}
