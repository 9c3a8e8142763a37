// SPDX-License-Identifier: Apache-2.0
//! Developer commands: `cargo xtask` prints the manual.
#![forbid(unsafe_code)]

mod bench;
mod command;
mod failure;
mod fuzz;
mod images;
mod lane;
mod leftovers;
mod packages;
mod peers;
mod project;
#[cfg(test)]
mod rules;
mod test;

use std::process::ExitCode;

use failure::{Failure, Result};
use project::Project;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<ExitCode> {
    let Some((verb, rest)) = arguments.split_first() else {
        print!("{MANUAL}");
        return Ok(ExitCode::SUCCESS);
    };
    match verb.as_str() {
        "help" | "--help" | "-h" => print!("{MANUAL}"),
        "bench-worker" => bench::work(rest)?,
        "bench" => bench::bench(&Project::find()?, rest)?,
        "fuzz" => fuzz::fuzz(&Project::find()?, rest)?,
        "packages" => packages::install(&Project::find()?)?,
        "lane" => lane::command(&Project::find()?, rest)?,
        // Its last line is the totals: nothing is said after it.
        "test" if !test::test(&Project::find()?, rest)? => return Ok(ExitCode::FAILURE),
        "test" => {}
        "images" => drop(images::make(&Project::find()?, images::Extent::All)?),
        other => return Err(Failure::new(format!("no command named {other}; `cargo xtask` lists them"))),
    }
    Ok(ExitCode::SUCCESS)
}

const MANUAL: &str = "\
Developer commands.

  cargo xtask test [--quick] [--only GROUP [NAME]]
        Everything that is claimed, tested; the last line is 'N passed, M failed, K skipped', with each
        skip named above it. Needs root and Debian. --quick is for your own loop: the dev profile, lints,
        unit tests and e2e. --only takes packages, lints, unit, fuzz, doc, drill, e2e, conformance,
        attack, lane; NAME is part of the names of the tests.
            cargo xtask test --quick --only e2e smoke::

  cargo xtask packages
        Installs the Debian packages of tests/packages.txt that are missing. Starts no service.
            cargo xtask packages

  cargo xtask images
        Makes the test images that are missing or stale, in target/test-images.
            cargo xtask images

  cargo xtask bench NAME
        Side by side with the peers, in one run; the table goes to docs/benchmarks.md.
            cargo xtask bench run
            cargo xtask bench images --only pull,again --rounds 3

  cargo xtask fuzz [TARGET...] [--seconds N] [--jobs N] [--keep] [--replay]
        libFuzzer on every parser of bytes from strangers. --keep merges what was found into fuzz/corpus;
        --replay calls the same functions with what is kept, without libFuzzer.
            cargo xtask fuzz tar unpack --seconds 120 --jobs 2

  cargo xtask lane [--kernel generic|bpo] [--quick] [--all] [--binary FILE] [-- COMMAND...]
        Runs tests, or a command, on a Debian kernel in a machine emulated in software: cgroup v2 alone,
        AppArmor enforcing. Installs nothing. --quick takes the dev profile, --all every suite.
            cargo xtask lane -- bulkhead drill
";
