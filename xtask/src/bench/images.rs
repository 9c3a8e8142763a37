// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask bench images`: taking images in, side by side with the peers, in processor seconds, wall
//! seconds and peak memory.
//!
//! Each contestant has a fresh journalled ext4 in a file in memory for its state, made anew for every
//! load: what a disk did before would count otherwise (an ext4 without a journal avoids inodes that were
//! just freed, and becomes twenty times slower). The archives lie in memory, too. Everybody once, then
//! everybody again.

mod archives;
mod disk;
mod meter;
mod table;

use std::path::{Path, PathBuf};

use crate::command::{Program, program};
use crate::failure::{Failure, Result, While};
use crate::packages;
use crate::peers::{Docker, Podman};
use crate::project::{Profile, Project};
use archives::{Archive, Archives};
use disk::Disk;
use meter::{Load, Meter};
use table::{Row, Table};

/// Runs it; `arguments` may be `--rounds N` and `--binary FILE` (not our release build).
pub(crate) fn bench(project: &Project, arguments: &[String]) -> Result<()> {
    let asked = Asked::parse(arguments)?;
    packages::install(project)?;
    let binary = match &asked.binary {
        Some(binary) => binary.clone(),
        None => project.build("bulkhead", "bulkhead", Profile::Release)?,
    };
    let place = Disk::memory(&project.directory("bench")?)?;
    let archives = Archives::make(project, &place.path)?;
    let mut table = Table::new(asked.rounds);
    for round in 0..asked.rounds {
        for archive in archives.all() {
            for contestant in CONTESTANTS {
                if let Some(load) = contestant.load(archive, &binary, &place.path)? {
                    let (cpu, wall) = (load.cpu, load.wall);
                    println!(
                        "round {}: {} {contestant:?}: cpu {cpu:.2} wall {wall:.2} s",
                        round + 1,
                        archive.name
                    );
                    table.add(Row { image: archive.image, form: archive.form, contestant }, load);
                }
            }
        }
    }
    let text = table.text()?;
    println!("{text}");
    super::write_section(project, "images", &text)?;
    table.verdict()
}

struct Asked {
    rounds: u32,
    binary: Option<PathBuf>,
}

impl Asked {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut asked = Self { rounds: ROUNDS, binary: None };
        for pair in arguments.chunks(2) {
            match pair {
                [flag, number] if flag == "--rounds" => {
                    asked.rounds = number.parse().cannot(|| format!("read {number} as a number"))?;
                }
                [flag, path] if flag == "--binary" => asked.binary = Some(path.into()),
                _ => return Err(Failure::new("usage: bench images [--rounds N] [--binary FILE]")),
            }
        }
        Ok(asked)
    }
}

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contestant {
    /// `tar -xzf` of the layers: no digests, nothing kept.
    Floor,
    /// `bulkhead load`.
    Us,
    /// `docker load`.
    Docker,
    /// `podman load`.
    Podman,
    /// `skopeo copy` to containers-storage.
    Skopeo,
    /// `umoci unpack`.
    Umoci,
}

const CONTESTANTS: [Contestant; 6] = [
    Contestant::Floor,
    Contestant::Us,
    Contestant::Docker,
    Contestant::Podman,
    Contestant::Skopeo,
    Contestant::Umoci,
];

impl Contestant {
    /// Takes `archive` in on a fresh disk; nothing when it cannot read that form.
    fn load(self, archive: &Archive, binary: &Path, place: &Path) -> Result<Option<Load>> {
        let disk = Disk::fresh(place)?;
        let state = disk.path.join("state");
        std::fs::create_dir(&state).cannot(|| "make a state directory")?;
        let load = match (self, archive.form) {
            (Self::Floor, _) => self.untar(archive, &state)?,
            (Self::Us, _) => {
                let command = program(binary, ["load", "--quiet", "--input"]).arg(&archive.path);
                Meter::run(command.env("BULKHEAD_ROOT", &state), &[])?
            }
            // Docker 20.10 reads what `docker save` writes and nothing else.
            (Self::Docker, archives::Form::Docker) => {
                let docker = Docker::start(&state)?;
                let daemons = docker.daemons()?;
                Meter::run(docker.client(["load", "--quiet", "--input"]).arg(&archive.path), &daemons)?
            }
            (Self::Podman, _) => {
                let podman = Podman::prepare(&state)?;
                Meter::run(podman.client(["load", "--quiet", "--input"]).arg(&archive.path), &[])?
            }
            (Self::Skopeo, form) => {
                let podman = Podman::prepare(&state)?;
                let source = format!("{}:{}", form.transport(), archive.path.display());
                let target = format!("containers-storage:{}", podman.store(archive.image));
                Meter::run(program("skopeo", ["copy", "--quiet", &source, &target]), &[])?
            }
            (Self::Umoci, archives::Form::Oci) => {
                let layout = archive.layout();
                let image = format!("{}:1", layout.display());
                let command = program("umoci", ["unpack", "--image", &image]).arg(state.join("bundle"));
                Meter::run(command, &[])?
            }
            (Self::Docker | Self::Umoci, _) => return Ok(None),
        };
        Ok(Some(load))
    }

    fn untar(self, archive: &Archive, state: &Path) -> Result<Load> {
        let flag = if archive.form == archives::Form::Oci { "-xzf" } else { "-xf" };
        let script =
            format!("for layer; do mkdir \"$0/$((n+=1))\"; tar {flag} \"$layer\" -C \"$0/$n\"; done");
        Meter::run(sh(&script).arg(state).args(&archive.layers), &[])
    }
}

fn sh(script: &str) -> Program {
    program("sh", ["-euc", script])
}

const ROUNDS: u32 = 3;
