// SPDX-License-Identifier: Apache-2.0
//! `bulkhead start`: containers that were made or have ended run, and go on without us.

use std::os::fd::AsFd;
use std::process::ExitCode;

use clap::Args;
use engine::Streams;

use crate::failure::Failure;
use crate::global::Global;
use crate::rmi::each;
use crate::{attach, output};

/// Start containers that do not run
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  bulkhead start web\n  bulkhead start -ai shell")]
pub(crate) struct Flags {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required = true)]
    containers: Vec<String>,
    /// Show its output, and end as it ends
    #[arg(short, long)]
    attach: bool,
    /// Pass standard input on
    #[arg(short, long)]
    interactive: bool,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<ExitCode, Failure> {
    let engine = global.engine("cannot start containers")?;
    let [container] = &flags.containers[..] else {
        if flags.attach || flags.interactive {
            return Err(Failure::new("you cannot start and attach multiple containers at once"));
        }
        each(&flags.containers, "start", |container| {
            engine.start(container)?;
            Ok(output::visible(container) + "\n")
        })?;
        return Ok(ExitCode::SUCCESS);
    };
    if !flags.attach && !flags.interactive {
        let started = engine.start(container);
        started.map_err(|error| Failure::of_engine(format!("cannot start {container}"), &error))?;
        output::print(&(output::visible(container) + "\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let streams = Streams {
        input: flags.interactive.then(|| input.as_fd()),
        output: output.as_fd(),
        errors: errors.as_fd(),
    };
    let left = engine.start_attached(container, &streams);
    attach::leave(left.map_err(|error| Failure::of_engine(format!("cannot start {container}"), &error))?)
}
