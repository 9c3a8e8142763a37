// SPDX-License-Identifier: Apache-2.0
//! What went wrong, as a person reads it: a headline, the chain of causes, a hint, and an exit code.
//!
//! Names in a message may come from an image or an archive, so everything is shown with its control
//! characters written out.

use std::error::Error;
use std::fmt::{Display, Write as _};
use std::process::ExitCode;

use crate::output::{self, visible};
use crate::palette::{Palette, Style};

/// Why a verb did not do what it was called for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is something to say: a report for each thing that went wrong, in order.
    Told(Vec<Report>),
    /// Another process of ours has said why; the exit code is left.
    ToldElsewhere(u8),
    /// Whoever read our output went away, as `head` does. Nobody is left to talk to.
    ReaderLeft,
}

/// What is said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    headline: String,
    causes: Vec<String>,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// A failure of ours, with exit code 1.
    pub(crate) fn new(headline: impl Into<String>) -> Self {
        Self::Told(vec![Report { headline: headline.into(), causes: Vec::new(), hint: None, code: OTHER }])
    }

    /// What `error` stopped: "cannot run debian:12".
    pub(crate) fn stopped(what: impl Display, error: &(dyn Error + 'static)) -> Self {
        Self::new(format!("{what}: {error}")).because(error.source())
    }

    /// The same for an error of the engine, which knows a hint, and an exit code that counts for
    /// `run` only.
    pub(crate) fn of_engine(what: impl Display, error: &engine::Error) -> Self {
        Self::stopped(what, error).hint(error.hint())
    }

    /// With another exit code.
    pub(crate) fn code(self, code: u8) -> Self {
        self.amend(|report| report.code = code)
    }

    /// With a hint, when there is one.
    pub(crate) fn hint(self, hint: Option<String>) -> Self {
        self.amend(|report| report.hint = hint)
    }

    /// This and what went wrong after it, whose exit code counts.
    pub(crate) fn and(self, later: Self) -> Self {
        match (self, later) {
            (Self::Told(mut reports), Self::Told(more)) => {
                reports.extend(more);
                Self::Told(reports)
            }
            _ => Self::ReaderLeft,
        }
    }

    fn because(self, mut cause: Option<&(dyn Error + 'static)>) -> Self {
        self.amend(|report| {
            while let Some(error) = cause {
                report.causes.push(error.to_string());
                cause = error.source();
            }
        })
    }

    fn amend(mut self, change: impl FnOnce(&mut Report)) -> Self {
        if let Self::Told(reports) = &mut self
            && let Some(last) = reports.last_mut()
        {
            change(last);
        }
        self
    }

    /// Prints the reports and gives the exit code.
    pub(crate) fn tell(self, palette: &Palette) -> ExitCode {
        match self {
            Self::Told(reports) => {
                reports.iter().for_each(|report| output::warn(&report.render(palette)));
                ExitCode::from(reports.last().map_or(OTHER, |report| report.code))
            }
            Self::ToldElsewhere(code) => ExitCode::from(code),
            Self::ReaderLeft => ExitCode::from(BY_SIGPIPE),
        }
    }
}

impl Report {
    fn render(&self, palette: &Palette) -> String {
        let mut text = String::new();
        let mut line = |style, label: &str, words: &str| {
            // Writing to a string cannot fail.
            writeln!(text, "{} {}", palette.paint(style, label), visible(words)).unwrap_or_default();
        };
        line(Style::Bad, "error:", &self.headline);
        for cause in &self.causes {
            line(Style::Faint, "  caused by:", cause);
        }
        if let Some(hint) = &self.hint {
            line(Style::Note, "hint:", hint);
        }
        text
    }
}

const OTHER: u8 = 1;
/// What a shell reports for a process that SIGPIPE ended.
const BY_SIGPIPE: u8 = 128 + 13;

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::palette::When;

    /// The text without colours, and the code.
    pub(crate) fn told(failure: &Failure) -> (String, u8) {
        match failure {
            Failure::Told(reports) => {
                let text = reports.iter().map(|report| report.render(&Palette::plain())).collect();
                (text, reports.last().unwrap().code)
            }
            Failure::ToldElsewhere(code) => (String::new(), *code),
            Failure::ReaderLeft => (String::new(), BY_SIGPIPE),
        }
    }

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl Display for Link {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|link| link as &(dyn Error + 'static))
        }
    }

    #[test]
    fn headline_chain_and_hint() {
        let chain = Link(
            "image is broken",
            Some(Box::new(Link("layer 2 ends early", Some(Box::new(Link("gzip", None)))))),
        );
        let failure =
            Failure::stopped("cannot run web", &chain).hint(Some("load it again".to_owned())).code(125);
        let want = "error: cannot run web: image is broken\n  caused by: layer 2 ends early\n  caused by: gzip\nhint: load it again\n";
        assert_eq!(told(&failure), (want.to_owned(), 125));
    }

    #[test]
    fn names_cannot_drive_the_terminal() {
        let failure = Failure::new("entry \u{1b}[2Jx\u{7}\u{9b}\u{202e}y\nerror: z");
        let want = "error: entry \\u{1b}[2Jx\\u{7}\\u{9b}\\u{202e}y\\nerror: z\n";
        assert_eq!(told(&failure), (want.to_owned(), 1));
    }

    #[test]
    fn of_several_the_last_code_counts() {
        let failure = Failure::new("a").code(3).and(Failure::new("b").code(4));
        assert_eq!(told(&failure), ("error: a\nerror: b\n".to_owned(), 4));
    }

    #[test]
    fn labels_are_coloured_and_words_are_not() {
        let Failure::Told(reports) = Failure::new("x").hint(Some("y".to_owned())) else { unreachable!() };
        let text = reports[0].render(&Palette::of_stderr(When::Always));
        assert_eq!(text, "\u{1b}[1;31merror:\u{1b}[0m x\n\u{1b}[1;36mhint:\u{1b}[0m y\n");
    }
}
