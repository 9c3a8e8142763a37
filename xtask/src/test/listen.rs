// SPDX-License-Identifier: Apache-2.0
//! Starting a program and hearing every line until it has ended, but for no longer than is sensible.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use crate::command::Program;
use crate::failure::{Result, While};

/// How long to wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For its end.
    pub(super) limit: Duration,
    /// For the end of its output after that.
    pub(super) grace: Duration,
}

/// Its end.
#[derive(Debug)]
pub(super) enum End {
    /// It ended, and so did its output.
    Status(ExitStatus),
    /// It ended, and something that it started still holds its output.
    Held,
    /// It was killed, because the limit had passed.
    TooLong(Duration),
}

/// Runs `program`, hands each line of its output to `hear`, and gives its end and what it wrote to
/// standard error.
pub(super) fn listen(
    program: Program,
    patience: Patience,
    hear: &mut dyn FnMut(&str),
) -> Result<(End, String)> {
    let mut command = program.into_command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().cannot(|| "start it")?;
    let out = child.stdout.take().cannot(|| "take its output")?;
    let err = child.stderr.take().cannot(|| "take its errors")?;
    let (lines, events) = channel();
    let errors = lines.clone();
    std::thread::spawn(move || pass_on(out, &lines, Event::Line));
    std::thread::spawn(move || pass_on(err, &errors, Event::Error));
    let mut said = String::new();
    let end = until_end(&mut child, &events, patience, &mut |event| match event {
        Event::Line(line) => hear(&line),
        Event::Error(line) => {
            said.push_str(&line);
            said.push('\n');
        }
    })?;
    Ok((end, said))
}

enum Event {
    Line(String),
    Error(String),
}

fn pass_on(from: impl Read, to: &Sender<Event>, event: fn(String) -> Event) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
        // Nobody listens any more when it took too long.
        if to.send(event(text)).is_err() {
            return;
        }
        line.clear();
    }
}

fn until_end(
    child: &mut Child,
    events: &Receiver<Event>,
    patience: Patience,
    hear: &mut dyn FnMut(Event),
) -> Result<End> {
    let mut deadline = Instant::now() + patience.limit;
    let mut ended = false;
    loop {
        match events.recv_timeout(GLANCE) {
            Ok(event) => hear(event),
            Err(RecvTimeoutError::Timeout) => {}
            // It closed both streams. That may be before its end, for which it has until the deadline.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(GLANCE),
        }
        if let Some(status) = child.try_wait().cannot(|| "wait for it")? {
            if matches!(events.try_recv().map(&mut *hear), Err(std::sync::mpsc::TryRecvError::Disconnected)) {
                return Ok(End::Status(status));
            }
            if !ended {
                ended = true;
                deadline = Instant::now() + patience.grace;
            }
        }
        if Instant::now() > deadline {
            if ended {
                return Ok(End::Held);
            }
            child.kill().cannot(|| "kill it")?;
            child.wait().cannot(|| "wait for it")?;
            return Ok(End::TooLong(patience.limit));
        }
    }
}

/// How often to look whether it has ended.
const GLANCE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::program;

    /// A script, heard with a limit and a grace in milliseconds.
    fn hear(script: &str, limit: u64, grace: u64) -> (End, Vec<String>, String) {
        let patience = Patience { limit: Duration::from_millis(limit), grace: Duration::from_millis(grace) };
        let mut lines = Vec::new();
        let (end, errors) =
            listen(program("sh", ["-c", script]), patience, &mut |line| lines.push(line.to_owned())).unwrap();
        (end, lines, errors)
    }

    #[test]
    fn every_line_is_heard() {
        let (end, lines, errors) =
            hear("echo one; echo err >&2; seq 2000; printf last; exit 3", 60_000, 60_000);
        assert!(matches!(end, End::Status(status) if status.code() == Some(3)), "{end:?}");
        assert_eq!((lines.len(), lines[2001].as_str(), errors.as_str()), (2002, "last", "err\n"));
    }

    #[test]
    fn one_that_takes_too_long_is_killed() {
        let (end, lines, _) = hear("echo one; exec sleep 1000", 300, 60_000);
        assert!(matches!(end, End::TooLong(_)), "{end:?}");
        assert_eq!(lines, ["one"]);
    }

    #[test]
    fn a_child_that_holds_the_output_is_not_waited_for() {
        let (end, ..) = hear("sleep 2 & exit 0", 60_000, 300);
        assert!(matches!(end, End::Held), "{end:?}");
    }
}
