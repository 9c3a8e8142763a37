// SPDX-License-Identifier: Apache-2.0
//! Archives that docker, podman and skopeo wrote: the root file system is the one that podman makes of
//! them, the ids are those that they have there, and the image runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tests::Sandbox;

use crate::tree::{self, Joined};

/// tests/images/layers/Dockerfile says what the image prints.
const SAID: &str = "hello from a layer\n1000\n/data\none\nnew";

/// Each archive with how podman calls its form.
const ARCHIVES: [(&str, &str); 5] = [
    ("layers.docker.tar", "docker-archive"),
    ("layers.podman.tar", "docker-archive"),
    ("layers.podman-oci.tar", "oci-archive"),
    ("layers.oci", "oci"),
    ("layers.zstd.oci", "oci"),
];

#[test]
fn what_peers_wrote_becomes_what_podman_makes_of_it() {
    if missing() {
        return tests::skip("podman or skopeo is not installed");
    }
    for (file, transport) in ARCHIVES {
        let sandbox = Sandbox::new();
        let id = load(&sandbox, file);
        let layers = layers(&sandbox, &id);
        assert!(layers.len() >= 3, "{file}: {layers:?}");
        let ours = tree::read(&Joined::of(&layers).path());
        let theirs = Podman::new(&sandbox).unpacked(transport, &tests::image(file));
        let differences = tree::differences(&ours, &theirs);
        assert!(differences.is_empty(), "{file}: ours, then podman's\n{}", differences.join("\n"));
        assert!(ours.len() > 10, "{file}: {ours:#?}");
    }
}

#[test]
fn what_peers_wrote_runs() {
    for (file, _) in ARCHIVES {
        let sandbox = Sandbox::new();
        let id = load(&sandbox, file);
        let said = sandbox.call(["run", "--rm", &id]).ok();
        assert_eq!(said, SAID, "{file}");
        let config = sandbox.call(["inspect", &id]).ok();
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config[0]["Config"]["User"], "1000:2000", "{file}");
        assert_eq!(config[0]["Config"]["Labels"]["purpose"], "tests of layers", "{file}");
        assert_eq!(config[0]["Config"]["StopSignal"], "SIGUSR1", "{file}");
    }
}

/// An id is the digest of the configuration, so it is the same wherever the configuration is.
#[test]
fn ids_are_those_of_the_peers() {
    let sandbox = Sandbox::new();
    let [docker, podman, podman_oci, oci, zstd] = ARCHIVES.map(|(file, _)| load(&sandbox, file));
    assert_eq!(docker, podman, "podman keeps docker's configuration in a docker archive");
    assert_eq!(oci, zstd, "compression is none of the configuration's business");
    for (id, file) in [(podman_oci, "layers.podman-oci.tar"), (oci, "layers.oci")] {
        assert_eq!(id, configuration_digest(&tests::image(file)), "{file}");
    }
    // Four configurations at most, and every layer is there once.
    let count = std::fs::read_dir(sandbox.root().join("layers")).unwrap().count();
    assert_eq!(count, layers(&sandbox, &docker).len(), "layers are shared by all images");
}

fn missing() -> bool {
    let there = |name: &str| {
        std::env::split_paths(&std::env::var_os("PATH").unwrap()).any(|folder| folder.join(name).exists())
    };
    !there("podman") || !there("skopeo")
}

/// Loads it, and says its id.
fn load(sandbox: &Sandbox, file: &str) -> String {
    let told = sandbox.call(["load", "--quiet", "-i", tests::image(file).to_str().unwrap()]).ok();
    let name = told.rsplit_once(": ").unwrap().1;
    let inspected: Value = serde_json::from_str(&sandbox.call(["inspect", name]).ok()).unwrap();
    inspected[0]["Id"].as_str().unwrap().to_owned()
}

/// The trees of an image's layers, the lowest first.
fn layers(sandbox: &Sandbox, id: &str) -> Vec<PathBuf> {
    let inspected: Value = serde_json::from_str(&sandbox.call(["inspect", id]).ok()).unwrap();
    let layers = inspected[0]["RootFS"]["Layers"].as_array().unwrap();
    let folder = sandbox.root().join("layers");
    layers.iter().map(|layer| folder.join(layer.as_str().unwrap().replace(':', "-")).join("fs")).collect()
}

/// Read off the documents by jq-like steps, without our own code.
fn configuration_digest(layout: &Path) -> String {
    let transport = if layout.is_dir() { "oci" } else { "oci-archive" };
    let text = output(
        Command::new("skopeo").args(["inspect", "--raw"]).arg(format!("{transport}:{}", layout.display())),
    );
    let manifest: Value = serde_json::from_str(&text).unwrap();
    manifest["config"]["digest"].as_str().unwrap().to_owned()
}

/// podman with storage of its own, which unpacks into plain directories.
struct Podman {
    folder: PathBuf,
}

impl Podman {
    fn new(sandbox: &Sandbox) -> Self {
        let folder = sandbox.file("podman");
        std::fs::create_dir_all(&folder).unwrap();
        let storage = format!("[storage]\ndriver = \"vfs\"\nrunroot = {0:?}\ngraphroot = {0:?}\n", folder);
        std::fs::write(folder.join("storage.conf"), storage).unwrap();
        Self { folder }
    }

    fn unpacked(&self, transport: &str, archive: &Path) -> tree::Tree {
        let pulled = self.podman(&["pull", "--quiet", &format!("{transport}:{}", archive.display())]);
        let id = pulled.lines().last().unwrap().to_owned();
        let root = self.podman(&["image", "mount", &id]);
        let tree = tree::read(Path::new(root.trim()));
        self.podman(&["image", "umount", &id]);
        self.podman(&["rmi", "--force", &id]);
        tree
    }

    fn podman(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("podman");
        command.args(["--storage-driver", "vfs", "--root"]).arg(self.folder.join("root"));
        command.arg("--runroot").arg(self.folder.join("run")).arg("--tmpdir").arg(self.folder.join("tmp"));
        command.env("CONTAINERS_STORAGE_CONF", self.folder.join("storage.conf")).args(arguments);
        output(&mut command)
    }
}

#[track_caller]
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
