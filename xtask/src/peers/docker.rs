// SPDX-License-Identifier: Apache-2.0
//! Debian's docker.io, with a daemon of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use super::{SocketDirectory, remove_cgroups, report};
use crate::command::{Program, program};
use crate::failure::{Failure, Result, While};

/// A running dockerd (which starts a containerd of its own), ended when dropped.
#[derive(Debug)]
pub(crate) struct Docker {
    daemon: Child,
    sockets: SocketDirectory,
    state: PathBuf,
    cgroup: String,
}

impl Docker {
    /// Starts the daemon with its state in `state`, which must not be on tmpfs for overlay to work.
    pub(crate) fn start(state: &Path) -> Result<Self> {
        let sockets = SocketDirectory::make()?;
        let cgroup = format!("peer-docker-{}", std::process::id());
        let mut daemon = program(DAEMON, FLAGS)
            .arg("--data-root")
            .arg(state)
            .arg("--exec-root")
            .arg(sockets.join("exec"))
            .arg("--pidfile")
            .arg(sockets.join("pid"))
            .arg("--host")
            .arg(address(&sockets))
            .arg("--cgroup-parent")
            .arg(format!("/{cgroup}"))
            .into_command();
        let daemon = daemon
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .cannot(|| format!("start {DAEMON}"))?;
        let mut docker = Self { daemon, sockets, state: state.to_path_buf(), cgroup };
        docker.wait_until_ready()?;
        Ok(docker)
    }

    /// A command of the client.
    pub(crate) fn client<const N: usize>(&self, args: [&str; N]) -> Program {
        let host = address(&self.sockets);
        // The person's own configuration (contexts, credential programs) stays out of it.
        program(CLIENT, ["--config", "/nonexistent", "--host", &host]).args(&args)
    }

    /// The daemon and its containerd. What else it starts ends before its command does, and is in the
    /// daemon's own account then.
    pub(crate) fn daemons(&self) -> Result<Vec<u32>> {
        let daemon = self.daemon.id();
        let mut all = vec![daemon];
        for entry in std::fs::read_dir("/proc").cannot(|| "list processes")? {
            let name = entry.cannot(|| "list processes")?.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // proc_pid_stat(5): the parent is the second field behind the name.
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            if stat.contains("(containerd)") && parent == Some(daemon.to_string().as_str()) {
                all.push(pid);
            }
        }
        Ok(all)
    }

    /// Reads the daemon's log until it says that it listens. Its end is the end of the log, so this
    /// cannot wait for a daemon that died.
    fn wait_until_ready(&mut self) -> Result<()> {
        let log = self.daemon.stderr.take().cannot(|| "read dockerd's log")?;
        let mut log = BufReader::new(log);
        let mut said = String::new();
        loop {
            let start = said.len();
            let length = log.read_line(&mut said).cannot(|| "read dockerd's log")?;
            if length == 0 {
                return Err(Failure::new(format!("dockerd did not start:\n{said}")));
            }
            if said[start..].contains("API listen on") {
                break;
            }
        }
        // Somebody has to go on reading, or the daemon would stop at a full pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(())
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let pid = self.daemon.id().to_string();
        // SIGTERM, not SIGKILL: the daemon ends its containerd and unmounts what it mounted.
        if let Err(failure) = program("kill", [&pid]).run() {
            eprintln!("{failure}");
        }
        report(self.daemon.wait().map(drop), "wait for dockerd of", &self.state);
        remove_cgroups(&self.cgroup);
        if let Err(failure) =
            program("rm", ["-rf", "--one-file-system"]).arg(&self.state).within(REMOVE_LIMIT).run()
        {
            eprintln!("{failure}");
        }
    }
}

fn address(sockets: &SocketDirectory) -> String {
    format!("unix://{}", sockets.join("socket").display())
}

const DAEMON: &str = "/usr/sbin/dockerd";
const CLIENT: &str = "/usr/bin/docker";

/// Nothing of the host's network is changed, and nothing but cgroupfs is asked of the host.
const FLAGS: [&str; 8] = [
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    "--ip-masq=false",
    "--userland-proxy=false",
    "--storage-driver=overlay2",
    "--exec-opt=native.cgroupdriver=cgroupfs",
];

const REMOVE_LIMIT: Duration = Duration::from_secs(120);
