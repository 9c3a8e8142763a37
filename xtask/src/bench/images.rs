// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench images`: images on their way in and out and what containers make of them, side by
//! side with the peers, in processor seconds, wall seconds and peak memory.
//!
//! Each contestant has a fresh journalled ext4 in a file in memory for its state, made anew for every
//! image: what a disk did before would count otherwise (an ext4 without a journal avoids inodes that were
//! just freed, and becomes twenty times slower). Archives and registries lie in memory, too. Everybody
//! once, then everybody again.

mod archives;
mod disk;
mod engine;
mod files;
mod goals;
mod load;
mod meter;
mod operation;
mod proxy;
mod registry;
mod section;
mod transfers;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result, While};
use crate::packages;
use crate::project::{Profile, Project};
use archives::Archives;
use disk::Disk;
use meter::Load;
use operation::Operation;
use registry::Registry;
use section::Section;

/// Runs it; `arguments` may be `--only OPERATION,...`, `--rounds N` and `--binary FILE` (not our release
/// build).
pub(crate) fn bench(project: &Project, arguments: &[String]) -> Result<()> {
    let asked = Asked::parse(arguments)?;
    packages::install(project)?;
    let binary = match &asked.binary {
        Some(binary) => binary.clone(),
        None => project.build("bulkhead", "bulkhead", Profile::Release)?,
    };
    let place = Disk::memory(&project.directory("bench")?)?;
    let archives = Archives::make(project, &place.path)?;
    let sections = asked.only.iter().map(|operation| (*operation, Section::new(*operation))).collect();
    let mut bench = Bench { archives: &archives, place: &place.path, binary: &binary, sections };
    bench.run(asked.rounds)?;
    let mut missed = Vec::new();
    for section in bench.sections.values() {
        let text = section.text(asked.rounds)?;
        println!("{text}");
        super::write_section(project, &format!("images {}", section.operation.name()), &text)?;
        missed.extend(goals::of(section).into_iter().filter(|goal| !goal.reached).map(|goal| goal.goal));
    }
    if missed.is_empty() { Ok(()) } else { Err(Failure::new(format!("missed: {}", missed.join("; ")))) }
}

/// What is there to measure with, and what was measured.
#[derive(Debug)]
struct Bench<'a> {
    archives: &'a Archives,
    place: &'a Path,
    binary: &'a Path,
    sections: BTreeMap<Operation, Section>,
}

impl Bench<'_> {
    fn run(&mut self, rounds: u32) -> Result<()> {
        let transfers = self.sections.keys().any(|operation| *operation != Operation::Load);
        let registry = match transfers {
            true => Some(Registry::filled(&self.place.join("registry"), self.archives.pushed())?),
            false => None,
        };
        if let Some(registry) = registry.as_ref().filter(|_| self.wants(Operation::Again)) {
            transfers::count(self, registry)?;
        }
        for round in 1..=rounds {
            println!("round {round} of {rounds}");
            if self.wants(Operation::Load) {
                load::round(self)?;
            }
            if let Some(registry) = &registry {
                transfers::round(self, registry)?;
            }
        }
        Ok(())
    }

    fn wants(&self, operation: Operation) -> bool {
        self.sections.contains_key(&operation)
    }

    /// What is not wanted is not kept: a pull comes before all else.
    fn record(&mut self, operation: Operation, what: &str, contestant: Contestant, load: Load) {
        let Load { cpu, wall, memory } = load;
        if let Some(section) = self.sections.get_mut(&operation) {
            let name = operation.command(contestant);
            println!("{what}: {name}: cpu {cpu:.3} wall {wall:.3} s, {memory:.0} MiB");
            section.rows.entry((what.to_owned(), contestant)).or_default().push(load);
        }
    }

    fn record_requests(&mut self, step: &'static str, contestant: Contestant, count: usize) {
        if let Some(section) = self.sections.get_mut(&Operation::Again) {
            section.requests.insert((step, contestant), count);
        }
    }
}

struct Asked {
    rounds: u32,
    only: Vec<Operation>,
    binary: Option<PathBuf>,
}

impl Asked {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut asked = Self { rounds: ROUNDS, only: Operation::ALL.to_vec(), binary: None };
        for pair in arguments.chunks(2) {
            match pair {
                [flag, number] if flag == "--rounds" => {
                    let read = number.parse().cannot(|| format!("read {number} as a number"))?;
                    asked.rounds = Some(read).filter(|rounds| *rounds > 0).cannot(|| "do nothing at all")?;
                }
                [flag, names] if flag == "--only" => {
                    asked.only = names.split(',').map(Operation::parse).collect::<Result<_>>()?;
                }
                [flag, path] if flag == "--binary" => asked.binary = Some(path.into()),
                _ => return Err(Failure::new(USAGE)),
            }
        }
        Ok(asked)
    }
}

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contestant {
    /// `tar -x` of the layers: no digests, nothing kept.
    Floor,
    /// Bulkhead.
    Us,
    /// Debian's docker, its daemon and that one's containerd.
    Docker,
    /// Debian's podman.
    Podman,
    /// `skopeo copy` to and from containers-storage.
    Skopeo,
    /// `umoci unpack`.
    Umoci,
}

const ROUNDS: u32 = 3;
const USAGE: &str =
    "usage: bench images [--only load,pull,again,push,save,diff,cp] [--rounds N] [--binary FILE]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for() {
        let parse =
            |line: &str| Asked::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let asked = parse("--only pull,cp --rounds 2").unwrap();
        assert_eq!((asked.only, asked.rounds), (vec![Operation::Pull, Operation::Copy], 2));
        assert_eq!(parse("").unwrap().only, Operation::ALL);
        for wrong in ["--only nothing", "--rounds 0", "--rounds", "pull"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
