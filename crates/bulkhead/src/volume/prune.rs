// SPDX-License-Identifier: Apache-2.0
//! `bulkhead volume prune`.

use std::io::BufRead as _;

use clap::Args;
use engine::filters::Filters;
use engine::volumes::Whose;

use crate::failure::Failure;
use crate::global::Global;
use crate::{human, output};

/// Remove volumes that no container has
///
/// Only those that were made for one container, unless all are asked for.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead volume prune --force --filter label!=keep")]
pub(super) struct Flags {
    /// Those with a name as well
    #[arg(short, long)]
    all: bool,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
    /// Only those with label=NAME[=VALUE], or without it by label!=; may be given more than once
    #[arg(long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
}

pub(super) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = "cannot remove volumes";
    let told = |error| Failure::of_engine(what, &error);
    let filters = Filters::parse(&flags.filter).map_err(told)?;
    if !flags.force && !agreed(flags.all)? {
        return Ok(());
    }
    let whose = if flags.all { Whose::Anyones } else { Whose::Anonymous };
    let pruned = global.engine(what)?.prune_volumes(whose, &filters).map_err(told)?;
    let mut text = String::new();
    if !pruned.volumes.is_empty() {
        text.push_str(&format!("Deleted Volumes:\n{}\n\n", pruned.volumes.join("\n")));
    }
    text.push_str(&format!("Total reclaimed space: {}\n", human::size(pruned.bytes)));
    output::print(&text)
}

/// Docker's question; whatever is not a yes is a no, the end of input too.
fn agreed(all: bool) -> Result<bool, Failure> {
    let which = if all { "all" } else { "anonymous" };
    output::print(&format!(
        "WARNING! This will remove {which} local volumes not used by at least one container.\n\
         Are you sure you want to continue? [y/N] "
    ))?;
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut answer)
        .map_err(|error| Failure::stopped("cannot read the answer", &error))?;
    Ok(matches!(answer.trim(), "y" | "Y"))
}
