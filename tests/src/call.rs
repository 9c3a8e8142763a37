// SPDX-License-Identifier: Apache-2.0
//! One call of the binary, and what became of it.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::waiting::{Background, wait_within};

/// A call that is being put together.
#[derive(Debug)]
pub struct Call {
    command: Command,
    input: Option<Vec<u8>>,
    limit: Duration,
}

impl Call {
    pub(crate) fn new(command: Command) -> Self {
        Self { command, input: None, limit: LIMIT }
    }

    /// More words.
    #[must_use]
    pub fn args<W: AsRef<str>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.command.args(words.into_iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// One variable of the caller's environment, which is empty but for PATH and the state root.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Bytes on standard input; without them it is /dev/null.
    #[must_use]
    pub fn input(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.input = Some(bytes.into());
        self
    }

    /// Another limit than two minutes, after which the call is killed and the test fails.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Runs it to its end.
    pub fn ended(mut self) -> Ended {
        let line = line(&self.command);
        let mut child = self.start();
        let writer = self.input.take().map(|bytes| {
            let mut pipe = child.stdin.take().unwrap();
            // A program that ends before it has read everything breaks the pipe, as it may.
            std::thread::spawn(move || drop(pipe.write_all(&bytes)))
        });
        let output = wait_within(child, self.limit, &line);
        if let Some(writer) = writer {
            writer.join().unwrap();
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ended { line, code: code(output.status), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// Runs it; it must end with 0. Gives its standard output without the white space around it.
    #[track_caller]
    pub fn ok(self) -> String {
        let ended = self.ended();
        assert_eq!(ended.code, 0, "{ended}");
        ended.out.trim().to_owned()
    }

    /// Runs it; it must end with `code`. Gives its standard error.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        let ended = self.ended();
        assert_eq!(ended.code, code, "{ended}");
        ended.err.trim().to_owned()
    }

    /// Starts it in the background; it is killed, by pid, when the handle is dropped.
    pub fn spawn(mut self) -> Background {
        let line = line(&self.command);
        Background::new(self.start(), line)
    }

    /// The command itself, for a test that connects its streams otherwise.
    pub fn into_command(self) -> Command {
        self.command
    }

    fn start(&mut self) -> Child {
        let input = if self.input.is_some() { Stdio::piped() } else { Stdio::null() };
        self.command.stdin(input).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.command.spawn().unwrap_or_else(|error| panic!("cannot start {}: {error}", line(&self.command)))
    }
}

/// What became of a call.
#[derive(Debug, Clone)]
pub struct Ended {
    line: String,
    /// Exit code, or 128 and the signal.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}` ended with {}\n--- out\n{}\n--- err\n{}", self.line, self.code, self.out, self.err)
    }
}

fn line(command: &Command) -> String {
    let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
    format!("bulkhead {}", words.collect::<Vec<_>>().join(" "))
}

fn code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt as _;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

const LIMIT: Duration = Duration::from_secs(120);
