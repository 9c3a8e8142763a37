// SPDX-License-Identifier: Apache-2.0
//! Verbs that have two names, as in Docker: `images` is `image ls`. Both have the same flags and the
//! same code, and the help of each tells of the other.

use clap::Command;
use clap::builder::Resettable;

/// `command` with help that knows of both names.
pub(crate) fn introduced(command: Command) -> Command {
    SAME.iter().fold(command, |command, (group, verb, alone)| {
        let (long, short) = (format!("bulkhead {group} {verb}"), format!("bulkhead {alone}"));
        command.mut_subcommand(alone, |command| told(command, &short, &long)).mut_subcommand(
            group,
            |command| {
                command.mut_subcommand(verb, |command| {
                    // The usage that a verb writes itself has its short name in it.
                    told(command, &long, &short).override_usage(Resettable::Reset)
                })
            },
        )
    })
}

/// The example under the name `called`, after a sentence that tells the `other`.
fn told(command: Command, called: &str, other: &str) -> Command {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let example = text.replace(other, called);
    command.after_help(format!("`{other}` is the same.\n\n{example}"))
}

/// Group, verb, and its name outside of the group.
const SAME: [(&str, &str, &str); 15] = [
    ("image", "ls", "images"),
    ("image", "pull", "pull"),
    ("image", "push", "push"),
    ("image", "load", "load"),
    ("image", "save", "save"),
    ("image", "import", "import"),
    ("image", "history", "history"),
    ("image", "tag", "tag"),
    ("image", "rm", "rmi"),
    ("container", "ls", "ps"),
    ("container", "rm", "rm"),
    ("container", "diff", "diff"),
    ("container", "cp", "cp"),
    ("container", "export", "export"),
    ("container", "commit", "commit"),
];
