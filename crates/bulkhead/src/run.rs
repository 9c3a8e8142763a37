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
use engine::{Clock, Engine, Streams};

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
    /// Say afterwards on standard error where the time went
    #[arg(long)]
    timing: bool,
    /// Leave the container running and print its id
    #[arg(short, long)]
    detach: bool,
    #[command(flatten)]
    container: Container,
}

/// What `run` and `create` have in common.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Container {
    /// The image; what stands behind it replaces the image's own program and arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "IMAGE")]
    words: Vec<String>,
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
    let fetch = flags.container.fetch.clone();
    let request = flags.container.here()?;
    if flags.detach {
        return detached(&request, &fetch, global);
    }
    needs_a_terminal(&request, std::io::stdin().is_terminal())?;
    let what = format!("cannot run {}", request.image);
    let mut engine = global.engine(&what).map_err(|failure| failure.code(OURS))?;
    clock.stamp("engine opened");
    notices(&mut engine, &request, &what)?;
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

/// Makes the container and starts it; it goes on without us.
fn detached(request: &RunRequest, fetch: &fetch::Flags, global: &Global) -> Result<ExitCode, Failure> {
    let what = format!("cannot run {}", request.image);
    let mut engine = global.engine(&what).map_err(|failure| failure.code(OURS))?;
    notices(&mut engine, request, &what)?;
    let made = fetch.around(&mut engine, &request.image, global.color, |engine| engine.create(request))?;
    let begun = made.and_then(|record| engine.start(&record.id));
    let record = begun.map_err(|error| Failure::of_engine(what, &error).code(error.exit_code()))?;
    output::print(&format!("{}\n", record.id))?;
    Ok(ExitCode::SUCCESS)
}

/// What a person should know before a container like this starts here.
pub(crate) fn notices(engine: &mut Engine, request: &RunRequest, what: &str) -> Result<(), Failure> {
    let notices = engine.notices(request);
    for notice in notices.map_err(|error| Failure::of_engine(what, &error).code(OURS))? {
        output::warn(&format!("note: {}\n", output::visible(&notice)));
    }
    Ok(())
}

impl Container {
    /// What the engine is asked for, by somebody who is where we are.
    pub(crate) fn here(self) -> Result<RunRequest, Failure> {
        let here = std::env::current_dir();
        let here =
            here.map_err(|error| Failure::stopped("cannot tell the current directory", &error).code(OURS))?;
        self.request(&Surroundings { here: &here, variable: &|name| std::env::var(name) })
    }

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
pub(crate) const OURS: u8 = 125;

#[cfg(test)]
mod tests;
