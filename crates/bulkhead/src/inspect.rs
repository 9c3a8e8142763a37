// SPDX-License-Identifier: Apache-2.0
//! `bulkhead inspect`: all that is known of an image or a container.

use clap::Args;
use engine::{Engine, Error};
use serde_json::Value;

use crate::documents;
use crate::failure::Failure;
use crate::global::Global;
use crate::rmi::each;

/// Show all that is known of images and containers, as JSON
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bulkhead inspect debian:12\n  bulkhead inspect -f '{{json .Config.Env}}' debian:12"
)]
pub(crate) struct Flags {
    /// Names or ids
    #[arg(value_name = "NAME|ID", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    documents: documents::Flags,
}

/// Show all that is known of images, as JSON
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead image inspect debian:12")]
pub(crate) struct OfImages {
    /// Names or ids
    #[arg(value_name = "IMAGE", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    documents: documents::Flags,
}

/// Show all that is known of containers, as JSON
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead container inspect web")]
pub(crate) struct OfContainers {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    names: Vec<String>,
    #[command(flatten)]
    documents: documents::Flags,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    shown(&flags.names, &flags.documents, global, Engine::inspect)
}

pub(crate) fn images(flags: &OfImages, global: &Global) -> Result<(), Failure> {
    shown(&flags.names, &flags.documents, global, Engine::inspect_image)
}

pub(crate) fn containers(flags: &OfContainers, global: &Global) -> Result<(), Failure> {
    shown(&flags.names, &flags.documents, global, Engine::inspect_container)
}

fn shown(
    names: &[String],
    documents: &documents::Flags,
    global: &Global,
    look: impl Fn(&Engine, &str) -> Result<Value, Error>,
) -> Result<(), Failure> {
    let form = documents.form()?;
    let engine = global.engine("cannot inspect")?;
    let mut found = Vec::new();
    let outcome = each(names, "inspect", |name| {
        found.push(look(&engine, name)?);
        Ok(String::new())
    });
    // As Docker does: what was found is printed, whatever happened to the rest.
    form.print(&found, outcome)
}
