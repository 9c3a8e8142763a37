// SPDX-License-Identifier: Apache-2.0
//! What a command takes, with its children and the daemons that work for it.

use std::time::Instant;

use crate::command::Program;
use crate::failure::{Result, While};

/// What one command took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// Processor seconds.
    pub(super) cpu: f64,
    /// Seconds by the clock.
    pub(super) wall: f64,
    /// MiB of the largest process.
    pub(super) memory: f64,
}

/// Measures by time(1), and daemons by /proc.
#[derive(Debug)]
pub(super) struct Meter;

impl Meter {
    /// Runs it once.
    pub(super) fn run(command: Program, daemons: &[u32]) -> Result<Load> {
        daemons.iter().try_for_each(|pid| forget_peak(*pid))?;
        let before = ticks(daemons)?;
        let start = Instant::now();
        let said = command.timed().text()?;
        let wall = start.elapsed().as_secs_f64();
        let during = (ticks(daemons)? - before) as f64 / TICKS;
        let line = said.lines().last().unwrap_or_default();
        let numbers: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        let [user, system, kibibytes] = numbers[..] else {
            return Err(crate::failure::Failure::new(format!("time(1) said {line:?}")));
        };
        let memory =
            daemons.iter().map(|pid| peak(*pid)).try_fold(kibibytes, |most, peak| Ok(most.max(peak?)))?;
        Ok(Load { cpu: user + system + during, wall, memory: memory / 1024.0 })
    }

    /// Runs it so many times, for what one takes: what is short cannot be measured alone.
    pub(super) fn repeat(command: Program, daemons: &[u32], times: u32) -> Result<Load> {
        let all = Self::run(command.repeated(times), daemons)?;
        let times = f64::from(times);
        Ok(Load { cpu: all.cpu / times, wall: all.wall / times, memory: all.memory })
    }
}

/// Ticks of these processes and of their children that have ended: fields 14 to 17 of proc_pid_stat(5).
fn ticks(processes: &[u32]) -> Result<u64> {
    let mut sum = 0;
    for pid in processes {
        let text =
            std::fs::read_to_string(format!("/proc/{pid}/stat")).cannot(|| format!("look at {pid}"))?;
        let fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
        sum += fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    }
    Ok(sum)
}

/// From now on (proc_pid_clear_refs(5)).
fn forget_peak(pid: u32) -> Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5")
        .cannot(|| format!("forget the peak memory of {pid}"))
}

/// KiB that the process had at most.
fn peak(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).cannot(|| format!("look at {pid}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.cannot(|| format!("read the peak memory of {pid}"))
}

/// USER_HZ, which is 100 on every machine of ours (time(7)).
const TICKS: f64 = 100.0;
