// SPDX-License-Identifier: Apache-2.0
//! What was left within reach.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use super::{Row, Seen, row};
use crate::Class::{Attempt, Info};

pub(super) const ROWS: &[Row] = &[
    row("sock-engine", Attempt, "an engine's socket", |_| {
        let found = SOCKETS.iter().find(|path| UnixStream::connect(path).is_ok());
        match found {
            Some(path) => Seen::Open(format!("{path} answers")),
            None => Seen::Stopped("nothing to find".into()),
        }
    }),
    row("leaked-fd", Attempt, "descriptors of the host (CVE-2024-21626)", |here| match here.inherited {
        [] => Seen::Stopped("only 0, 1 and 2".into()),
        more => Seen::Open(format!("descriptors {more:?}")),
    }),
    row("cwd-outside", Attempt, "a working directory outside the root", |_| match std::fs::read_link("/proc/self/cwd") {
        Ok(path) => Seen::open_if(!path.starts_with("/"), path.display().to_string()),
        Err(error) => Seen::Stopped(error.to_string()),
    }),
    row("host-pids", Attempt, "processes of the host are seen", |_| {
        let kernel_threads = std::fs::read_to_string("/proc/2/comm").is_ok_and(|name| name.trim() == "kthreadd");
        Seen::open_if(kernel_threads, if kernel_threads { "the kernel's threads are in sight" } else { "own processes only" })
    }),
    row("landlock", Info, "Landlock can be used inside (good)", |here| {
        here.knock(444, &mut [kernel::probe::Arg::Int(0), kernel::probe::Arg::Int(0), kernel::probe::Arg::Int(1)])
    }),
];

/// The first directory in which a file can be made.
pub(super) fn writable() -> std::io::Result<PathBuf> {
    let mut last = std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem);
    for directory in ["/tmp", "/", "/dev/shm", "/run"] {
        let path = PathBuf::from(directory).join(format!(".drill-{}", std::process::id()));
        match std::fs::File::create(&path) {
            Ok(_) => {
                std::fs::remove_file(&path)?;
                return Ok(PathBuf::from(directory));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

const SOCKETS: [&str; 8] = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/var/run/crio/crio.sock",
    "/run/bulkhead.sock",
    "/run/buildkit/buildkitd.sock",
    "/host/var/run/docker.sock",
];
