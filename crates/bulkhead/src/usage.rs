// SPDX-License-Identifier: Apache-2.0
//! A command line that could not be read, told in the same form as every other failure.
//!
//! Exit codes are Docker's: 125 for a flag, 1 for missing words and unknown verbs, but for `run` 125
//! always, so that a code below it is the program's own.

use std::error::Error as _;
use std::ffi::OsString;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli;
use crate::failure::Failure;

/// `args` begin with the program's name.
pub(crate) fn failure(error: &Error, args: &[OsString]) -> Failure {
    let verb = verb_of(args);
    Failure::new(headline(error, verb.as_deref())).hint(Some(hint(error, verb.as_deref()))).code(code(error, verb.as_deref()))
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
        ErrorKind::InvalidValue if value.is_empty() && !flag_was_given_empty(error) => format!("{flag} needs a value"),
        ErrorKind::InvalidValue => format!("{flag}: {value:?} is not one of {}", list(error, ContextKind::ValidValue)),
        ErrorKind::ValueValidation => {
            let complaint = error.source().map_or_else(|| format!("{value:?} cannot be used"), ToString::to_string);
            format!("{flag}: {complaint}")
        }
        ErrorKind::MissingRequiredArgument => format!("`{caller}` needs {}", list(error, ContextKind::InvalidArg)),
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

fn hint(error: &Error, verb: Option<&str>) -> String {
    let meant = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    match (meant.into_iter().find_map(|kind| text(error, kind)), verb) {
        (Some(meant), _) => format!("did you mean {}?", without_placeholder(&meant)),
        (None, Some(verb)) => format!("`bulkhead {verb} --help` explains its flags"),
        (None, None) => "`bulkhead --help` lists the verbs".to_owned(),
    }
}

fn code(error: &Error, verb: Option<&str>) -> u8 {
    let about_words = match error.kind() {
        ErrorKind::MissingRequiredArgument | ErrorKind::InvalidSubcommand | ErrorKind::MissingSubcommand => true,
        ErrorKind::UnknownArgument => !flag(error).starts_with('-'),
        _ => false,
    };
    if about_words && verb != Some("run") { WORDS } else { FLAG }
}

/// The verb that `args` call, if they get so far: the first word that is one.
fn verb_of(args: &[OsString]) -> Option<String> {
    let command = cli::command();
    let mut words = args.iter().skip(1).map(|arg| arg.to_str().unwrap_or_default());
    while let Some(word) = words.next() {
        if matches!(word, "--root" | "--color") {
            words.next();
        } else if !word.starts_with('-') {
            return command.find_subcommand(word).map(|verb| verb.get_name().to_owned());
        }
    }
    None
}

/// The flag or word that the error is about.
fn flag(error: &Error) -> String {
    text(error, ContextKind::InvalidArg).map(|flag| without_placeholder(&flag).to_owned()).unwrap_or_default()
}

/// `--memory <BYTES>` is shown as `--memory`; a word that the person typed stays as it is.
fn without_placeholder(flag: &str) -> &str {
    flag.split_once([' ', '=', '[']).filter(|_| flag.contains('<')).map_or(flag, |(name, _)| name)
}

/// clap tells a missing value and an empty one apart only by whether it lists what was expected.
fn flag_was_given_empty(error: &Error) -> bool {
    error.get(ContextKind::ValidValue).is_some_and(|value| *value != ContextValue::Strings(Vec::new()))
        && error.get(ContextKind::InvalidValue).is_some()
        && error.to_string().contains("''")
}

fn text(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}

fn list(error: &Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(ContextValue::String(text)) => text.clone(),
        _ => String::new(),
    }
}

const FLAG: u8 = 125;
const WORDS: u8 = 1;
