// SPDX-License-Identifier: Apache-2.0
//! The command line as a whole: the verbs, and Docker's way of reading flags.
//!
//! Docker's differs from clap's in three things: a switch takes `=true` and `=false`, the word behind
//! a flag is its value even when it begins with a dash, and the last of several wins. There are two
//! forms of the same command: [`command`] is what help, completions and manual pages show,
//! [`parser`] is what reads.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::failure::Failure;
use crate::flags::switch;
use crate::global::Global;
use crate::palette::{self, Palette, When};
use crate::{
    attach, commit, completions, container, copy, cp, create, diff, drill, exec, export, groups, history,
    image, images, import, inspect, kill, load, login, logout, logs, man, manifest, output, ps, pull, push,
    registry, rm, rmi, run, save, start, stop, system, tag, usage, volume, wait, walls,
};

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
    Pull(pull::Flags),
    Push(push::Flags),
    Load(load::Flags),
    Save(save::Flags),
    Import(import::Flags),
    Images(images::Flags),
    Inspect(inspect::Flags),
    History(history::Flags),
    Tag(tag::Flags),
    Rmi(rmi::Flags),
    Login(login::Flags),
    Logout(logout::Flags),
    Copy(copy::Flags),
    Manifest(manifest::Flags),
    Registry(registry::Flags),
    Create(Box<create::Flags>),
    Start(start::Flags),
    Stop(stop::Flags),
    Kill(kill::Flags),
    Wait(wait::Flags),
    Exec(exec::Flags),
    Attach(attach::Flags),
    Logs(logs::Flags),
    Ps(ps::Flags),
    Rm(rm::Flags),
    Diff(diff::Flags),
    Cp(cp::Flags),
    Export(export::Flags),
    Commit(commit::Flags),
    Image(image::Flags),
    Container(container::Flags),
    System(system::Flags),
    Volume(volume::Flags),
    Walls(walls::Flags),
    Drill(Box<drill::Flags>),
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
            Verb::Create(flags) => return create::call(*flags, global),
            Verb::Start(flags) => return start::call(&flags, global),
            Verb::Exec(flags) => return exec::call(flags, global),
            Verb::Attach(flags) => return attach::call(&flags, global),
            Verb::Stop(flags) => stop::call(&flags, global),
            Verb::Kill(flags) => kill::call(&flags, global),
            Verb::Wait(flags) => wait::call(&flags, global),
            Verb::Logs(flags) => logs::call(&flags, global),
            Verb::Pull(flags) => pull::call(&flags, global),
            Verb::Push(flags) => push::call(&flags, global),
            Verb::Load(flags) => load::call(&flags, global),
            Verb::Save(flags) => save::call(&flags, global),
            Verb::Import(flags) => import::call(&flags, global),
            Verb::Images(flags) => images::call(&flags, global),
            Verb::Inspect(flags) => inspect::call(&flags, global),
            Verb::History(flags) => history::call(&flags, global),
            Verb::Tag(flags) => tag::call(&flags, global),
            Verb::Rmi(flags) => rmi::call(&flags, global),
            Verb::Login(flags) => login::call(&flags),
            Verb::Logout(flags) => logout::call(&flags),
            Verb::Copy(flags) => copy::call(&flags),
            Verb::Manifest(flags) => manifest::call(&flags),
            Verb::Registry(flags) => registry::call(&flags),
            Verb::Ps(flags) => ps::call(&flags, global),
            Verb::Rm(flags) => rm::call(&flags, global),
            Verb::Diff(flags) => diff::call(&flags, global),
            Verb::Cp(flags) => cp::call(&flags, global),
            Verb::Export(flags) => export::call(&flags, global),
            Verb::Commit(flags) => commit::call(&flags, global),
            Verb::Image(flags) => image::call(&flags, global),
            Verb::Container(flags) => container::call(&flags, global),
            Verb::System(flags) => system::call(&flags, global),
            Verb::Volume(flags) => volume::call(&flags, global),
            Verb::Walls(flags) => walls::call(&flags, global),
            Verb::Drill(flags) => drill::call(*flags, global),
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
    /// What it says about colours.
    pub(crate) fn color(&self) -> When {
        match self {
            Self::Call(line) => line.global.color,
            Self::Text(_) => When::Auto,
        }
    }

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
    // Scripts ask this first and often; all verbs with their flags take longer to describe than to answer it.
    if let [_, flag] = args
        && flag == "--version"
    {
        return Ok(Asked::Text(format!("bulkhead {}\n", env!("CARGO_PKG_VERSION"))));
    }
    let matches = parser().try_get_matches_from(args);
    let error = match matches.and_then(|mut matches| CommandLine::from_arg_matches_mut(&mut matches)) {
        Ok(line) => return Ok(Asked::Call(Box::new(line))),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayVersion => Ok(Asked::Text(error.to_string())),
        ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let palette = Palette::of_stdout(palette::asked_for(args));
            Ok(Asked::Text(palette.of_clap(help(&usage::verbs_of(args)))))
        }
        _ => Err(usage::failure(&error, args)),
    }
}

/// The form that help, completions and manual pages show.
pub(crate) fn command() -> Command {
    with_help_flag(groups::introduced(CommandLine::command()))
}

