// SPDX-License-Identifier: Apache-2.0
//! A command line that could not be read, told in the same form as every other failure.
//!
//! Exit codes are Docker's: 125 for a flag, 1 for missing words and unknown verbs, but for `run` 125
//! always, so that a code below it is the program's own.

use std::error::Error as _;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

use crate::cli;
use crate::failure::Failure;
use crate::flags::nearest::nearest;

/// `args` begin with the program's name.
pub(crate) fn failure(error: &Error, args: &[OsString]) -> Failure {
    let verbs = verbs_of(args);
    let verb = (!verbs.is_empty()).then(|| verbs.join(" "));
    Failure::new(headline(error, verb.as_deref()))
        .hint(Some(hint(error, &verbs)))
        .code(code(error, verb.as_deref()))
}

fn headline(error: &Error, verb: Option<&str>) -> String {
    let flag = flag(error);
    let value = text(error, ContextKind::InvalidValue).unwrap_or_default();
    let caller = verb.map_or("bulkhead".to_owned(), |verb| format!("bulkhead {verb}"));
    match error.kind() {
        ErrorKind::UnknownArgument if flag.starts_with('-') => format!("`{caller}` has no flag {flag}"),
        ErrorKind::UnknownArgument => format!("`{caller}` cannot use the word {flag:?}"),
        ErrorKind::InvalidSubcommand => {
            format!("there is no verb {:?}", text(error, ContextKind::InvalidSubcommand).unwrap_or_default())
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("{flag} needs a value"),
        ErrorKind::InvalidValue => {
            format!("{flag}: {value:?} is not one of {}", strings(error, ContextKind::ValidValue).join(", "))
        }
        ErrorKind::ValueValidation => {
            let complaint =
                error.source().map_or_else(|| format!("{value:?} cannot be used"), ToString::to_string);
            format!("{flag}: {complaint}")
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = strings(error, ContextKind::InvalidArg);
            let missing: Vec<&str> = missing.iter().map(|name| without_placeholder(name)).collect();
            format!("`{caller}` needs {}", missing.join(" and "))
        }
        // The parser names every flag of a group here, be it given or not.
        ErrorKind::ArgumentConflict => format!("{flag} cannot be used together with what else is given"),
        ErrorKind::MissingSubcommand => format!("`{caller}` needs a verb"),
        ErrorKind::InvalidUtf8 => "a word on the command line is not UTF-8".to_owned(),
        // Kinds that our flags do not lead to; clap's first line says it.
        _ => {
            let rendered = error.to_string();
            let line = rendered.lines().next().unwrap_or_default();
            line.strip_prefix("error: ").unwrap_or(line).to_owned()
        }
    }
}

fn hint(error: &Error, verbs: &[String]) -> String {
    match meant(error, verbs) {
        Some(meant) => format!("did you mean {meant}?"),
        None if verbs.is_empty() => "`bulkhead --help` lists the verbs".to_owned(),
        None => format!("`bulkhead {} --help` explains its flags", verbs.join(" ")),
    }
}

/// What a mistyped word was probably meant to be.
fn meant(error: &Error, verbs: &[String]) -> Option<String> {
    let whole = cli::command();
    let command = verbs.iter().try_fold(&whole, |command, verb| command.find_subcommand(verb));
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let flags = command?.get_arguments().chain(whole.get_arguments()).filter_map(Arg::get_long);
            nearest(flag(error).strip_prefix("--")?, flags).map(|flag| format!("--{flag}"))
        }
        ErrorKind::InvalidSubcommand => {
            let verbs = command?.get_subcommands().filter(|verb| !verb.is_hide_set()).map(Command::get_name);
            nearest(&text(error, ContextKind::InvalidSubcommand)?, verbs).map(str::to_owned)
        }
        ErrorKind::InvalidValue => {
            let known = strings(error, ContextKind::ValidValue);
            nearest(&text(error, ContextKind::InvalidValue)?, known.iter().map(String::as_str))
                .map(str::to_owned)
        }
        _ => None,
    }
}

fn code(error: &Error, verb: Option<&str>) -> u8 {
    let about_words = match error.kind() {
        ErrorKind::MissingRequiredArgument | ErrorKind::InvalidSubcommand | ErrorKind::MissingSubcommand => {
            true
        }
        ErrorKind::UnknownArgument => !flag(error).starts_with('-'),
        _ => false,
    };
    if about_words && verb != Some("run") { WORDS } else { FLAG }
}

/// The verb that `args` call or ask help for, by the words that lead to it, as far as they get.
pub(crate) fn verbs_of(args: &[OsString]) -> Vec<String> {
    let whole = cli::command();
    let (mut command, mut verbs) = (&whole, Vec::new());
    let mut words = args.iter().skip(1).map(|arg| arg.to_str().unwrap_or_default());
    while let Some(word) = words.next() {
        if matches!(word, "--root" | "--color") {
            words.next();
        } else if !word.starts_with('-') && word != "help" {
            let Some(verb) = command.find_subcommand(word) else { break };
            verbs.push(verb.get_name().to_owned());
            command = verb;
        }
    }
    verbs
}

/// The flag or word that the error is about.
fn flag(error: &Error) -> String {
    text(error, ContextKind::InvalidArg).map(|flag| without_placeholder(&flag).to_owned()).unwrap_or_default()
}

