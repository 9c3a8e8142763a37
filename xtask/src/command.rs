// SPDX-License-Identifier: Apache-2.0
//! Running other programs: never with our standard input, never without looking at their status.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::failure::{Failure, Result, While};

/// A command line, ready to be run one way or another.
#[derive(Debug)]
pub(crate) struct Program {
    command: Command,
}

/// A program with its arguments, and /dev/null as its input.
pub(crate) fn program<I: IntoIterator<Item: AsRef<OsStr>>>(name: impl AsRef<OsStr>, args: I) -> Program {
    let mut command = Command::new(name);
    command.args(args).stdin(Stdio::null());
    Program { command }
}

impl Program {
    /// The same under timeout(1), which ends the whole process group when `limit` has passed.
    pub(crate) fn within(self, limit: Duration) -> Self {
        self.under("timeout", &["--kill-after=10", &limit.as_secs().to_string()])
    }

    /// The same under time(1), whose last line of standard output has the seconds in user and in system mode
    /// and the KiB of the largest process.
    pub(crate) fn timed(self) -> Self {
        self.under("time", &["--output=/dev/stdout", "--format=%U %S %M"])
    }

    /// The same so many times, one after the other, and silent, until it fails.
    pub(crate) fn repeated(self, times: u32) -> Self {
        let script = "n=$0; while [ \"$n\" -gt 0 ]; do \"$@\" >/dev/null; n=$((n-1)); done";
        self.under("sh", &["-euc", script, &times.to_string()])
    }

    /// `name` with `args`, which runs this.
    fn under(self, name: &str, args: &[&str]) -> Self {
        let mut command = Command::new(name);
        command.args(args);
        command.arg(self.command.get_program()).args(self.command.get_args()).stdin(Stdio::null());
        for (name, value) in self.command.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(directory) = self.command.get_current_dir() {
            command.current_dir(directory);
        }
        Self { command }
    }

    /// With one more argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// With more arguments.
    pub(crate) fn args(mut self, args: &[impl AsRef<OsStr>]) -> Self {
        self.command.args(args);
        self
    }

    /// With one environment variable more.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// In another working directory.
    pub(crate) fn within_directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Runs it with our own output; anything but exit status 0 is a failure.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.command.status().cannot(|| format!("start {}", self.title()))?;
        if status.success() {
            Ok(())
        } else {
            Err(Failure::new(format!("{} ended with {status}", self.title())))
        }
    }

    /// Runs it with its output caught; anything but exit status 0 is a failure that quotes the end
    /// of what it wrote.
    pub(crate) fn run_quietly(self) -> Result<()> {
        self.text().map(drop)
    }

    /// Runs it for its standard output, without the white space around it.
    pub(crate) fn text(self) -> Result<String> {
        let title = self.title();
        let output = self.output()?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = [&output.stdout[..], &output.stderr[..]].concat();
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        let lines: Vec<&str> = said.lines().collect();
        let tail = lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n  ");
        Err(Failure::new(format!("{title} ended with {}\n  {tail}", output.status)))
    }

    /// Runs it for whatever it does.
    pub(crate) fn output(mut self) -> Result<Output> {
        self.command.output().cannot(|| format!("start {}", self.title()))
    }

    /// The command itself, for callers that stream.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    fn title(&self) -> String {
        let program = Path::new(self.command.get_program());
        let mut words = vec![program.file_name().unwrap_or(program.as_os_str()).to_string_lossy()];
        words.extend(self.command.get_args().map(OsStr::to_string_lossy));
        let mut title = words.join(" ");
        if let Some((end, _)) = title.char_indices().nth(TITLE_LENGTH) {
            title.truncate(end);
            title.push('…');
        }
        format!("`{title}`")
    }
}

/// Whether a program can be found on the search path.
pub(crate) fn is_installed(name: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join(name).is_file()))
}

/// Lines of a failed program's output that are worth repeating.
const QUOTED_LINES: usize = 60;

/// Characters of a command line that are worth repeating.
const TITLE_LENGTH: usize = 160;
