// SPDX-License-Identifier: Apache-2.0
//! `bulkhead volume`: directories that outlive containers.

mod list;
mod prune;

use clap::{Args, Subcommand};
use engine::volumes::VolumeRequest;

use crate::failure::Failure;
use crate::flags::{Complaint, labels};
use crate::global::Global;
use crate::rmi::each;
use crate::{documents, output};

/// Manage volumes
#[derive(Debug, Args)]
#[command(
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_help = "Example:\n  bulkhead volume create data && bulkhead run --rm -v data:/data debian:12 touch /data/x"
)]
pub(crate) struct Flags {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Create(Create),
    #[command(visible_alias = "list")]
    Ls(list::Flags),
    Inspect(Inspect),
    #[command(visible_alias = "remove")]
    Rm(Rm),
    Prune(prune::Flags),
}

/// Make a volume
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead volume create --label tier=db data")]
struct Create {
    /// Its name; one is made up otherwise
    #[arg(value_name = "VOLUME")]
    name: Option<String>,
    /// A label; may be given more than once
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = labels::parse)]
    label: Vec<(String, String)>,
    /// Who keeps it; there is local alone
    #[arg(short, long, value_name = "DRIVER", default_value = "local", value_parser = driver)]
    driver: String,
    /// An option of the driver; local has none yet
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = option)]
    opt: Vec<String>,
}

/// Show all that is known of volumes, as JSON
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead volume inspect -f '{{.Mountpoint}}' data")]
struct Inspect {
    /// Names
    #[arg(value_name = "VOLUME", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    documents: documents::Flags,
}

/// Remove volumes that no container has, with their files
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead volume rm data")]
struct Rm {
    /// Names
    #[arg(value_name = "VOLUME", required = true)]
    names: Vec<String>,
    /// Pass over those that are not there
    #[arg(short, long)]
    force: bool,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    match &flags.verb {
        Verb::Create(flags) => create(flags, global),
        Verb::Ls(flags) => list::call(flags, global),
        Verb::Inspect(flags) => inspect(flags, global),
        Verb::Rm(flags) => remove(flags, global),
        Verb::Prune(flags) => prune::call(flags, global),
    }
}

fn create(flags: &Create, global: &Global) -> Result<(), Failure> {
    let what = "cannot make a volume";
    let request = VolumeRequest { name: flags.name.clone(), labels: flags.label.clone() };
    let volume = global.engine(what)?.create_volume(&request);
    let volume = volume.map_err(|error| Failure::of_engine(what, &error))?;
    output::print(&(volume.name + "\n"))
}

fn inspect(flags: &Inspect, global: &Global) -> Result<(), Failure> {
    let form = flags.documents.form()?;
    let engine = global.engine("cannot inspect")?;
    let mut found = Vec::new();
    let outcome = each(&flags.names, "inspect", |name| {
        found.push(engine.inspect_volume(name)?);
        Ok(String::new())
    });
    form.print(&found, outcome)
}

fn remove(flags: &Rm, global: &Global) -> Result<(), Failure> {
    let engine = global.engine("cannot remove volumes")?;
    each(&flags.names, "remove volume", |name| match engine.remove_volume(name) {
        Err(engine::Error::NoSuchVolume { .. }) if flags.force => Ok(format!("{}\n", output::visible(name))),
        other => other.map(|()| format!("{}\n", output::visible(name))),
    })
}

fn driver(text: &str) -> Result<String, Complaint> {
    match text {
        "local" => Ok(text.to_owned()),
        other => Err(format!("there is no volume driver {other:?}: local is the one")),
    }
}

fn option(text: &str) -> Result<String, Complaint> {
    Err(format!(
        "{text:?} is not supported yet: a volume is a directory of the engine's; -v takes paths of the host"
    ))
}
