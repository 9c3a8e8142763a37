// SPDX-License-Identifier: Apache-2.0
//! Whoever keeps images, with a state of its own, and how each says the same thing.

use std::path::{Path, PathBuf};

use super::Contestant;
use super::meter::{Load, Meter};
use crate::command::{Program, program};
use crate::failure::Result;
use crate::peers::{Docker, Podman};

/// One of them.
#[derive(Debug)]
pub(super) enum Engine {
    Us(Us),
    Docker(Docker),
    Podman(Podman),
    /// With podman's storage.
    Skopeo(Podman),
}

/// Bulkhead, which needs no daemon.
#[derive(Debug)]
pub(super) struct Us {
    binary: PathBuf,
    state: PathBuf,
}

impl Us {
    fn client<const N: usize>(&self, words: [&str; N]) -> Program {
        program(&self.binary, words).env("BULKHEAD_ROOT", &self.state)
    }
}

impl Engine {
    /// With its state in `state`; nothing for who keeps no images.
    pub(super) fn start(contestant: Contestant, binary: &Path, state: &Path) -> Result<Option<Self>> {
        Ok(Some(match contestant {
            Contestant::Us => Self::Us(Us { binary: binary.to_owned(), state: state.to_owned() }),
            Contestant::Docker => Self::Docker(Docker::start(state)?),
            Contestant::Podman => Self::Podman(Podman::prepare(state)?),
            Contestant::Skopeo => Self::Skopeo(Podman::prepare(state)?),
            Contestant::Floor | Contestant::Umoci => return Ok(None),
        }))
    }

    /// What `command` takes of us and our daemons.
    pub(super) fn measure(&self, command: Program) -> Result<Load> {
        Meter::run(command, &self.daemons()?)
    }

    /// What one `command` of so many takes.
    pub(super) fn repeat(&self, command: Program, times: u32) -> Result<Load> {
        Meter::repeat(command, &self.daemons()?, times)
    }

    /// Brings the image `name` here.
    pub(super) fn pull(&self, name: &str) -> Program {
        match self {
            Self::Us(us) => us.client(["pull", "--quiet", name]),
            Self::Docker(docker) => docker.client(["pull", "--quiet", name]),
            Self::Podman(podman) => podman.client(["pull", "--quiet", "--tls-verify=false", name]),
            Self::Skopeo(podman) => {
                let source = format!("docker://{name}");
                skopeo(["--src-tls-verify=false", &source, &kept(podman, name)])
            }
        }
    }

    /// Gives the image `name` the name `target` as well; nothing for who needs no such thing.
    pub(super) fn tag(&self, name: &str, target: &str) -> Option<Program> {
        match self {
            Self::Us(us) => Some(us.client(["tag", name, target])),
            Self::Docker(docker) => Some(docker.client(["tag", name, target])),
            Self::Podman(podman) => Some(podman.client(["tag", name, target])),
            Self::Skopeo(_) => None,
        }
    }

    /// Brings the image `name` to where its other name `target` says.
    pub(super) fn push(&self, name: &str, target: &str) -> Program {
        match self {
            Self::Us(us) => us.client(["push", "--quiet", target]),
            Self::Docker(docker) => docker.client(["push", "--quiet", target]),
            Self::Podman(podman) => podman.client(["push", "--quiet", "--tls-verify=false", target]),
            Self::Skopeo(podman) => {
                let target = format!("docker://{target}");
                skopeo(["--dest-tls-verify=false", &kept(podman, name), &target])
            }
        }
    }

    /// Writes the image `name` into the new archive `path`.
    pub(super) fn save(&self, name: &str, path: &Path) -> Program {
        match self {
            Self::Us(us) => us.client(["save", "--quiet", "--output"]).arg(path).arg(name),
            Self::Docker(docker) => docker.client(["save", "--output"]).arg(path).arg(name),
            Self::Podman(podman) => podman.client(["save", "--quiet", "--output"]).arg(path).arg(name),
            Self::Skopeo(podman) => {
                let target = format!("docker-archive:{}:{name}", path.display());
                skopeo(["--src-tls-verify=false", &kept(podman, name), &target])
            }
        }
    }

    /// Makes a container of the image `name` that has ended or never ran; nothing for who has none.
    pub(super) fn create(&self, name: &str, container: &str) -> Option<Program> {
        match self {
            // There is nothing to run in one of the images, so a program is brought along.
            Self::Us(us) => {
                let program = ["-v", "/bin/busybox:/busybox:ro", name, "/busybox", "true"];
                Some(us.client(["run", "--name", container]).args(&program))
            }
            Self::Docker(docker) => {
                Some(docker.client(["create", "--name", container, "--network=none", name, "/busybox"]))
            }
            Self::Podman(podman) => {
                Some(podman.client(["create", "--name", container, "--network=none", name, "/busybox"]))
            }
            Self::Skopeo(_) => None,
        }
    }

    /// A verb that all of them spell the same: `diff CONTAINER`, `cp FROM TO`.
    pub(super) fn plainly<const N: usize>(&self, words: [&str; N]) -> Program {
        match self {
            Self::Us(us) => us.client(words),
            Self::Docker(docker) => docker.client(words),
            Self::Podman(podman) | Self::Skopeo(podman) => podman.client(words),
        }
    }

    fn daemons(&self) -> Result<Vec<u32>> {
        match self {
            Self::Docker(docker) => docker.daemons(),
            Self::Us(_) | Self::Podman(_) | Self::Skopeo(_) => Ok(Vec::new()),
        }
    }
}

fn skopeo(words: [&str; 3]) -> Program {
    program("skopeo", ["copy", "--quiet"]).args(&words)
}

/// What skopeo calls the image `name` in the storage of `podman`.
fn kept(podman: &Podman, name: &str) -> String {
    format!("containers-storage:{}", podman.store(name.trim_end_matches(":1")))
}
