// SPDX-License-Identifier: Apache-2.0
//! The ways to a container's files.

use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use kernel::Root;
use kernel::rustix::fs::{CWD, Mode, OFlags, openat};
use runtime::rootfs::{self, Purpose, UPPER, WORK};
use runtime::spec::{Access, Durability, FileOwners, IdRange, Marks, Wall};

use crate::error::{Context, Error, Result};
use crate::records::{self, Record, Records, State};
use crate::standing::Standing;
use crate::{Engine, Settings, directory, prepare};

/// The root of a container that runs, as its first process sees it.
#[derive(Debug)]
pub struct Reached {
    id: String,
    root: OwnedFd,
}

/// A container whose files are wanted.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) record: Record,
    pub(super) image: store::Image,
    /// Its directory.
    pub(super) directory: PathBuf,
    /// Its layers, the topmost first.
    pub(super) layers: Vec<PathBuf>,
    /// The first of its ids, as they are on disk, and how many it has.
    pub(super) ids: (u32, u32),
}

impl Engine {
    /// Takes hold of the root of the container called `name`, when it runs.
    ///
    /// Like [`Engine::walls`] this comes before [`Engine::open`]: from inside the user namespace that an
    /// ordinary user's engine enters, the kernel shows nothing of the processes of another.
    pub fn reach(settings: &Settings, name: &str) -> Result<Option<Reached>> {
        let records = Records::at(&settings.root);
        let record = records.find(name)?;
        let (State::Running, Some(pid)) = (record.state, record.pid) else { return Ok(None) };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = match openat(CWD, format!("/proc/{pid}/root"), flags, Mode::empty()) {
            Ok(root) => root,
            Err(kernel::Errno::NOENT | kernel::Errno::SRCH) => return Ok(None),
            Err(errno) => return Err(errno).told("reach the container's root"),
        };
        // Looked at while the root is held: it is that of the process that the record means.
        if record.born.is_none()
            || record.born != records::born(pid)
            || !directory::is_attended(records.containers(), &record.id)?
        {
            return Ok(None);
        }
        Ok(Some(Reached { id: record.id, root }))
    }

    pub(super) fn whose_files(&self, name: &str) -> Result<Subject> {
        let record = self.records.find(name)?;
        let image = self.existing(&record.image)?;
        let directory = directory::path(self.records.containers(), &record.id);
        let layers = self.store.layer_paths(&image);
        let ids = self.ids(&directory)?;
        Ok(Subject { record, image, directory, layers, ids })
    }

    /// overlayfs' workshop belongs to the container's root, who cannot give it away like the root directory.
    fn ids(&self, directory: &std::path::Path) -> Result<(u32, u32)> {
        let first =
            std::fs::symlink_metadata(directory.join(WORK)).told("look at the container's ids")?.uid();
        Ok(match self.standing {
            Standing::Root if first == 0 => (0, u32::MAX),
            Standing::Root => (first, prepare::RANGE),
            Standing::Rootless { count, .. } => (0, count),
        })
    }

    /// Its layers, joined once more.
    pub(super) fn joined(&self, subject: &Subject, purpose: Purpose) -> Result<Root> {
        let root = runtime::spec::Root {
            layers: subject.layers.clone(),
            writable: subject.directory.clone(),
            access: Access::ReadWrite,
            flags: Wall::Up(()),
            durability: Durability::Kept,
            marks: match self.standing {
                Standing::Root => Marks::Trusted,
                Standing::Rootless { .. } => Marks::User,
            },
        };
        let (first, count) = subject.ids;
        let mapped = self.standing == Standing::Root && first != 0;
        let ids = mapped.then_some(IdRange { first, count, files: FileOwners::Mapped });
        Ok(Root::from_fd(rootfs::open(&root, ids, purpose).map_err(Error::from)?))
    }
}

/// Whether `path`, without a slash before it, is one of the empty files and directories that the engine itself put where
/// it mounts something in every container. Docker keeps them in a layer of their own.
pub(super) fn is_mount_point(path: &[u8], size: u64) -> bool {
    size == 0 && MOUNT_POINTS.contains(&path)
}

impl Reached {
    /// The root, if it is that of `subject`.
    pub(super) fn root_of(self, subject: &Subject) -> Option<Root> {
        (self.id == subject.record.id).then(|| Root::from_fd(self.root))
    }
}

impl Subject {
    /// The writable layer.
    pub(super) fn upper(&self) -> Result<Root> {
        Root::open(self.directory.join(UPPER)).told("open what the container wrote")
    }

    /// An error about its files.
    pub(super) fn failed(&self, step: &str, error: &std::io::Error) -> Error {
        Error::Invalid { what: format!("could not {step} {}", self.record.name), reason: error.to_string() }
    }
}

const MOUNT_POINTS: [&[u8]; 7] =
    [b"etc/hostname", b"etc/hosts", b"etc/resolv.conf", b"dev/", b"proc/", b"sys/", b"dev/console"];
