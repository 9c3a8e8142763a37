// SPDX-License-Identifier: Apache-2.0
//! Developer commands: `cargo xtask` prints the manual.
#![forbid(unsafe_code)]

mod bench;
mod command;
mod failure;
mod images;
mod leftovers;
mod packages;
mod peers;
mod project;

use std::process::ExitCode;

use failure::{Failure, Result};
use project::Project;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let Some((verb, rest)) = arguments.split_first() else {
        print!("{MANUAL}");
        return Ok(());
    };
    match verb.as_str() {
        "help" | "--help" | "-h" => print!("{MANUAL}"),
        "bench-worker" => bench::work(rest)?,
        "bench" => bench::bench(&Project::find()?, rest)?,
        "packages" => packages::install(&Project::find()?)?,
        "images" => drop(images::make(&Project::find()?, images::Extent::All)?),
        other => return Err(Failure::new(format!("no command named {other}; `cargo xtask` lists them"))),
    }
    Ok(())
}

const MANUAL: &str = "\
Developer commands.

";
