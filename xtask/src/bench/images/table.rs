// SPDX-License-Identifier: Apache-2.0
//! The table, and what it has to show.

use std::collections::BTreeMap;

use super::Contestant;
use super::archives::Form;
use super::meter::Load;
use crate::command::program;
use crate::failure::{Failure, Result, While};
use crate::packages;

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) image: &'static str,
    pub(super) form: Form,
    pub(super) contestant: Contestant,
}

/// All that was measured.
#[derive(Debug)]
pub(super) struct Table {
    rounds: u32,
    loads: BTreeMap<Row, Vec<Load>>,
}

struct Target {
    goal: String,
    measured: String,
    reached: bool,
}

impl Table {
    pub(super) fn new(rounds: u32) -> Self {
        Self { rounds, loads: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, row: Row, load: Load) {
        self.loads.entry(row).or_default().push(load);
    }

    pub(super) fn text(&self) -> Result<String> {
        let mut text = String::from("## `cargo xtask bench images`\n\n");
        let kernel = program("uname", ["-r"]).text()?;
        let versions = packages::versions(&["docker.io", "podman", "skopeo", "umoci", "tar"])?;
        let cores = std::thread::available_parallelism().cannot(|| "count the processors")?;
        let sha = if has_sha_instructions()? { "with" } else { "without" };
        text.push_str(&format!(
            "`load`, cold, on a fresh journalled ext4 in memory, {} rounds in turn; processor seconds of the command, \
             its children and its daemons. Linux {kernel}, {cores} processors {sha} SHA instructions; {versions}. \
             `bulkhead load` and `podman load` of what `docker save` writes read plain layers, of an OCI archive gzip ones. \
             The floor is `tar -x` of the layers: no digests, nothing kept. Processor pressure (some, last 300 s) at the end: {} %.\n\n",
            self.rounds,
            pressure()
        ));
        text.push_str(
            "| image | archive | | cpu s min | median | wall s min | median | peak MiB | cpu, times ours |\n",
        );
        text.push_str("|---|---|---|---:|---:|---:|---:|---:|---:|\n");
        for (row, loads) in &self.loads {
            let ours =
                self.least(&Row { contestant: Contestant::Us, ..*row }, |load| load.cpu).unwrap_or(f64::NAN);
            let cpu = sorted(loads, |load| load.cpu);
            let wall = sorted(loads, |load| load.wall);
            let memory = sorted(loads, |load| load.memory);
            text.push_str(&format!(
                "| {} | {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.1} |\n",
                row.image,
                row.form.transport(),
                name(row.contestant),
                cpu[0],
                cpu[cpu.len() / 2],
                wall[0],
                wall[wall.len() / 2],
                memory[memory.len() - 1],
                cpu[0] / ours
            ));
        }
        text.push_str("\n| must reach | measured | |\n|---|---|---|\n");
        for target in self.targets() {
            let verdict = if target.reached { "reached" } else { "**missed**" };
            text.push_str(&format!("| {} | {} | {verdict} |\n", target.goal, target.measured));
        }
        Ok(text)
    }

    pub(super) fn verdict(&self) -> Result<()> {
        let missed: Vec<String> =
            self.targets().into_iter().filter(|target| !target.reached).map(|target| target.goal).collect();
        if missed.is_empty() { Ok(()) } else { Err(Failure::new(format!("missed: {}", missed.join("; ")))) }
    }

    fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for (image, most) in CPU {
            for form in [Form::Oci, Form::Docker] {
                let us = Row { image, form, contestant: Contestant::Us };
                let what = format!("{image} from {}", form.transport());
                if let Some(cpu) = self.least(&us, |load| load.cpu) {
                    targets.push(Target {
                        goal: format!("{what}: at most {most} cpu s"),
                        measured: format!("{cpu:.2}"),
                        reached: cpu <= most,
                    });
                }
                let peers = PEERS
                    .iter()
                    .filter_map(|peer| self.least(&Row { contestant: *peer, ..us }, |load| load.wall));
                let fastest = peers.fold(f64::INFINITY, f64::min);
                if let Some(wall) = self.least(&us, |load| load.wall) {
                    targets.push(Target {
                        goal: format!("{what}: at most half the fastest peer's wall time"),
                        measured: format!("{wall:.2} of {fastest:.2} s"),
                        reached: wall <= fastest / 2.0,
                    });
                }
            }
        }
        let ours = self.loads.iter().filter(|(row, _)| row.contestant == Contestant::Us);
        let memory = ours.flat_map(|(_, loads)| loads).map(|load| load.memory).fold(0.0, f64::max);
        targets.push(Target {
            goal: "peak memory under 64 MiB".into(),
            measured: format!("{memory:.0} MiB"),
            reached: memory < 64.0,
        });
        targets
    }

    fn least(&self, row: &Row, what: impl Fn(&Load) -> f64) -> Option<f64> {
        self.loads.get(row)?.iter().map(what).reduce(f64::min)
    }
}

fn sorted(loads: &[Load], what: impl Fn(&Load) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = loads.iter().map(what).collect();
    values.sort_by(f64::total_cmp);
    values
}

fn name(contestant: Contestant) -> &'static str {
    match contestant {
        Contestant::Floor => "tar -x (floor)",
        Contestant::Us => "bulkhead load",
        Contestant::Docker => "docker load",
        Contestant::Podman => "podman load",
        Contestant::Skopeo => "skopeo copy",
        Contestant::Umoci => "umoci unpack",
    }
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

/// Issue 3, "Must reach".
const CPU: [(&str, f64); 3] = [("bookworm", 0.8), ("small", 1.5), ("multi", 2.2)];
const PEERS: [Contestant; 4] =
    [Contestant::Docker, Contestant::Podman, Contestant::Skopeo, Contestant::Umoci];
