// SPDX-License-Identifier: Apache-2.0
//! Times a command from start to exit, again and again, taking turns with others.
//!
//! Each command has a small worker of its own (this program, started with `bench-worker`), because
//! one of the peers can only run in a mount namespace of its own. A worker runs its command once
//! for each line it reads, and answers with a line: nanoseconds and exit status.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::Program;
use crate::failure::{Failure, Result, While};

/// One command that is being timed.
#[derive(Debug)]
pub(crate) struct Contestant {
    /// What the table calls it.
    pub(crate) name: String,
    worker: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    samples: Vec<Duration>,
}

/// What a command sees of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// All of it.
    Host,
    /// All but a cgroup v2 tree beside v1 ones, which Debian's crun refuses to work with.
    WithoutUnifiedCgroup,
}

impl Contestant {
    /// Starts the worker.
    pub(crate) fn new(name: impl Into<String>, program: Program, view: View) -> Result<Self> {
        let own = std::env::current_exe().cannot(|| "find this program")?;
        let timed = program.into_command();
        let mut command = match view {
            View::Host => Command::new(&own),
            View::WithoutUnifiedCgroup => {
                let mut command = Command::new("unshare");
                command
                    .args(["--mount", "--propagation", "private", "--", "sh", "-c", HIDE_UNIFIED, "sh"])
                    .arg(&own);
                command
            }
        };
        command.arg("bench-worker").arg(timed.get_program()).args(timed.get_args());
        command.envs(timed.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut worker = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .cannot(|| "start a bench worker")?;
        let orders = worker.stdin.take();
        let answers = BufReader::new(worker.stdout.take().cannot(|| "hear the bench worker")?);
        Ok(Self { name: name.into(), worker, orders, answers, samples: Vec::new() })
    }

    /// Runs it once and keeps the time.
    pub(crate) fn measure(&mut self) -> Result<()> {
        let time = self.run_once()?;
        self.samples.push(time);
        Ok(())
    }

    /// Runs it once and gives the time.
    pub(crate) fn run_once(&mut self) -> Result<Duration> {
        let orders = self.orders.as_mut().cannot(|| "speak to the bench worker")?;
        orders.write_all(b"\n").cannot(|| "speak to the bench worker")?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer).cannot(|| "hear the bench worker")?;
        match answer.trim().split_once(' ').map(|(nanos, status)| (nanos.parse(), status)) {
            Some((Ok(nanos), "0")) => Ok(Duration::from_nanos(nanos)),
            _ => Err(Failure::new(format!("{} failed: {:?}", self.name, answer.trim()))),
        }
    }

    /// The shortest time.
    pub(crate) fn minimum(&self) -> Duration {
        self.samples.iter().min().copied().unwrap_or_default()
    }

    /// The middle time.
    pub(crate) fn median(&self) -> Duration {
        median(&self.samples)
    }
}

impl Drop for Contestant {
    fn drop(&mut self) {
        // The end of its orders ends the worker.
        self.orders = None;
        if let Err(error) = self.worker.wait() {
            eprintln!("cannot wait for a bench worker: {error}");
        }
    }
}

/// The worker's side: `command` is the line to run.
pub(crate) fn work(command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().cannot(|| "time nothing")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
    for order in std::io::stdin().lines() {
        order.cannot(|| "read an order")?;
        let start = Instant::now();
        let status = command.status().cannot(|| format!("start {program}"))?;
        let time = start.elapsed();
        println!("{} {}", time.as_nanos(), status.code().unwrap_or(-1));
    }
    Ok(())
}

fn median(samples: &[Duration]) -> Duration {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

const HIDE_UNIFIED: &str =
    "if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified; fi; exec \"$@\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_nothing_without_samples() {
        let ms = |n: &[u64]| n.iter().copied().map(Duration::from_millis).collect::<Vec<_>>();
        assert_eq!(median(&ms(&[9, 1, 5])), Duration::from_millis(5));
        assert_eq!(median(&[]), Duration::ZERO);
    }
}
