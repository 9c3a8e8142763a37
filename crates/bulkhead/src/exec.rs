// SPDX-License-Identifier: Apache-2.0
//! `bulkhead exec`: another program in a container that runs, behind the same walls.

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use engine::request::{ExecRequest, Stdin, Terminal};
use engine::{Danger, Streams};

use crate::attach;
use crate::failure::Failure;
use crate::flags::env;
use crate::global::Global;
use crate::run::OURS;

/// Run another program in a container that runs
///
/// It gets the same walls as the container's first one. Flags end at CONTAINER.
#[derive(Debug, Args)]
#[command(
    override_usage = "bulkhead exec [OPTIONS] CONTAINER COMMAND [ARG...]",
    after_help = "Examples:\n  bulkhead exec -it web sh\n  bulkhead exec -u nobody web id"
)]
pub(crate) struct Flags {
    /// The container, then the program and its arguments
    #[arg(required = true, num_args = 2.., trailing_var_arg = true, value_name = "CONTAINER")]
    words: Vec<String>,
    /// Leave it running
    #[arg(short, long)]
    detach: bool,
    /// Pass standard input on
    #[arg(short, long)]
    interactive: bool,
    /// Give the program a terminal
    #[arg(short, long)]
    tty: bool,
    /// Set a variable, or pass ours on; may be given more than once
    #[arg(short, long, value_name = "NAME[=VALUE]", value_parser = env::parse)]
    env: Vec<(String, Option<String>)>,
    /// Read variables from a file, one on each line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// The directory to start in
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// The user, and the group, by name or number
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// Give it every capability
    #[arg(long)]
    privileged: bool,
}

pub(crate) fn call(flags: Flags, global: &Global) -> Result<ExitCode, Failure> {
    let mut words = flags.words.into_iter();
    let container = words.next().unwrap_or_default();
    let complaint = |flag: &str, what: &str| Failure::new(format!("{flag}: {what}")).code(OURS);
    let variable = |name: &str| std::env::var(name);
    let mut variables =
        env::of_files(&flags.env_file, &variable).map_err(|what| complaint("--env-file", &what))?;
    variables.extend(env::of_flags(flags.env, &variable).map_err(|what| complaint("--env", &what))?);
    let request = ExecRequest {
        command: words.collect(),
        env: variables,
        workdir: flags.workdir.filter(|text| !text.is_empty()),
        user: flags.user.filter(|text| !text.is_empty()),
        stdin: if flags.interactive { Stdin::Open } else { Stdin::Closed },
        terminal: if flags.tty { Terminal::Allocate } else { Terminal::None },
        window: (0, 0),
        privileged: flags.privileged.then(|| Danger::asked_by("exec --privileged")),
    };
    let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    if flags.tty && flags.interactive && !input.is_terminal() {
        return Err(Failure::new("-t: standard input is not a terminal").code(1));
    }
    let what = format!("cannot run {} in {container}", request.command.first().map_or("", String::as_str));
    let engine = global.engine(&what).map_err(|failure| failure.code(OURS))?;
    let streams = Streams {
        input: flags.interactive.then(|| input.as_fd()),
        output: output.as_fd(),
        errors: errors.as_fd(),
    };
    let left = engine.exec(&container, &request, (!flags.detach).then_some(&streams));
    attach::leave(left.map_err(|error| Failure::of_engine(what, &error).code(code(&error)))?)
}

/// Docker's: 1 when there is no such container or it does not run, 126 and 127 when the program is the problem.
fn code(error: &engine::Error) -> u8 {
    match error {
        engine::Error::NoSuchContainer { .. } | engine::Error::WrongState { .. } => 1,
        other => other.exit_code(),
    }
}
