// SPDX-License-Identifier: Apache-2.0
//! Debian's Docker and Podman, started so that this machine's own are neither used nor touched: own
//! state, own sockets, own cgroups, no bridge, no firewall rule. Found by full path, because another
//! program of the same name may come first on the search path.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::leftovers::remove_tree;

/// A running dockerd, which starts a containerd of its own; ended when dropped.
#[derive(Debug)]
pub struct Docker {
    daemon: Child,
    /// Sockets have short paths only.
    sockets: tempfile::TempDir,
    state: PathBuf,
    cgroup: String,
}

impl Docker {
    /// None when the package docker.io is not installed.
    pub fn start() -> Option<Self> {
        if ![DOCKERD, DOCKER].iter().all(|path| Path::new(path).exists()) {
            return None;
        }
        let sockets = tempfile::Builder::new().prefix("bh-peer-").tempdir_in("/tmp").unwrap();
        let state = state_directory("docker");
        let cgroup = cgroup_name("docker");
        // Should this process be killed, the daemon ends as well.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", DOCKERD]).args(DOCKERD_FLAGS);
        command.arg("--data-root").arg(&state).arg("--exec-root").arg(sockets.path().join("exec"));
        command.arg("--pidfile").arg(sockets.path().join("pid"));
        command.arg("--host").arg(address(sockets.path())).arg("--cgroup-parent").arg(format!("/{cgroup}"));
        let mut daemon = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        wait_until_ready(&mut daemon);
        Some(Self { daemon, sockets, state, cgroup })
    }

    /// The output of a command of the client, which must succeed.
    #[track_caller]
    pub fn client<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> String {
        said(self.command(words).output().unwrap())
    }

    /// What a command of the client says when it fails, as it must, with code 1 or 64.
    #[track_caller]
    pub fn refuses<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> String {
        let output = self.command(words).output().unwrap();
        assert!(matches!(output.status.code(), Some(1 | 64)), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs a command of the client that may end with any code.
    pub fn ends<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) {
        self.command(words).output().unwrap();
    }

    /// A command of the client.
    pub fn command<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = Command::new(DOCKER);
        // The person's own configuration (contexts, credential programs) stays out of it.
        command.args(["--config", "/nonexistent", "--host", &address(self.sockets.path())]);
        command.args(words.into_iter().map(|word| word.as_ref().to_owned()));
        command
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // SIGTERM, not SIGKILL: the daemon ends its containerd and unmounts what it mounted.
        let pid = kernel::rustix::process::Pid::from_child(&self.daemon);
        kernel::rustix::process::kill_process(pid, kernel::rustix::process::Signal::TERM).unwrap();
        self.daemon.wait().unwrap();
        remove_cgroups(&self.cgroup);
        remove_tree(&self.state);
    }
}

/// Reads the daemon's log until it says that it listens; a daemon that died ends its log.
fn wait_until_ready(daemon: &mut Child) {
    let mut log = BufReader::new(daemon.stderr.take().unwrap());
    let mut said = String::new();
    loop {
        let start = said.len();
        assert!(log.read_line(&mut said).unwrap() > 0, "dockerd did not start:\n{said}");
        if said[start..].contains("API listen on") {
            break;
        }
    }
    // Somebody has to go on reading, or the daemon would stop at a full pipe.
    std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
}

/// A podman that knows nothing of the machine's own; its storage is removed when dropped.
#[derive(Debug)]
pub struct Podman {
    sockets: tempfile::TempDir,
    state: PathBuf,
    cgroup: String,
}

impl Podman {
    /// None when the package podman is not installed.
    pub fn prepare() -> Option<Self> {
        if !Path::new(PODMAN).exists() {
            return None;
        }
        let sockets = tempfile::Builder::new().prefix("bh-peer-").tempdir_in("/tmp").unwrap();
        let cgroup = cgroup_name("podman");
        let podman = Self { sockets, state: state_directory("podman"), cgroup };
        std::fs::write(podman.state.join("containers.conf"), PODMAN_CONFIGURATION).unwrap();
        // Podman checks that this file names both directories before it looks at its flags.
        let (root, run_root) = (podman.state.join("root"), podman.sockets.path().join("run"));
        let storage =
            format!("[storage]\ndriver = \"overlay\"\nrunroot = {run_root:?}\ngraphroot = {root:?}\n");
        std::fs::write(podman.state.join("storage.conf"), storage).unwrap();
        Some(podman)
    }

