// SPDX-License-Identifier: Apache-2.0
//! The command line as a whole: the verbs, and Docker's way of reading flags.
//!
//! Docker's differs from clap's in three things: a switch takes `=true` and `=false`, the word behind
//! a flag is its value even when it begins with a dash, and the last of several wins. There are two
//! forms of the same command: [`command`] is what help, completions and manual pages show,
//! [`parser`] is what reads.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::failure::Failure;
use crate::flags::switch;
use crate::global::Global;
use crate::palette::{self, Palette};
use crate::{completions, drill, history, images, import, inspect, load};
use crate::{man, output, ps, rm, rmi, run, tag, usage, walls};

/// Run containers behind walls that stand unless you take them down
#[derive(Debug, Parser)]
#[command(
    name = "bulkhead",
    version,
    args_override_self = true,
    max_term_width = 100,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_help = "Examples:\n  bulkhead drill\n  bulkhead run --rm -it debian:12 bash\n\n\
                  `bulkhead VERB --help` explains a verb."
)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Run(Box<run::Flags>),
    Load(load::Flags),
    Import(import::Flags),
    Images(images::Flags),
    Inspect(inspect::Flags),
    History(history::Flags),
    Tag(tag::Flags),
    Rmi(rmi::Flags),
    Ps(ps::Flags),
    Rm(rm::Flags),
    Walls(walls::Flags),
    Drill(drill::Flags),
    Completions(completions::Flags),
    #[command(hide = true)]
    Man(man::Flags),
}

impl CommandLine {
    /// Does what was asked for.
    pub(crate) fn call(self) -> Result<ExitCode, Failure> {
        let global = &self.global;
        match self.verb {
            Verb::Run(flags) => return run::call(*flags, global),
            Verb::Load(flags) => load::call(&flags, global),
            Verb::Import(flags) => import::call(&flags, global),
            Verb::Images(flags) => images::call(&flags, global),
            Verb::Inspect(flags) => inspect::call(&flags, global),
            Verb::History(flags) => history::call(&flags, global),
            Verb::Tag(flags) => tag::call(&flags, global),
            Verb::Rmi(flags) => rmi::call(&flags, global),
            Verb::Ps(flags) => ps::call(&flags, global),
            Verb::Rm(flags) => rm::call(&flags, global),
            Verb::Walls(flags) => walls::call(&flags, global),
            Verb::Drill(flags) => drill::call(flags, global),
            Verb::Completions(flags) => completions::call(&flags),
            Verb::Man(flags) => man::call(&flags),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

/// What a command line comes to.
#[derive(Debug)]
pub(crate) enum Asked {
    /// A verb.
    Call(Box<CommandLine>),
    /// Help or the version, which is this text.
    Text(String),
}

impl Asked {
    /// Does it.
    pub(crate) fn answer(self) -> Result<ExitCode, Failure> {
        match self {
            Self::Call(line) => line.call(),
            Self::Text(text) => output::print(&text).map(|()| ExitCode::SUCCESS),
        }
    }
}

/// Reads `args`, the program's name first.
pub(crate) fn parse(args: &[OsString]) -> Result<Asked, Failure> {
    let matches = parser().try_get_matches_from(args);
    let error = match matches.and_then(|mut matches| CommandLine::from_arg_matches_mut(&mut matches)) {
        Ok(line) => return Ok(Asked::Call(Box::new(line))),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayVersion => Ok(Asked::Text(error.to_string())),
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let palette = Palette::of_stdout(palette::asked_for(args));
            Ok(Asked::Text(palette.of_clap(help(args, error).render())))
        }
        _ => Err(usage::failure(&error, args)),
    }
}

/// The form that help, completions and manual pages show.
pub(crate) fn command() -> Command {
    CommandLine::command()
}

/// The form that reads.
fn parser() -> Command {
    command().mut_subcommands(|verb| verb.mut_args(read_as_docker_does))
}

fn read_as_docker_does(arg: Arg) -> Arg {
    match arg.get_action() {
        ArgAction::SetTrue => arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_value("false")
            .default_missing_value("true")
            .value_parser(switch::parse),
        ArgAction::Set | ArgAction::Append if !arg.is_positional() => arg.allow_hyphen_values(true),
        _ => arg,
    }
}

/// The help that `args` ask for, as [`command`] writes it; `found` is what [`parser`] made of it.
fn help(args: &[OsString], found: clap::Error) -> clap::Error {
    match command().try_get_matches_from(args) {
        Err(error) if error.kind() == found.kind() => error,
        _ => found,
    }
}
