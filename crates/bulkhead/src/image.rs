// SPDX-License-Identifier: Apache-2.0
//! `bulkhead image`: the verbs about images, under the names that Docker has for them as well.

mod prune;

use clap::{Args, Subcommand};

use crate::failure::Failure;
use crate::global::Global;
use crate::{history, images, import, inspect, load, pull, push, rmi, save, tag};

/// Manage images
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_help = "Example:\n  bulkhead image prune --filter until=24h"
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    #[command(visible_alias = "list")]
    Ls(images::Flags),
    Pull(pull::Flags),
    Push(push::Flags),
    Load(load::Flags),
    Save(save::Flags),
    Import(import::Flags),
    Inspect(inspect::OfImages),
    History(history::Flags),
    Tag(tag::Flags),
    #[command(visible_alias = "remove")]
    Rm(rmi::Flags),
    Prune(prune::Flags),
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    match &flags.verb {
        Verb::Ls(flags) => images::call(flags, global),
        Verb::Pull(flags) => pull::call(flags, global),
        Verb::Push(flags) => push::call(flags, global),
        Verb::Load(flags) => load::call(flags, global),
        Verb::Save(flags) => save::call(flags, global),
        Verb::Import(flags) => import::call(flags, global),
        Verb::Inspect(flags) => inspect::images(flags, global),
        Verb::History(flags) => history::call(flags, global),
        Verb::Tag(flags) => tag::call(flags, global),
        Verb::Rm(flags) => rmi::call(flags, global),
        Verb::Prune(flags) => prune::call(flags, global),
    }
}
