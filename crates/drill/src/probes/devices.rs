// SPDX-License-Identifier: Apache-2.0
//! Devices of the host: nodes that are there, and nodes to be made.

use std::path::PathBuf;

use kernel::rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat, open};

use super::{Row, Seen, row};
use crate::Class::Attempt;

pub(super) const ROWS: &[Row] = &[
    row("mknod-blk", Attempt, "make a node of the host's disk", |_| node(FileType::BlockDevice, 254, 0, false)),
    row("open-hostdisk", Attempt, "make and open a node of the host's disk", |_| node(FileType::BlockDevice, 254, 0, true)),
    row("open-mem", Attempt, "make and open /dev/mem", |_| node(FileType::CharacterDevice, 1, 1, true)),
    row("open-kvm", Attempt, "make and open /dev/kvm", |_| node(FileType::CharacterDevice, 10, 232, true)),
    row("open-fuse", Attempt, "make and open /dev/fuse", |_| node(FileType::CharacterDevice, 10, 229, true)),
    row("dev-mem", Attempt, "/dev/mem is there", |_| present("/dev/mem")),
    row("dev-kvm", Attempt, "/dev/kvm is there", |_| present("/dev/kvm")),
    row("dev-loop", Attempt, "/dev/loop-control is there", |_| present("/dev/loop-control")),
    row("dev-fuse", Attempt, "/dev/fuse is there", |_| present("/dev/fuse")),
    row("dev-extra", Attempt, "unexpected nodes in /dev", |_| {
        let list = std::fs::read_dir("/dev").map(|list| {
            let names = list.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.filter(|name| !USUAL.contains(&name.as_str())).collect::<Vec<_>>()
        });
        match list {
            Ok(more) if more.is_empty() => Seen::Stopped("only the usual ones".into()),
            Ok(more) => Seen::Open(more.join(" ")),
            Err(error) => Seen::Stopped(error.to_string()),
        }
    }),
];

/// Made wherever a file can be made; opened for reading only, and never read.
fn node(kind: FileType, major: u32, minor: u32, and_open: bool) -> Seen {
    let mut last = "nowhere to make it".to_owned();
    for directory in ["/dev", "/tmp", "/dev/shm", "/"] {
        let path = PathBuf::from(directory).join(format!(".drill-node-{}", std::process::id()));
        if let Err(errno) = mknodat(CWD, &path, kind, Mode::RUSR | Mode::WUSR, makedev(major, minor)) {
            last = super::try_call::name(errno.raw_os_error());
            continue;
        }
        let opened = open(&path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
        drop(std::fs::remove_file(&path));
        match (and_open, opened) {
            (false, _) => return Seen::Open(format!("made in {directory}")),
            (true, Ok(_)) => return Seen::Open(format!("made in {directory} and opened")),
            (true, Err(errno)) => last = format!("made, but not opened: {}", super::try_call::name(errno.raw_os_error())),
        }
    }
    Seen::Stopped(last)
}

fn present(path: &str) -> Seen {
    match std::fs::metadata(path) {
        Ok(_) => Seen::Open(format!("{path} is there")),
        Err(error) => Seen::Stopped(error.to_string()),
    }
}

const USUAL: [&str; 18] = [
    "console", "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty",
    "urandom", "zero", "log", "initctl",
];
