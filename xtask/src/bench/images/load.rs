// SPDX-License-Identifier: Apache-2.0
//! `load` of an archive, beside all that unpack one.

use std::path::Path;

use super::archives::{Archive, Form};
use super::disk::Disk;
use super::meter::{Load, Meter};
use super::{Bench, Contestant, Operation};
use crate::command::program;
use crate::failure::{Result, While};
use crate::peers::{Docker, Podman};

/// Each archive by each contestant who can read it.
pub(super) fn round(bench: &mut Bench<'_>) -> Result<()> {
    for archive in bench.archives.all() {
        for contestant in CONTESTANTS {
            if let Some(load) = take_in(contestant, archive, bench.binary, bench.place)? {
                let what = format!("{}, {}", archive.image, archive.form.transport());
                bench.record(Operation::Load, &what, contestant, load);
            }
        }
    }
    Ok(())
}

/// Takes `archive` in on a fresh disk; nothing when that is a form that the contestant cannot read.
fn take_in(contestant: Contestant, archive: &Archive, binary: &Path, place: &Path) -> Result<Option<Load>> {
    let disk = Disk::fresh(place)?;
    let state = disk.path.join("state");
    std::fs::create_dir(&state).cannot(|| "make a state directory")?;
    let load = match (contestant, archive.form) {
        (Contestant::Floor, _) => untar(archive, &state)?,
        (Contestant::Us, _) => {
            let command = program(binary, ["load", "--quiet", "--input"]).arg(&archive.path);
            Meter::run(command.env("BULKHEAD_ROOT", &state), &[])?
        }
        // Docker 20.10 reads what `docker save` writes and nothing else.
        (Contestant::Docker, Form::Docker) => {
            let docker = Docker::start(&state)?;
            let daemons = docker.daemons()?;
            Meter::run(docker.client(["load", "--quiet", "--input"]).arg(&archive.path), &daemons)?
        }
        (Contestant::Podman, _) => {
            let podman = Podman::prepare(&state)?;
            Meter::run(podman.client(["load", "--quiet", "--input"]).arg(&archive.path), &[])?
        }
        (Contestant::Skopeo, form) => {
            let podman = Podman::prepare(&state)?;
            let source = format!("{}:{}", form.transport(), archive.path.display());
            let target = format!("containers-storage:{}", podman.store(archive.image));
            Meter::run(program("skopeo", ["copy", "--quiet", &source, &target]), &[])?
        }
        (Contestant::Umoci, Form::Oci) => {
            let layout = archive.layout();
            let image = format!("{}:1", layout.display());
            let command = program("umoci", ["unpack", "--image", &image]).arg(state.join("bundle"));
            Meter::run(command, &[])?
        }
        (Contestant::Docker | Contestant::Umoci, _) => return Ok(None),
    };
    Ok(Some(load))
}

fn untar(archive: &Archive, state: &Path) -> Result<Load> {
    let flag = if archive.form == Form::Oci { "-xzf" } else { "-xf" };
    let script = format!("for layer; do mkdir \"$0/$((n+=1))\"; tar {flag} \"$layer\" -C \"$0/$n\"; done");
    Meter::run(program("sh", ["-euc", &script]).arg(state).args(&archive.layers), &[])
}

const CONTESTANTS: [Contestant; 6] = [
    Contestant::Floor,
    Contestant::Us,
    Contestant::Docker,
    Contestant::Podman,
    Contestant::Skopeo,
    Contestant::Umoci,
];
