// SPDX-License-Identifier: Apache-2.0
//! Debian's podman, with storage and configuration of its own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{SocketDirectory, remove_cgroups};
use crate::command::{Program, program};
use crate::failure::{Result, While};

/// A podman that knows nothing of the machine's own; its storage is removed when dropped.
#[derive(Debug)]
pub(crate) struct Podman {
    sockets: SocketDirectory,
    state: PathBuf,
}

impl Podman {
    /// Prepares `state`, which must not be on tmpfs.
    pub(crate) fn prepare(state: &Path) -> Result<Self> {
        std::fs::create_dir_all(state).cannot(|| format!("make {}", state.display()))?;
        let write = |name: &str, text: &str| {
            std::fs::write(state.join(name), text).cannot(|| format!("write {name}"))
        };
        write("containers.conf", CONFIGURATION)?;
        let podman = Self { sockets: SocketDirectory::make()?, state: state.to_path_buf() };
        write("storage.conf", &podman.storage())?;
        Ok(podman)
    }

    /// A podman command.
    pub(crate) fn client<const N: usize>(&self, args: [&str; N]) -> Program {
        program(PODMAN, ["--storage-driver", "overlay"])
            .arg("--root")
            .arg(self.root())
            .arg("--runroot")
            .arg(self.run_root())
            .arg("--tmpdir")
            .arg(self.sockets.join("tmp"))
            .args(&args)
            .env("CONTAINERS_CONF", self.state.join("containers.conf"))
            .env("CONTAINERS_STORAGE_CONF", self.state.join("storage.conf"))
    }

    /// How skopeo names the image `name` in this storage.
    pub(crate) fn store(&self, name: &str) -> String {
        format!("[overlay@{}+{}]{name}:1", self.root().display(), self.run_root().display())
    }

    /// Podman checks that this file names both directories before it looks at its flags.
    fn storage(&self) -> String {
        let (root, run_root) = (self.root(), self.run_root());
        format!("[storage]\ndriver = \"overlay\"\nrunroot = {run_root:?}\ngraphroot = {root:?}\n")
    }

    fn root(&self) -> PathBuf {
        self.state.join("root")
    }

    fn run_root(&self) -> PathBuf {
        self.sockets.join("run")
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // `reset` also unmounts; the directory itself is removed after it.
        let steps = [
            self.client(["system", "reset", "--force"]).within(REMOVE_LIMIT),
            program("rm", ["-rf", "--one-file-system"]).arg(&self.state).within(REMOVE_LIMIT),
        ];
        for step in steps {
            if let Err(failure) = step.run_quietly() {
                eprintln!("{failure}");
            }
        }
        remove_cgroups("libpod_parent");
    }
}

const PODMAN: &str = "/usr/bin/podman";

/// `default_ulimits`: podman's own would need CAP_SYS_RESOURCE. `runtime`: Debian's crun refuses
/// hybrid cgroups. The rest keeps it from looking for systemd.
const CONFIGURATION: &str = r#"[containers]
default_ulimits = []
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
"#;

const REMOVE_LIMIT: Duration = Duration::from_secs(120);
