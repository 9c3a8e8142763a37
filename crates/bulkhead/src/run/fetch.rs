// SPDX-License-Identifier: Apache-2.0
//! Where the image comes from when it is not here.

use clap::{Args, ValueEnum};
use engine::{Engine, Error, name_elsewhere};

use super::OURS;
use crate::access;
use crate::failure::Failure;
use crate::palette::{self, Palette};
use crate::progress::{Progress, Wish};
use crate::{output, pull};

/// When to ask the registry, and which way leads to it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Image")]
#[group(skip)]
pub(super) struct Flags {
    /// When to ask the registry for the image (missing, unless said otherwise)
    #[arg(long, value_name = "WHEN", default_value = "missing", hide_default_value = true)]
    pull: When,
    /// Do not show how the pull goes
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    access: access::Options,
}

/// Docker's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    /// Before each run
    Always,
    /// When the image is not here
    Missing,
    /// Never: the image is here, or it is an error
    Never,
}

impl Flags {
    /// Does `run` with the image called `image`, which is fetched before it, or when it was missing
    /// in it, or not at all. A run that lacks its image has done nothing yet, so one whose image is
    /// here never pays for a look of ours.
    pub(super) fn around<T>(
        &self,
        engine: &mut Engine,
        image: &str,
        color: palette::When,
        mut run: impl FnMut(&mut Engine) -> Result<T, Error>,
    ) -> Result<Result<T, Error>, Failure> {
        if self.pull == When::Always {
            self.bring(engine, image, color)?;
        }
        match run(engine) {
            Err(Error::NoSuchImage { name }) if self.pull == When::Missing => {
                let Some(full) = name_elsewhere(image) else { return Ok(Err(Error::NoSuchImage { name })) };
                // Docker's words, which scripts look for.
                output::warn(&format!("Unable to find image '{}' locally\n", output::visible(&full)));
                self.bring(engine, image, color)?;
                Ok(run(engine))
            }
            outcome => Ok(outcome),
        }
    }

    /// Everything is told on standard error: standard output is the program's. What comes after needs a
    /// process without threads, so another one pulls, which tells its own failure.
    fn bring(&self, engine: &Engine, image: &str, color: palette::When) -> Result<(), Failure> {
        let code = engine::apart(|| {
            match pull::bring(engine, &self.access, image, None, Progress::new(self.quiet, Wish::Auto)) {
                Ok(pulled) => {
                    if !self.quiet {
                        output::warn(&pull::told(&pulled));
                    }
                    0
                }
                Err(failure) => {
                    failure.tell(&Palette::of_stderr(color));
                    OURS
                }
            }
        });
        match code {
            Ok(0) => Ok(()),
            Ok(OURS) => Err(Failure::ToldElsewhere(OURS)),
            Ok(_) => {
                Err(Failure::new(format!("cannot pull {image}: the process that did it was ended"))
                    .code(OURS))
            }
            Err(error) => Err(Failure::of_engine(format!("cannot pull {image}"), &error).code(OURS)),
        }
    }
}
