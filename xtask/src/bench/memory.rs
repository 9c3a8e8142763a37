// SPDX-License-Identifier: Apache-2.0
//! What an engine keeps on the host for each running container.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use crate::command::Program;
use crate::failure::{Failure, Result, While};

/// How many containers run at once; what one costs is the sum over that many.
pub(crate) const CONTAINERS: u64 = 10;

/// Starts [`CONTAINERS`] containers with `run`, which must print a line when the container's own
/// command is up and end with its standard input, and gives the private memory in KiB per container
/// of the new processes whose program's name `ours` accepts.
pub(crate) fn per_container(run: impl Fn() -> Program, ours: impl Fn(&str) -> bool) -> Result<u64> {
    let before = processes();
    let mut running = Vec::new();
    for _ in 0..CONTAINERS {
        running.push(Running::start(run())?);
    }
    let new = processes().into_iter().filter(|pid| !before.contains(pid));
    let mut sum = 0;
    for pid in new.filter(|&pid| program_name(pid).is_some_and(|name| ours(&name))) {
        sum += private_memory(pid)?;
    }
    running.into_iter().try_for_each(Running::end)?;
    Ok(sum / CONTAINERS)
}

/// A container that waits for the end of its input.
struct Running(Child);

impl Running {
    fn start(program: Program) -> Result<Self> {
        let mut command = program.into_command();
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().cannot(|| "start a container")?;
        let output = child.stdout.take().cannot(|| "read from a container")?;
        let mut line = String::new();
        let mut output = BufReader::new(output);
        output.read_line(&mut line).cannot(|| "read from a container")?;
        child.stdout = Some(output.into_inner());
        if line.trim() == READY {
            Ok(Self(child))
        } else {
            Err(Failure::new(format!("the container said {line:?}")))
        }
    }

    fn end(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        self.0.wait().cannot(|| "wait for a container")?;
        Ok(())
    }
}

/// What a measured container runs.
pub(crate) const COMMAND: [&str; 3] = ["sh", "-c", "echo ready; exec cat"];

const READY: &str = "ready";

fn processes() -> BTreeSet<u32> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeSet::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The file name of a process's program; a sealed copy is named `memfd:NAME`.
fn program_name(pid: u32) -> Option<String> {
    let program = std::fs::read_link(format!("/proc/{pid}/exe")).ok()?;
    let name = program.file_name()?.to_str()?.trim_end_matches(" (deleted)");
    Some(name.trim_start_matches("memfd:").to_owned())
}

/// `Private_Clean` and `Private_Dirty` of smaps_rollup, in KiB (proc_pid_smaps(5)).
fn private_memory(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(Path::new(&path)).cannot(|| format!("read {path}"))?;
    Ok(sum_private(&text))
}

fn sum_private(rollup: &str) -> u64 {
    let private =
        rollup.lines().filter(|line| line.starts_with("Private_") && !line.starts_with("Private_Hugetlb"));
    private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::sum_private;

    #[test]
    fn private_memory_is_clean_and_dirty() {
        let rollup = "Rss:  900 kB\nShared_Dirty: 7 kB\nPrivate_Clean:  12 kB\nPrivate_Dirty:  30 kB\n\
                      Private_Hugetlb: 0 kB\n";
        assert_eq!(sum_private(rollup), 42);
    }
}
