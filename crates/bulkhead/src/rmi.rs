// SPDX-License-Identifier: Apache-2.0
//! `bulkhead rmi`: names and images go away.

use clap::Args;
use engine::{Force, Removal};

use crate::failure::Failure;
use crate::global::Global;
use crate::output;

/// Remove images
///
/// A name goes; the image goes with its last name, and its layers with the last image that has them.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead rmi debian:12")]
pub(crate) struct Flags {
    /// Names or ids
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,
    /// Remove an image that is called by its id although it has several names
    #[arg(short, long)]
    force: bool,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let engine = global.engine("cannot remove images")?;
    each(&flags.images, "remove", |image| {
        let force = if flags.force { Force::Yes } else { Force::No };
        let removed = engine.remove_image(image, force)?;
        Ok(removed.iter().map(line).collect())
    })
}

/// Does `act` for each of `names` and prints what it says. One that fails does not keep the others
/// back, and all failures are told in the end.
pub(crate) fn each(
    names: &[String],
    verb: &str,
    mut act: impl FnMut(&str) -> Result<String, engine::Error>,
) -> Result<(), Failure> {
    let mut outcome = Ok(());
    for name in names {
        match act(name) {
            Ok(text) => output::print(&text)?,
            Err(error) => {
                let failure = Failure::of_engine(format!("cannot {verb} {name}"), &error);
                outcome = Err(match outcome {
                    Ok(()) => failure,
                    Err(earlier) => Failure::and(earlier, failure),
                });
            }
        }
    }
    outcome
}

/// Docker's words.
fn line(removal: &Removal) -> String {
    let line = match removal {
        Removal::Untagged(reference) => format!("Untagged: {reference}"),
        Removal::Deleted(id) => format!("Deleted: {id}"),
    };
    output::visible(&line) + "\n"
}
