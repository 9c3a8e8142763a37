// SPDX-License-Identifier: Apache-2.0
//! `bulkhead run`: flags become a request. Nothing is decided here.
//!
//! The flags are Docker's, in groups by what they are about; a group's file has both the flags and
//! what they become. A flag that is not here belongs to a later version and is refused.

mod container;
mod fetch;
mod files;
pub(crate) mod isolation;
pub(crate) mod limits;
mod process;

use std::io::IsTerminal;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use engine::request::{RunRequest, Stdin, Terminal};
use engine::{Clock, Streams};

use crate::failure::Failure;
use crate::flags::env::Lookup;
use crate::global::Global;
use crate::output;

/// Run a program in a new container
///
/// Every wall stands unless a flag takes it down; `bulkhead walls` shows what was taken down.
/// Flags end at IMAGE: everything behind it is the container's.
#[derive(Debug, Args)]
#[command(
    override_usage = "bulkhead run [OPTIONS] IMAGE [COMMAND] [ARG...]",
    after_help = "Examples:\n  bulkhead run --rm -it debian:12 bash\n  \
                  bulkhead run --rm -m 64m --cpus 1 --pids-limit 20 debian:12 sh -c 'nproc'"
)]
pub(crate) struct Flags {
    /// The image; what stands behind it replaces the image's own program and arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "IMAGE")]
    words: Vec<String>,
    /// Say afterwards on standard error where the time went
    #[arg(long)]
    timing: bool,
    #[command(flatten)]
    container: container::Flags,
    #[command(flatten)]
    process: process::Flags,
    #[command(flatten)]
    files: files::Flags,
    #[command(flatten)]
    limits: limits::Flags,
    #[command(flatten)]
    isolation: isolation::Flags,
    #[command(flatten)]
    fetch: fetch::Flags,
}

/// What of the caller's surroundings a request can depend on.
pub(crate) struct Surroundings<'a> {
    /// The current directory, absolute.
    pub(crate) here: &'a Path,
    /// An environment variable.
    pub(crate) variable: Lookup<'a>,
}

/// Runs, and ends as the program ended.
pub(crate) fn call(flags: Flags, global: &Global) -> Result<ExitCode, Failure> {
    let mut clock = if flags.timing { Clock::on() } else { Clock::off() };
    let here = std::env::current_dir();
    let here =
        here.map_err(|error| Failure::stopped("cannot tell the current directory", &error).code(OURS))?;
    let fetch = flags.fetch.clone();
    let request = flags.request(&Surroundings { here: &here, variable: &|name| std::env::var(name) })?;
    needs_a_terminal(&request, std::io::stdin().is_terminal())?;
    let what = format!("cannot run {}", request.image);
    let mut engine = global.engine(&what).map_err(|failure| failure.code(OURS))?;
    clock.stamp("engine opened");
    let notices = engine.notices(&request);
    for notice in notices.map_err(|error| Failure::of_engine(&what, &error).code(OURS))? {
        output::warn(&format!("note: {}\n", output::visible(&notice)));
    }
    let (input, output, errors) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let streams = Streams {
        input: (request.stdin == Stdin::Open).then(|| input.as_fd()),
        output: output.as_fd(),
        errors: errors.as_fd(),
    };
    let exit = fetch.around(&mut engine, &request.image, global.color, |engine| {
        engine.run(&request, &streams, &mut clock)
    })?;
    if clock.is_on() {
        output::warn(&where_the_time_went(&clock.stamps()));
    }
    let exit = exit.map_err(|error| Failure::of_engine(what, &error).code(error.exit_code()))?;
    // Wait statuses have eight bits, so nothing is lost.
    Ok(ExitCode::from(exit.code.to_le_bytes()[0]))
}

impl Flags {
    /// What the engine is asked for.
    pub(crate) fn request(self, around: &Surroundings<'_>) -> Result<RunRequest, Failure> {
        let mut words = self.words.into_iter();
        let mut request = RunRequest {
            image: words.next().unwrap_or_default(),
            command: words.collect(),
            process: self.process.request(around)?,
            files: self.files.request(around),
            limits: self.limits.request(),
            isolation: self.isolation.request(around)?,
            ..RunRequest::default()
        };
        self.container.fill(&mut request, around)?;
        Ok(request)
    }
}

/// `-it` with something else than a terminal would hand the program a terminal that nobody types at.
fn needs_a_terminal(request: &RunRequest, have: bool) -> Result<(), Failure> {
    if request.terminal == Terminal::Allocate && request.stdin == Stdin::Open && !have {
        let hint = "-i alone passes standard input on without a terminal".to_owned();
        return Err(Failure::new("-t: standard input is not a terminal").hint(Some(hint)).code(OURS));
    }
    Ok(())
}

/// A line for each step: when it ended and how long it took. `stamps` have nanoseconds since the
/// first.
fn where_the_time_went(stamps: &[(String, u64)]) -> String {
    let mut text = "    at ms   took ms  step\n".to_owned();
    let mut before = 0;
    for (step, at) in stamps {
        let took = at.saturating_sub(before);
        text.push_str(&format!(
            "{:>9} {:>9}  {}\n",
            milliseconds(*at),
            milliseconds(took),
            output::visible(step)
        ));
        before = *at;
    }
    text
}

/// Three decimals.
fn milliseconds(nanoseconds: u64) -> String {
    let microseconds = (nanoseconds + 500) / 1000;
    format!("{}.{:03}", microseconds / 1000, microseconds % 1000)
}

/// Docker takes an empty text for "not said", so that a script can pass an unset variable.
fn said(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// A complaint about the value of a flag that could only be read now.
fn complaint(flag: &str, complaint: &str) -> Failure {
    let hint = "`bulkhead run --help` explains its flags".to_owned();
    Failure::new(format!("{flag}: {complaint}")).hint(Some(hint)).code(OURS)
}

/// The exit code that tells our own failures from the program's.
const OURS: u8 = 125;

#[cfg(test)]
mod tests;
