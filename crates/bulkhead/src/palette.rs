// SPDX-License-Identifier: Apache-2.0
//! Colours, where a person sees them: `--color`, `NO_COLOR`, and whether the stream is a terminal.

use std::ffi::OsString;
use std::io::IsTerminal;

use clap::ValueEnum;
use clap::builder::StyledStr;

/// `--color`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR says otherwise
    #[default]
    Auto,
    /// Even into a file
    Always,
    /// Not at all
    Never,
}

/// How a stretch of text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// To be looked at.
    Warning,
    /// Of use.
    Note,
    /// Of less weight.
    Faint,
    /// A heading.
    Strong,
}

/// Colours, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    coloured: bool,
}

impl Palette {
    /// For what goes to standard output.
    pub(crate) fn of_stdout(when: When) -> Self {
        Self::of(when, &std::io::stdout())
    }

    /// For what goes to standard error.
    pub(crate) fn of_stderr(when: When) -> Self {
        Self::of(when, &std::io::stderr())
    }

    /// None.
    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self { coloured: false }
    }

    fn of(when: When, stream: &impl IsTerminal) -> Self {
        let coloured = match when {
            When::Always => true,
            When::Never => false,
            When::Auto => stream.is_terminal() && !refused_by_environment(),
        };
        Self { coloured }
    }

    /// `text` in `style`; the caller has made it [`visible`](crate::output::visible).
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        let code = match style {
            _ if !self.coloured => return text.to_owned(),
            Style::Good => "32",
            Style::Bad => "1;31",
            Style::Warning => "33",
            Style::Note => "1;36",
            Style::Faint => "2",
            Style::Strong => "1",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Help as the parser wrote it.
    pub(crate) fn of_clap(self, text: StyledStr) -> String {
        if self.coloured { text.ansi().to_string() } else { text.to_string() }
    }
}

/// What `--color` says in `args` that could not be parsed, or that ask for help: complaints and help
/// have colours too. What cannot be read is `auto`; the parser complains about it.
pub(crate) fn asked_for(args: &[OsString]) -> When {
    let words = args.iter().map(|arg| arg.to_str().unwrap_or_default());
    let following = args.iter().skip(1).map(|arg| arg.to_str().unwrap_or_default()).chain([""]);
    for (word, next) in words.zip(following) {
        let value = match word.strip_prefix("--color") {
            Some("") => next,
            Some(rest) => rest.strip_prefix('=').unwrap_or_default(),
            None => continue,
        };
        return When::from_str(value, false).unwrap_or_default();
    }
    When::Auto
}

/// NO_COLOR as <https://no-color.org> has it, and terminals that have none.
fn refused_by_environment() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    set("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_is_found_wherever_it_stands() {
        let asked = |words: &[&str]| asked_for(&words.iter().map(OsString::from).collect::<Vec<_>>());
        assert_eq!(asked(&["bulkhead", "--color", "always", "images"]), When::Always);
        assert_eq!(asked(&["bulkhead", "images", "--color=never"]), When::Never);
        assert_eq!(asked(&["bulkhead", "images", "--color"]), When::Auto);
        assert_eq!(asked(&["bulkhead", "--color=pink"]), When::Auto);
        assert_eq!(asked(&["bulkhead", "--colour=always"]), When::Auto);
        assert_eq!(asked(&[]), When::Auto);
    }
}