/// `--memory <SIZE>` is told as `--memory`, `--rm[=<RM>]` as `--rm`, `<IMAGE>...` as `IMAGE`; what the
/// person typed stays as it is.
fn without_placeholder(name: &str) -> &str {
    let operand = name.strip_suffix("...").unwrap_or(name);
    if let Some(operand) = operand.strip_prefix('<').and_then(|name| name.strip_suffix('>')) {
        return operand;
    }
    let ends = [" <", "[=<"].into_iter().find_map(|placeholder| name.find(placeholder));
    ends.map_or(name, |ends| &name[..ends])
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    strings(error, kind).into_iter().next()
}

fn strings(error: &Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

const FLAG: u8 = 125;
const WORDS: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::tests::told;

    fn complaint(line: &str) -> (String, u8) {
        let args: Vec<OsString> = line.split(' ').map(|word| word.replace('~', "").into()).collect();
        told(&cli::parse(&args).unwrap_err())
    }

    const RUN: &str = "hint: `bulkhead run --help` explains its flags";
    /// What is typed, the headline, the hint, the exit code.
    const COMPLAINTS: &[(&str, &str, &str, u8)] = &[
        ("bulkhead rnu x", "there is no verb \"rnu\"", "hint: did you mean run?", 1),
        (
            "bulkhead frobnicate",
            "there is no verb \"frobnicate\"",
            "hint: `bulkhead --help` lists the verbs",
            1,
        ),
        ("bulkhead --bad", "`bulkhead` has no flag --bad", "hint: `bulkhead --help` lists the verbs", 125),
        (
            "bulkhead run --memroy 64m x",
            "`bulkhead run` has no flag --memroy",
            "hint: did you mean --memory?",
            125,
        ),
        ("bulkhead run -Z x", "`bulkhead run` has no flag -Z", RUN, 125),
        ("bulkhead run", "`bulkhead run` needs IMAGE", RUN, 125),
        (
            "bulkhead drill --here -u 1 --cap-add ALL x",
            "--here cannot be used together with what else is given",
            "hint: `bulkhead drill --help` explains its flags",
            125,
        ),
        (
            "bulkhead run --memory 64x x",
            r#"--memory: "64x" is not a size: "x" is not a unit, b, k, m, g, t and p are"#,
            RUN,
            125,
        ),
        (
            "bulkhead run -m 64x x",
            r#"--memory: "64x" is not a size: "x" is not a unit, b, k, m, g, t and p are"#,
            RUN,
            125,
        ),
        ("bulkhead run --rm=maybe x", r#"--rm: "maybe" is neither true nor false"#, RUN, 125),
        ("bulkhead run --cpu-shares x y", r#"--cpu-shares: "x" is not a whole number from 0 up"#, RUN, 125),
        ("bulkhead run --stop-timeout ~ y", r#"--stop-timeout: "" is not a whole number"#, RUN, 125),
        ("bulkhead run --name", "--name needs a value", RUN, 125),
        (
            "bulkhead run --net bridge x",
            r#"--network: "bridge" is not supported yet: none and host are"#,
            RUN,
            125,
        ),
        ("bulkhead run -v x y", r#"--volume: the target "x" in "x" is not an absolute path"#, RUN, 125),
        (
            "bulkhead images --format",
            "--format needs a value",
            "hint: `bulkhead images --help` explains its flags",
            125,
        ),
        (
            "bulkhead images -x",
            "`bulkhead images` has no flag -x",
            "hint: `bulkhead images --help` explains its flags",
            125,
        ),
        (
            "bulkhead tag a",
            "`bulkhead tag` needs REPOSITORY[:TAG]",
            "hint: `bulkhead tag --help` explains its flags",
            1,
        ),
        (
            "bulkhead tag",
            "`bulkhead tag` needs IMAGE and REPOSITORY[:TAG]",
            "hint: `bulkhead tag --help` explains its flags",
            1,
        ),
        (
            "bulkhead tag a b c",
            "`bulkhead tag` cannot use the word \"c\"",
            "hint: `bulkhead tag --help` explains its flags",
            1,
        ),
        ("bulkhead image prun", "there is no verb \"prun\"", "hint: did you mean prune?", 1),
        (
            "bulkhead image prune --filter x",
            r#"--filter: "x" is not NAME=VALUE"#,
            "hint: `bulkhead image prune --help` explains its flags",
            125,
        ),
        (
            "bulkhead container remove",
            "`bulkhead container rm` needs CONTAINER",
            "hint: `bulkhead container rm --help` explains its flags",
            1,
        ),
        ("bulkhead rmi", "`bulkhead rmi` needs IMAGE", "hint: `bulkhead rmi --help` explains its flags", 1),
        (
            "bulkhead completions tcsh",
            "SHELL: \"tcsh\" is not one of bash, zsh, fish",
            "hint: `bulkhead completions --help` explains its flags",
            125,
        ),
        (
            "bulkhead --color pink images",
            "--color: \"pink\" is not one of auto, always, never",
            "hint: `bulkhead images --help` explains its flags",
            125,
        ),
    ];

    /// A tilde stands for nothing, so that an empty word can be written.
    #[test]
    fn complaints() {
        for &(line, headline, hint, code) in COMPLAINTS {
            assert_eq!(complaint(line), (format!("error: {headline}\n{hint}\n"), code), "{line}");
        }
    }

    #[test]
    fn a_word_that_is_no_text() {
        use std::os::unix::ffi::OsStringExt;
        let args = ["bulkhead".into(), "run".into(), OsString::from_vec(vec![0xff])];
        let want = "error: a word on the command line is not UTF-8\nhint: `bulkhead run --help` explains its flags\n";
        assert_eq!(told(&cli::parse(&args).unwrap_err()), (want.to_owned(), 125));
    }
}
