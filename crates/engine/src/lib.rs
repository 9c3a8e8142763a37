// SPDX-License-Identifier: Apache-2.0
//! The joins: running, loading and listing as short lists of steps over the crates below.
//!
//! The engine never prints, never reads the environment and never exits. Its front doors (`bulkhead`
//! and, later, `api`) fill in a [`request`], call a method of [`Engine`] and tell the result.
#![forbid(unsafe_code)]

pub mod admit;
mod containers;
mod directory;
mod drill;
pub mod error;
mod filter;
mod images;
mod limits;
mod lowered;
pub mod monitor;
mod name;
mod prepare;
pub mod records;
pub mod request;
mod run;
mod standing;

use std::path::{Path, PathBuf};

use runtime::cgroup::Hierarchy;
use store::Store;

pub use self::drill::{DrillRequest, FACTS};
pub use error::{Error, Result};
pub use images::{Archive, Force, HistoryEntry, ImageSummary, Loaded, Progress, Removal};
pub use monitor::{Exit, Streams};
pub use request::RunRequest;
pub use runtime::clock::Clock;
pub use runtime::walls;
pub use standing::Standing;

use error::Context;
use records::Records;

/// Where the engine keeps its state.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The state root: images, containers and their record.
    pub root: PathBuf,
}

/// An open engine: one process's handle on the state root.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    records: Records,
    hierarchy: Hierarchy,
    standing: Standing,
}

impl Engine {
    /// Opens the state in `settings`, making it when it is not there, and clears what killed
    /// commands left.
    ///
    /// Must be called while the process has one thread: an ordinary user's process enters a user
    /// namespace here.
    pub fn open(settings: &Settings) -> Result<Self> {
        let standing = standing::take()?;
        let root = settings.root.clone();
        make_directory(&root, 0o700)?;
        let hierarchy = Hierarchy::detect().map_err(runtime::Error::from)?;
        let records = Records::open(&root)?;
        directory::sweep(&records, &hierarchy)?;
        let store = Store::open(&root, unpacking(&standing))?;
        Ok(Self { store, records, hierarchy, standing })
    }

    /// As whom it runs.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Walls that this host or user cannot put up, with the reason.
    fn absent_walls(&self) -> Vec<(String, String)> {
        match &self.standing {
            Standing::Root => Vec::new(),
            Standing::Rootless { .. } if self.hierarchy.is_usable() => Vec::new(),
            Standing::Rootless { .. } => {
                vec![("cgroup".to_owned(), "no cgroup is delegated to this user, so memory and processes are not bounded".to_owned())]
            }
        }
    }
}

fn unpacking(standing: &Standing) -> store::Unpacking {
    match standing {
        Standing::Root => store::Unpacking::AsRoot,
        Standing::Rootless { count: 1, .. } => store::Unpacking::SingleId,
        Standing::Rootless { .. } => store::Unpacking::InUserNamespace,
    }
}

fn make_directory(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).told("make the state directory")
}
