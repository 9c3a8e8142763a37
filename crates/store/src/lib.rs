// SPDX-License-Identifier: Apache-2.0
//! Images at rest: layers, configurations and names, and the archives they come from.
//!
//! ```text
//! images.db            SQLite: images by id, names
//! lock                 shared while something uses or adds content, exclusive while it is removed
//! blobs/<digest>       manifests, configurations and layers as they arrived (see `blobs.rs`)
//! partial/<digest>     what came of a fetch that was cut off (see `intake.rs`)
//! layers/<diff-id>/    one directory per layer, shared by every image that has it
//!   fs/                the unpacked tree
//!   layer.json         its summary; the directory appears whole or not at all (rename)
//! staging/             what is being unpacked (see `staging.rs`)
//! ```
//!
//! A layer's directory is named by the digest of its uncompressed tar and becomes visible only after
//! that digest, and the one of the blob it came in, were checked. Nothing here ever prints.
#![forbid(unsafe_code)]

pub mod acl;
mod archive;
mod blobs;
mod changes;
pub mod commit;
mod database;
pub mod decode;
mod embedded;
mod error;
mod images;
mod import;
mod intake;
mod layers;
pub mod pack;
mod prune;
pub mod receive;
mod save;
mod staging;
pub mod tar;
pub mod unpack;
mod usage;

use std::fs::File;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use kernel::rustix::fs::{FlockOperation, flock};
use staging::Staging;
use unpack::Unpacker;

pub use archive::Loaded;
pub use blobs::StoredManifest;
pub use changes::Changes;
pub use embedded::EmbeddedFile;
pub use error::{Error, Result};
pub use images::{HistoryStep, Image, Removed, Summary};
pub use intake::{Intake, Partial, Wanted};
pub use prune::Pruned;
pub use save::Saved;
pub use usage::{ImageUsage, Usage};

/// The open store.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    unpacking: Unpacking,
    unpacker: Box<dyn Unpacker>,
}

/// What the caller may do with files, which decides how layers are unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unpacking {
    /// Everything.
    AsRoot,
    /// Root of a user namespace with a range of ids.
    InUserNamespace,
    /// Root of a user namespace with a single id.
    SingleId,
}

/// What a long operation is at.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// In a few words.
    pub step: &'a str,
    /// The digest of what it is about, when that is one of several things.
    pub id: Option<&'a str>,
    /// Bytes done.
    pub done: u64,
    /// Bytes in all, when known.
    pub total: Option<u64>,
}

/// Takes the progress of a long operation.
pub type OnProgress<'a> = &'a mut (dyn FnMut(Progress<'_>) + Send);

impl Store {
    /// Opens the store in `root`, a directory that exists. Layers are unpacked by `unpacker`.
    pub fn open(root: &Path, unpacking: Unpacking, unpacker: Box<dyn Unpacker>) -> Result<Self> {
        let store = Self { root: root.to_owned(), unpacking, unpacker };
        for name in ["layers", "blobs", "partial", "staging"] {
            let path = store.root.join(name);
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .map_err(|error| Error::io("make the store's directory", &path, error))?;
        }
        store.clear_abandoned()?;
        Ok(store)
    }

    /// Removes what killed commands left: their staging directories, and layers that they published
    /// for an image that never came.
    fn clear_abandoned(&self) -> Result<()> {
        let abandoned = staging::sweep(&self.root)?;
        if abandoned.is_empty() {
            return Ok(());
        }
        // Somebody who adds content has layers that no image names yet. Then the locks stay as they
        // are, and a later command tries again.
        let Some(_alone) = self.try_hold_alone()? else { return Ok(()) };
        let staging = Staging::make(&self.root)?;
        self.remove_unused_layers(&staging)?;
        self.remove_unused_blobs()?;
        staging.finish();
        abandoned.into_iter().try_for_each(staging::Abandoned::forget)
    }

    /// Keeps everything in the store where it is until the result is dropped.
    pub fn hold(&self) -> Result<Hold> {
        self.lock(FlockOperation::LockShared)
    }

    fn hold_alone(&self) -> Result<Hold> {
        self.lock(FlockOperation::LockExclusive)
    }

    /// Nothing when somebody else holds the store.
    fn try_hold_alone(&self) -> Result<Option<Hold>> {
        match self.lock(FlockOperation::NonBlockingLockExclusive) {
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::WouldBlock => Ok(None),
            other => other.map(Some),
        }
    }

    fn lock(&self, operation: FlockOperation) -> Result<Hold> {
        let path = self.root.join("lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(|error| Error::io("open the store's lock", &path, error))?;
        flock(&file, operation).map_err(|errno| Error::io("take the store's lock", &path, errno.into()))?;
        Ok(Hold { _file: file })
    }
}

/// A lock on the store.
#[derive(Debug)]
pub struct Hold {
    _file: File,
}