    /// The output of a podman command, which must succeed.
    #[track_caller]
    pub fn client<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> String {
        let mut command = self.command();
        command.args(words.into_iter().map(|word| word.as_ref().to_owned()));
        said(command.output().unwrap())
    }

    /// The same for `podman run --rm` with more words.
    #[track_caller]
    pub fn run<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> String {
        let parent = format!("--cgroup-parent=/{}", self.cgroup);
        let mut all = vec!["run".to_owned(), "--rm".to_owned(), parent];
        all.extend(words.into_iter().map(|word| word.as_ref().to_owned()));
        self.client(all)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(PODMAN);
        command.args(["--storage-driver", "overlay", "--root"]).arg(self.state.join("root"));
        command.arg("--runroot").arg(self.sockets.path().join("run"));
        command.arg("--tmpdir").arg(self.sockets.path().join("tmp"));
        command.env("CONTAINERS_CONF", self.state.join("containers.conf"));
        command.env("CONTAINERS_STORAGE_CONF", self.state.join("storage.conf"));
        command
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // `reset` also unmounts; the directory itself is removed after it.
        let status = self.command().args(["system", "reset", "--force"]).output().unwrap().status;
        assert!(status.success() || std::thread::panicking(), "podman system reset failed");
        remove_tree(&self.state);
        remove_cgroups(&self.cgroup);
    }
}

#[track_caller]
fn said(output: Output) -> String {
    assert!(output.status.success(), "{}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Not on tmpfs, on which overlayfs cannot keep its marks.
fn state_directory(peer: &str) -> PathBuf {
    let prefix = format!("bulkhead-test-{peer}-");
    tempfile::Builder::new().prefix(&prefix).tempdir_in("/var/tmp").unwrap().keep()
}

/// Tests of one process run side by side, each with a peer of its own.
fn cgroup_name(peer: &str) -> String {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    format!("bulkhead-test-{peer}-{}-{}", std::process::id(), SERIAL.fetch_add(1, Ordering::Relaxed))
}

fn address(sockets: &Path) -> String {
    format!("unix://{}", sockets.join("socket").display())
}

/// Removes the empty cgroups named `name` from every hierarchy, deepest first.
fn remove_cgroups(name: &str) {
    for hierarchy in cgroup_mounts() {
        remove_empty(&hierarchy.join(name));
    }
}

fn cgroup_mounts() -> Vec<PathBuf> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let hierarchies = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (point, kind) = (fields.next()?, fields.next()?);
        kind.starts_with("cgroup").then(|| PathBuf::from(point))
    });
    hierarchies.collect()
}

fn remove_empty(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            remove_empty(&path);
        }
    }
    let removed = std::fs::remove_dir(directory);
    assert!(removed.is_ok() || std::thread::panicking(), "{}: {removed:?}", directory.display());
}

const DOCKERD: &str = "/usr/sbin/dockerd";
const DOCKER: &str = "/usr/bin/docker";
const PODMAN: &str = "/usr/bin/podman";
/// Nothing of the host's network is changed, and nothing but cgroupfs is asked of the host.
const DOCKERD_FLAGS: [&str; 8] = [
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    "--ip-masq=false",
    "--userland-proxy=false",
    "--storage-driver=overlay2",
    "--exec-opt=native.cgroupdriver=cgroupfs",
];
/// `default_ulimits`: podman's own would need CAP_SYS_RESOURCE. `runtime`: Debian's crun refuses
/// hybrid cgroups. The rest keeps it from looking for systemd.
const PODMAN_CONFIGURATION: &str = r#"[containers]
default_ulimits = []
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
"#;
