// SPDX-License-Identifier: Apache-2.0
//! An empty volume gets what the image has at its place (Docker's "copy up").
//!
//! Another container may have the volume and be hostile: what is written goes through
//! [`store::receive`], beneath the volume and following no link, and what is read is the image's layers
//! alone, with links resolved inside them.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use kernel::root::Links;
use kernel::rustix::fs::{FlockOperation, Gid, Mode, OFlags, Uid, fchmod, fchown, flock, fstat};
use kernel::{Errno, Root};
use runtime::rootfs::{self, Purpose};
use runtime::spec::{Access, Durability, Marks, Wall};
use store::pack::{self, Attributes, Options, Tree};
use store::receive::{Owners, Receiver, SetIds, Target};

use super::{Volumes, users_of};
use crate::Engine;
use crate::error::{Context, Error, Result};
use crate::prepare::clean;
use crate::records::Record;
use crate::request::{CopyUp, MountRequest, MountSource};
use crate::standing::Standing;

impl Engine {
    /// Fills those volumes of the container that are empty and may be filled; `layers` are the image's, the
    /// topmost first.
    ///
    /// # Errors
    /// What cannot be read from the image or written to the volume. What was written is removed by who fills
    /// the volume next.
    pub(crate) fn fill_volumes(&self, record: &Record, layers: &[PathBuf]) -> Result<()> {
        for mount in &record.details.mounts {
            if let Some(name) = to_be_filled(mount) {
                let image = || self.image_files(layers);
                self.volumes.fill(name, &mount.target, image, || self.is_alone(record, name))?;
            }
        }
        Ok(())
    }

    /// The image's files, as they are on disk.
    fn image_files(&self, layers: &[PathBuf]) -> Result<Root> {
        let root = runtime::spec::Root {
            layers: layers.to_vec(),
            writable: PathBuf::new(),
            access: Access::ReadOnly,
            flags: Wall::Up(()),
            durability: Durability::Kept,
            marks: match self.standing {
                Standing::Root => Marks::Trusted,
                Standing::Rootless { .. } => Marks::User,
            },
        };
        Ok(Root::from_fd(rootfs::open(&root, None, Purpose::Image)?))
    }

    /// Whether no other container has the volume `name`.
    fn is_alone(&self, record: &Record, name: &str) -> Result<bool> {
        Ok(users_of(&self.records.all()?, name).iter().all(|user| *user == record.id))
    }
}

/// The volume of `mount`, when it may be filled.
fn to_be_filled(mount: &MountRequest) -> Option<&str> {
    match &mount.source {
        MountSource::Volume { copy: CopyUp::Yes, subpath: None, name, .. } => Some(super::named(name)),
        _ => None,
    }
}

impl Volumes {
    fn fill(
        &self,
        name: &str,
        target: &str,
        image: impl FnOnce() -> Result<Root>,
        is_alone: impl FnOnce() -> Result<bool>,
    ) -> Result<()> {
        let home = self.root.join(name);
        let lock = File::options().create(true).append(true).open(home.join("lock"));
        let lock = lock.told("open the volume's lock")?;
        flock(&lock, FlockOperation::LockExclusive).told("wait until nobody else fills the volume")?;
        let data = Root::open(home.join(super::DATA)).told("open the volume")?;
        let mark = home.join("filling");
        let cut_off = mark.exists();
        if !cut_off && !is_empty(&data)? {
            return Ok(());
        }
        let Some(source) = source(&image()?, target)? else { return Ok(()) };
        if cut_off && is_alone()? {
            empty(&data)?;
        }
        File::create(&mark).told("mark the volume")?;
        copy(&source, &data)?;
        match fs::remove_file(&mark) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error).told("unmark the volume"),
            _ => Ok(()),
        }
    }
}

fn is_empty(data: &Root) -> Result<bool> {
    let directory = listing(data)?;
    Ok(pack::names(directory.as_fd()).told("look into the volume")?.is_empty())
}

fn empty(data: &Root) -> Result<()> {
    let directory = listing(data)?;
    for name in pack::names(directory.as_fd()).told("look into the volume")? {
        let name = std::os::unix::ffi::OsStrExt::from_bytes(&name[..]);
        store::unpack::remove_tree(directory.as_fd(), name).told("remove what was copied before")?;
    }
    Ok(())
}

fn listing(data: &Root) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY;
    data.open_at(".", flags, Mode::empty(), Links::Refuse).told("open the volume")
}

/// The directory of the image at `target`; nothing when there is none.
fn source(image: &Root, target: &str) -> Result<Option<Root>> {
    let target = clean(target)?;
    let path = target.strip_prefix("/").unwrap_or(Path::new("."));
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    match image.open_at(path, flags, Mode::empty(), Links::InRoot) {
        Ok(directory) => Ok(Some(Root::from_fd(directory))),
        Err(error) if matches!(error.errno, Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(error) => Err(error).told("look at the image's directory"),
    }
}

/// All that is in `source`, and what the directory itself is like.
fn copy(source: &Root, data: &Root) -> Result<()> {
    let target = Target { root: data, directory: ".".into(), links: Links::Refuse };
    let owners = Owners::Kept { first: 0, count: u32::MAX };
    let mut receiver = Receiver::new(target, owners, SetIds::Kept);
    let options = Options { ids: (0, u32::MAX), tree: Tree::Plain, attributes: Attributes::All };
    let packed = pack::pack(source.as_fd(), Path::new("."), b"", options, &mut |entry, bytes| {
        receiver.take(entry, bytes)
    });
    let incomplete = |reason: String| Error::Invalid { what: "not everything was copied".into(), reason };
    let without_acl = packed.map_err(|error| incomplete(error.to_string()))?;
    if let Some(name) = without_acl.first() {
        return Err(incomplete(format!("the access control list of {}", name.escape_ascii())));
    }
    receiver.finish().map_err(|error| incomplete(error.to_string()))?;
    let step = "give the volume the owner and mode of the image's directory";
    let stat = fstat(source).told(step)?;
    let top = listing(data)?;
    fchown(&top, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid))).told(step)?;
    fchmod(&top, Mode::from_raw_mode(stat.st_mode & 0o7777)).told(step)
}
