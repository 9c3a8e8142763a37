// SPDX-License-Identifier: Apache-2.0
//! `bulkhead image prune`: images that nobody needs go away.

use std::io::BufRead as _;

use clap::Args;
use engine::Removal;
use engine::prune::{Filter, Prune, Unused};

use crate::failure::Failure;
use crate::global::Global;
use crate::{human, output};

/// Remove images that nobody needs
///
/// Those without a name go, with -a all that no container uses. What a container uses stays, and what
/// a pull or a run is about to use. Space is counted as it comes free: files of layers that no image
/// has any longer, and the content that they came in.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead image prune -a --filter until=240h --filter 'label!=keep'")]
pub(crate) struct Flags {
    /// Images with a name as well
    #[arg(short, long)]
    all: bool,
    /// Only some of them: until=TIME|DURATION, label=NAME[=VALUE], label!=NAME[=VALUE], dangling=true|false
    #[arg(long, value_name = "FILTER", value_parser = Filter::parse)]
    filter: Vec<Filter>,
    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = "cannot remove images";
    let unused = if flags.all { Unused::All } else { Unused::Nameless };
    let request = Prune::new(unused, &flags.filter).map_err(|error| Failure::of_engine(what, &error))?;
    if !flags.force && !agreed(request.unused())? {
        return Ok(());
    }
    let pruned = global.engine(what)?.prune_images(&request);
    let pruned = pruned.map_err(|error| Failure::of_engine(what, &error))?;
    let mut text = String::new();
    if !pruned.removed.is_empty() {
        let lines = pruned.removed.iter().map(line).collect::<String>();
        text = format!("Deleted Images:\n{lines}\n");
    }
    output::print(&format!("{text}Total reclaimed space: {}\n", human::sum(pruned.reclaimed)))
}

/// Docker's words, which are not those of `rmi`.
fn line(removal: &Removal) -> String {
    let line = match removal {
        Removal::Untagged(reference) => format!("untagged: {reference}"),
        Removal::Deleted(id) => format!("deleted: {id}"),
    };
    output::visible(&line) + "\n"
}

/// Asks as Docker does, and reads the answer from standard input, whatever that is: only `y` agrees.
fn agreed(unused: Unused) -> Result<bool, Failure> {
    let what = match unused {
        Unused::Nameless => "all dangling images.",
        Unused::All => "all images without at least one container associated to them.",
    };
    output::print(&format!("WARNING! This will remove {what}\nAre you sure you want to continue? [y/N] "))?;
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::stopped("cannot read the answer", &error))?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}
