// SPDX-License-Identifier: Apache-2.0
//! What was measured of one operation, as a section of docs/benchmarks.md.

use std::collections::BTreeMap;

use super::meter::Load;
use super::{Contestant, Operation, goals};
use crate::command::program;
use crate::failure::{Result, While};
use crate::packages;

/// All that was measured of one operation.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) operation: Operation,
    /// By what was done, and by whom.
    pub(super) rows: BTreeMap<(String, Contestant), Vec<Load>>,
    /// How many requests a step came to.
    pub(super) requests: BTreeMap<(&'static str, Contestant), usize>,
}

impl Section {
    pub(super) fn new(operation: Operation) -> Self {
        Self { operation, rows: BTreeMap::new(), requests: BTreeMap::new() }
    }

    pub(super) fn text(&self, rounds: u32) -> Result<String> {
        let mut text = format!("## `cargo xtask bench images --only {}`\n\n", self.operation.name());
        text.push_str(&format!("{} {rounds} rounds in turn. {}\n\n", self.operation.about(), machine()?));
        let (unit, factor) = self.operation.unit();
        text.push_str(&format!(
            "| | | cpu {unit} min | median | wall {unit} min | median | peak MiB | cpu, times ours |\n"
        ));
        text.push_str("|---|---|---:|---:|---:|---:|---:|---:|\n");
        for ((what, contestant), loads) in &self.rows {
            text.push_str(&self.line(what, *contestant, loads, factor));
        }
        if !self.requests.is_empty() {
            text.push_str("\nRequests to the registry, on a proxy that counts them:\n\n| | | requests |\n|---|---|---:|\n");
            for ((step, contestant), count) in &self.requests {
                text.push_str(&format!("| {step} | {} | {count} |\n", self.operation.command(*contestant)));
            }
        }
        text.push_str("\n| must reach | measured | |\n|---|---|---|\n");
        for goal in goals::of(self) {
            let verdict = if goal.reached { "reached" } else { "**missed**" };
            text.push_str(&format!("| {} | {} | {verdict} |\n", goal.goal, goal.measured));
        }
        Ok(text)
    }

    /// What was done, each once.
    pub(super) fn subjects(&self) -> Vec<&str> {
        let mut subjects: Vec<&str> = self.rows.keys().map(|(what, _)| what.as_str()).collect();
        subjects.dedup();
        subjects
    }

    /// The least that `contestant` took for it.
    pub(super) fn least(
        &self,
        what: &str,
        contestant: Contestant,
        figure: impl Fn(&Load) -> f64,
    ) -> Option<f64> {
        self.rows.get(&(what.to_owned(), contestant))?.iter().map(figure).reduce(f64::min)
    }

    /// The least that any peer took for it.
    pub(super) fn best_peer(&self, what: &str, figure: impl Fn(&Load) -> f64) -> Option<f64> {
        PEERS.iter().filter_map(|peer| self.least(what, *peer, &figure)).reduce(f64::min)
    }

    fn line(&self, what: &str, contestant: Contestant, loads: &[Load], factor: f64) -> String {
        // Less than a tick of the clock by which processor time is counted is no figure to divide by.
        let ours = self.least(what, Contestant::Us, |load| load.cpu).filter(|ours| *ours > 0.0);
        let ratio = ours.map_or_else(|| "–".to_owned(), |ours| format!("{:.1}", least_cpu(loads) / ours));
        let cpu = sorted(loads, |load| load.cpu);
        let wall = sorted(loads, |load| load.wall);
        let memory = sorted(loads, |load| load.memory);
        let digits = if factor > 1.0 { 1 } else { 2 };
        format!(
            "| {what} | {} | {:.digits$} | {:.digits$} | {:.digits$} | {:.digits$} | {:.0} | {ratio} |\n",
            self.operation.command(contestant),
            cpu[0] * factor,
            cpu[cpu.len() / 2] * factor,
            wall[0] * factor,
            wall[wall.len() / 2] * factor,
            memory[memory.len() - 1],
        )
    }
}

fn least_cpu(loads: &[Load]) -> f64 {
    loads.iter().map(|load| load.cpu).fold(f64::INFINITY, f64::min)
}

fn sorted(loads: &[Load], what: impl Fn(&Load) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = loads.iter().map(what).collect();
    values.sort_by(f64::total_cmp);
    values
}

/// What the figures depend on.
fn machine() -> Result<String> {
    let kernel = program("uname", ["-r"]).text()?;
    let versions = packages::versions(&["docker.io", "podman", "skopeo", "umoci", "docker-registry", "tar"])?;
    let cores = std::thread::available_parallelism().cannot(|| "count the processors")?;
    let sha = if has_sha_instructions()? { "with" } else { "without" };
    Ok(format!(
        "Linux {kernel}, {cores} processors {sha} SHA instructions; {versions}. Processor pressure (some, last 300 s) \
         at the end: {} %.",
        pressure()
    ))
}

/// Digests take a third of the time without them.
fn has_sha_instructions() -> Result<bool> {
    let text = std::fs::read_to_string("/proc/cpuinfo").cannot(|| "read /proc/cpuinfo")?;
    Ok(text.split_whitespace().any(|flag| matches!(flag, "sha_ni" | "sha2")))
}

fn pressure() -> String {
    let text = std::fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
    let field = text.split_whitespace().find_map(|word| word.strip_prefix("avg300="));
    field.unwrap_or("unknown").to_owned()
}

const PEERS: [Contestant; 4] =
    [Contestant::Docker, Contestant::Podman, Contestant::Skopeo, Contestant::Umoci];