fn with_help_flag(command: Command) -> Command {
    // The letter is the host name's in `run`, as it is in Docker.
    let taken = command.get_arguments().any(|arg| arg.get_short() == Some('h'));
    let flag = if taken { help_flag() } else { help_flag().short('h') };
    command.disable_help_flag(true).arg(flag).mut_subcommands(with_help_flag)
}

/// The form that reads.
fn parser() -> Command {
    command().mut_subcommands(reading_as_docker_does)
}

fn reading_as_docker_does(verb: Command) -> Command {
    verb.mut_args(read_as_docker_does).mut_subcommands(reading_as_docker_does)
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

fn help_flag() -> Arg {
    let flag = Arg::new("help").long("help").action(ArgAction::HelpShort).help("Print help");
    flag.help_heading("Global options").display_order(LAST)
}

/// The help of a verb, by the words that lead to it, or of the whole.
fn help(verbs: &[String]) -> StyledStr {
    let mut whole = command();
    whole.build();
    let verb = verbs.iter().try_fold(&mut whole, |command, verb| command.find_subcommand_mut(verb));
    let Some(command) = verb.filter(|_| !verbs.is_empty()) else { return whole.render_help() };
    // The first paragraph is the line that the list of verbs shows; the rest goes below it.
    let text = command.get_long_about().map(ToString::to_string).unwrap_or_default();
    match text.split_once("\n\n") {
        Some((_, more)) => command.clone().before_help(more.to_owned()).help_template(TEMPLATE).render_help(),
        None => command.render_help(),
    }
}

const LAST: usize = 1000;
const TEMPLATE: &str = "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

#[cfg(test)]
impl CommandLine {
    /// The flags of `run`, when that is the verb.
    pub(crate) fn into_run(self) -> Option<run::Flags> {
        match self.verb {
            Verb::Run(flags) => Some(*flags),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> Result<Asked, Failure> {
        parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn text(words: &[&str]) -> String {
        match asked(words) {
            Ok(Asked::Text(text)) => text,
            other => panic!("{words:?} gave {other:?}"),
        }
    }

    /// All verbs, by the words that lead to them.
    fn verbs() -> Vec<Vec<String>> {
        fn below(command: &Command, before: &[String], found: &mut Vec<Vec<String>>) {
            for verb in command.get_subcommands() {
                let words = [before, &[verb.get_name().to_owned()]].concat();
                found.push(words.clone());
                below(verb, &words, found);
            }
        }
        let mut found = Vec::new();
        below(&command(), &[], &mut found);
        found
    }

    #[test]
    fn the_parser_is_sound() {
        command().debug_assert();
        parser().debug_assert();
    }

    #[test]
    fn every_help_ends_with_an_example() {
        for verb in verbs() {
            let words: Vec<&str> = verb.iter().map(String::as_str).collect();
            let help = text(&[&["bulkhead"], &words[..], &["--help"]].concat());
            let verb = verb.join(" ");
            let (_, examples) =
                help.split_once("\nExample").unwrap_or_else(|| panic!("no example in:\n{help}"));
            assert!(examples.contains(&format!("bulkhead {verb}")), "{help}");
            assert!(examples.lines().skip(1).all(|line| line.starts_with("  ")), "{help}");
        }
    }

    #[test]
    fn every_flag_is_explained_in_a_sentence_without_a_full_stop() {
        let whole = command();
        for verb in verbs() {
            let verb = verb.iter().fold(&whole, |command, verb| command.find_subcommand(verb).unwrap());
            for arg in verb.get_arguments() {
                let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
                assert!(
                    !help.is_empty() && !help.ends_with('.'),
                    "{} {}: {help:?}",
                    verb.get_name(),
                    arg.get_id()
                );
            }
        }
    }

    #[test]
    fn help_is_the_same_by_every_road() {
        let whole = text(&["bulkhead", "--help"]);
        assert!(whole.contains("Usage: bulkhead [OPTIONS] <VERB>"), "{whole}");
        for road in [
            &["bulkhead"][..],
            &["bulkhead", "-h"],
            &["bulkhead", "help"],
            &["bulkhead", "--root", "run", "-h"],
        ] {
            assert_eq!(text(road), whole);
        }
        let run = text(&["bulkhead", "run", "--help"]);
        assert!(run.contains("Usage: bulkhead run [OPTIONS] IMAGE [COMMAND] [ARG...]"), "{run}");
        for road in [&["bulkhead", "help", "run"][..], &["bulkhead", "run", "--rm=false", "--help"]] {
            assert_eq!(text(road), run);
        }
        let images = text(&["bulkhead", "images", "--help"]);
        assert_eq!(text(&["bulkhead", "images", "-h"]), images);
    }

    #[test]
    fn the_version_is_one_line() {
        assert_eq!(text(&["bulkhead", "--version"]), format!("bulkhead {}\n", env!("CARGO_PKG_VERSION")));
    }

    #[test]
    fn no_flag_of_a_later_version_is_taken() {
        let later =
            ["-p", "--publish", "--restart", "--health-cmd", "--dns", "--link", "--gpus", "--runtime"];
        for flag in later {
            let failure = asked(&["bulkhead", "run", flag, "img"]).unwrap_err();
            let (words, code) = crate::failure::tests::told(&failure);
            assert!(words.starts_with(&format!("error: `bulkhead run` has no flag {flag}\n")), "{words}");
            assert_eq!(code, 125);
        }
    }
}
