// SPDX-License-Identifier: Apache-2.0
//! `bulkhead completions`: what a shell needs to complete our command line.

use clap::{Args, ValueEnum};
use clap_complete::generate;
use clap_complete::shells;

use crate::failure::Failure;
use crate::{cli, output};

/// Print the completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead completions bash > /etc/bash_completion.d/bulkhead")]
pub(crate) struct Flags {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

pub(crate) fn call(flags: &Flags) -> Result<(), Failure> {
    output::print(&script(flags.shell))
}

fn script(shell: Shell) -> String {
    let mut bytes = Vec::new();
    let command = &mut cli::command();
    match shell {
        Shell::Bash => generate(shells::Bash, command, NAME, &mut bytes),
        Shell::Zsh => generate(shells::Zsh, command, NAME, &mut bytes),
        Shell::Fish => generate(shells::Fish, command, NAME, &mut bytes),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

const NAME: &str = "bulkhead";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_learns_the_verbs_and_the_flags() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell);
            for word in ["walls", "drill", "pids-limit", "security-opt"] {
                assert!(script.contains(word), "{shell:?} does not know {word}");
            }
        }
    }
}
