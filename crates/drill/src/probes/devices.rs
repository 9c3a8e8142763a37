// SPDX-License-Identifier: Apache-2.0
//! Devices of the host: nodes that are there, and nodes to be made.

use std::path::PathBuf;

use kernel::rustix::fs::{CWD, FileType, Mode, OFlags, makedev, mknodat, open};

use super::{Here, Row, Seen, identity, row};
use crate::Class::Attempt;
use crate::Wall;
use crate::facts::disks;

pub(super) const ROWS: &[Row] = &[
    row("mknod-blk", Attempt, "make a node of the host's disk", |here| {
        node(FileType::BlockDevice, disk(here), After::Nothing)
    })
    .wants("MKNOD"),
    row("open-hostdisk", Attempt, "make and open a node of the host's disk", |here| {
        node(FileType::BlockDevice, disk(here), After::Open)
    })
    .wants("MKNOD")
    .held(&[Wall::Devices]),
    row("open-mem", Attempt, "make and open /dev/mem", |_| {
        node(FileType::CharacterDevice, (1, 1), After::Open)
    })
    .wants("MKNOD")
    .held(&[Wall::Devices]),
    row("open-kvm", Attempt, "make and open /dev/kvm", |_| {
        node(FileType::CharacterDevice, (10, 232), After::Open)
    })
    .wants("MKNOD")
    .held(&[Wall::Devices]),
    row("open-fuse", Attempt, "make and open /dev/fuse", |_| {
        node(FileType::CharacterDevice, (10, 229), After::Open)
    })
    .wants("MKNOD")
    .held(&[Wall::Devices]),
    row("dev-mem", Attempt, "/dev/mem is there", |_| present("/dev/mem"))
        .needs(&["/dev/mem"])
        .held(&[Wall::Devices]),
    row("dev-kvm", Attempt, "/dev/kvm is there", |_| present("/dev/kvm"))
        .needs(&["/dev/kvm"])
        .held(&[Wall::Devices]),
    row("dev-loop", Attempt, "/dev/loop-control is there", |_| present("/dev/loop-control"))
        .needs(&["/dev/loop-control"])
        .held(&[Wall::Devices]),
    row("dev-fuse", Attempt, "/dev/fuse is there", |_| present("/dev/fuse"))
        .needs(&["/dev/fuse"])
        .held(&[Wall::Devices]),
    row("dev-extra", Attempt, "unexpected nodes in /dev", |_| {
        let list = std::fs::read_dir("/dev").map(|list| {
            let names = list.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
            names.filter(|name| !USUAL.contains(&name.as_str())).collect::<Vec<_>>()
        });
        match list {
            Ok(more) if more.is_empty() => Seen::Stopped("only the usual ones".into()),
            Ok(more) => Seen::Open(more.join(" ")),
            Err(error) => Seen::io("/dev", &error),
        }
    })
    .held(&[Wall::Devices]),
];

/// What is done with a node once it is made.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Nothing,
    /// For reading only, and it is never read.
    Open,
}

/// One that the host is known to open, else the first in sight, else the first of a virtual machine.
fn disk(here: &Here<'_>) -> (u32, u32) {
    let in_sight = || disks().first().map(|(number, _)| *number);
    here.facts.disk.or_else(in_sight).unwrap_or((254, 0))
}

/// Made wherever a file can be made.
fn node(kind: FileType, number: (u32, u32), after: After) -> Seen {
    Seen::most_telling(
        ["/dev", "/tmp", "/dev/shm", "/"].map(|directory| node_in(directory, kind, number, after)),
    )
}

fn node_in(directory: &str, kind: FileType, (major, minor): (u32, u32), after: After) -> Seen {
    let path = PathBuf::from(directory).join(format!(".drill-node-{}", std::process::id()));
    let mode = Mode::RUSR | Mode::WUSR;
    if let Err(errno) = mknodat(CWD, &path, kind, mode, makedev(major, minor)) {
        return Seen::Refused(errno.raw_os_error(), format!("mknod {major}:{minor}"));
    }
    let seen = match after {
        After::Nothing => Seen::Open(format!("made {major}:{minor} in {directory}")),
        After::Open => {
            match open(&path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()) {
                Ok(_) => Seen::Open(format!("made {major}:{minor} in {directory} and opened it")),
                Err(errno) => {
                    Seen::Refused(errno.raw_os_error(), format!("{major}:{minor} was made, but not opened"))
                }
            }
        }
    };
    identity::remove(&path);
    seen
}

fn present(path: &str) -> Seen {
    match std::fs::metadata(path) {
        Ok(_) => Seen::Open(format!("{path} is there")),
        Err(error) => Seen::io(path, &error),
    }
}

const USUAL: [&str; 18] = [
    "console", "core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
    "stdout", "tty", "urandom", "zero", "log", "initctl",
];
