// SPDX-License-Identifier: Apache-2.0
//! What was left within reach.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use kernel::probe::Arg::Int;

use super::namespaces::kernel_threads_in_sight;
use super::{Row, Seen, identity, row};
use crate::Class::{Attempt, Info};
use crate::Wall;

pub(super) const ROWS: &[Row] = &[
    row("sock-engine", Attempt, "an engine's socket", |_| {
        Seen::most_telling(SOCKETS.map(|path| match UnixStream::connect(path) {
            Ok(_) => Seen::Open(format!("{path} answers")),
            Err(error) => Seen::io(path, &error),
        }))
    })
    .needs(&SOCKETS)
    .held(&[Wall::MountNamespace]),
    row("leaked-fd", Attempt, "descriptors of the host (CVE-2024-21626)", |here| match here.inherited {
        None => Seen::Unknown("/proc/self/fd cannot be listed".into()),
        Some([]) => Seen::Stopped("only 0, 1 and 2".into()),
        Some(more) => Seen::Open(format!("descriptors {more:?}")),
    })
    .held(&[Wall::Launch]),
    row("cwd-outside", Attempt, "a working directory outside the root", |_| {
        match std::fs::read_link("/proc/self/cwd") {
            Ok(path) => Seen::open_if(!path.starts_with("/"), path.display().to_string()),
            Err(error) => Seen::Unknown(format!("/proc/self/cwd: {error}")),
        }
    })
    .held(&[Wall::Launch]),
    row("host-pids", Attempt, "processes of the host are seen", |_| {
        let shown = if kernel_threads_in_sight() {
            "the kernel's threads are in sight"
        } else {
            "own processes only"
        };
        Seen::open_if(kernel_threads_in_sight(), shown)
    })
    .held(&[Wall::PidNamespace]),
    row("landlock", Info, "Landlock can be used inside (good)", |here| {
        here.knock(444, &mut [Int(0), Int(0), Int(1)])
    }),
];

/// The first directory in which a file can be made.
pub(super) fn writable() -> std::io::Result<PathBuf> {
    let mut last = std::io::Error::from_raw_os_error(super::errno::EROFS);
    for directory in ["/tmp", "/", "/dev/shm", "/run"] {
        let path = PathBuf::from(directory).join(format!(".drill-{}", std::process::id()));
        match std::fs::File::create(&path) {
            Ok(_) => {
                identity::remove(&path);
                return Ok(PathBuf::from(directory));
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Whether a file can be made anywhere in the root file system, as an ordinary user mostly in /tmp.
pub(super) fn writable_root() -> bool {
    let root = std::fs::metadata("/").map(|metadata| metadata.dev());
    let same = |place: PathBuf| Ok(std::fs::metadata(place)?.dev() == root?);
    writable().and_then(same).unwrap_or(false)
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
