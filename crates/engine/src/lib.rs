// SPDX-License-Identifier: Apache-2.0
//! The joins: running, loading and listing as short lists of steps over the crates below.
//!
//! The engine never prints, never reads the environment and never exits. Its front doors (`bulkhead`
//! and, later, `api`) fill in a [`request`], call a method of [`Engine`] and tell the result.
#![forbid(unsafe_code)]

pub mod admit;
mod apart;
mod apparmor;
mod attached;
mod berth;
mod containers;
pub mod df;
mod directory;
mod drill;
pub mod error;
pub mod files;
mod filter;
pub mod filters;
mod hostpaths;
mod images;
mod limits;
mod link;
mod log;
mod lowered;
pub mod monitor;
mod mountpoints;
mod name;
mod prepare;
pub mod prune;
mod pull;
mod push;
pub mod records;
pub mod registry;
pub mod request;
mod run;
mod save;
pub mod secret;
mod settings;
mod standing;
pub mod start;
mod told;
pub mod unpacker;
pub mod volumes;
mod weigh;

use std::path::{Path, PathBuf};

use runtime::cgroup::{Hierarchy, Placement};
use store::Store;

pub use self::drill::{DrillRequest, DrillStep, FACTS};
pub use ::logs;
pub use apart::apart;
pub use attached::Left;
pub use containers::AnonymousVolumes;
pub use error::{Error, Result};
pub use images::{Archive, Force, HistoryEntry, ImageSummary, Loaded, Removal};
pub use log::Follow;
pub use monitor::{Exit, Streams};
pub use oci::Danger;
pub use pull::{News, Pulled, name_elsewhere};
pub use request::RunRequest;
pub use runtime::clock::Clock;
pub use runtime::walls;
pub use standing::Standing;
pub use told::{Progress, columns};

use error::Context;
use records::Records;
use volumes::Volumes;

/// Where the engine keeps its state.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The state root: images, containers and their record.
    pub root: PathBuf,
}

/// An open engine: one process's handle on the state root.
#[derive(Debug)]
pub struct Engine {
    root: PathBuf,
    store: Store,
    records: Records,
    volumes: Volumes,
    hierarchy: Hierarchy,
    settled: bool,
    label: apparmor::Default,
    standing: Standing,
    /// What lies below every image.
    mountpoints: PathBuf,
}

impl Engine {
    /// Opens the state in `settings`, making it when it is not there, and clears what killed
    /// commands left.
    ///
    /// Must be called while the process has one thread: an ordinary user's process enters a user
    /// namespace here.
    pub fn open(settings: &Settings) -> Result<Self> {
        let engine = Self::open_to_attend(settings)?;
        directory::sweep(&engine.records, &engine.volumes, &engine.hierarchy)?;
        Ok(engine)
    }

    /// The same for a monitor, which leaves the clearing to the command that starts it.
    fn open_to_attend(settings: &Settings) -> Result<Self> {
        let standing = standing::take()?;
        let root = settings.root.clone();
        make_directory(&root, 0o700)?;
        refuse_others(&root)?;
        let hierarchy = Hierarchy::detect(placement(&standing)).map_err(runtime::Error::from)?;
        let records = Records::open(&root)?;
        let volumes = Volumes::at(&root);
        let store = Store::open(&root, unpacking(&standing), Box::new(unpacker::Confined))?;
        let mountpoints = mountpoints::layer(&root)?;
        Ok(Self {
            root,
            store,
            records,
            volumes,
            hierarchy,
            settled: false,
            label: apparmor::Default::NotHere,
            standing,
            mountpoints,
        })
    }

    /// As whom it runs.
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What a person should know before a container like this starts here: what this host or user
    /// lacks, and what stands in for it.
    pub fn notices(&mut self, request: &RunRequest) -> Result<Vec<String>> {
        self.settle()?;
        let standing = match &self.standing {
            Standing::Root => None,
            Standing::Rootless { notice, .. } => notice.clone(),
        };
        let limits = limits::missing(&request.limits, &self.hierarchy).notice();
        let label = self.lacking_label(request);
        // An ordinary user has no devices to give: theirs are guarded by the user namespace alone, always.
        let devices = match self.standing {
            Standing::Root => {
                self.hierarchy.lacks_devices().map(|why| format!("nothing guards devices: {why}"))
            }
            Standing::Rootless { .. } => None,
        };
        Ok(standing.into_iter().chain(limits).chain(label).chain(devices).collect())
    }

    /// Makes room for containers in the cgroup hierarchies, and looks for the default AppArmor profile, once.
    fn settle(&mut self) -> Result<()> {
        if !self.settled {
            self.hierarchy.settle().map_err(runtime::Error::from)?;
            self.label = apparmor::Default::find(&self.standing);
            self.settled = true;
        }
        Ok(())
    }

    /// Walls that this host or user cannot put up around such a container, with the reason.
    fn absent_walls(&self, request: &RunRequest) -> Vec<(String, String)> {
        let limits = limits::missing(&request.limits, &self.hierarchy).notice();
        let devices = self.hierarchy.lacks_devices();
        let walls = [("cgroup", limits), ("devices", devices), ("label", self.lacking_label(request))];
        walls.into_iter().filter_map(|(wall, why)| Some((wall.to_owned(), why?))).collect()
    }

    /// Why a container that asks for no AppArmor profile gets none, where it should.
    fn lacking_label(&self, request: &RunRequest) -> Option<String> {
        let asked = request.isolation.apparmor.is_some() || request.isolation.privileged.is_some();
        self.label.lacking().filter(|_| !asked).map(str::to_owned)
    }
}

fn placement(standing: &Standing) -> Placement {
    match standing {
        Standing::Root => Placement::Top,
        Standing::Rootless { .. } => Placement::Own,
    }
}

fn unpacking(standing: &Standing) -> store::Unpacking {
    match standing {
        Standing::Root => store::Unpacking::AsRoot,
        Standing::Rootless { count: 1, .. } => store::Unpacking::SingleId,
        Standing::Rootless { .. } => store::Unpacking::InUserNamespace,
    }
}

/// Whoever may write to the state root can put anything in the place of an image (CVE-2021-41091 and
/// kin). It may have been there before us.
fn refuse_others(root: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(root).told("look at the state directory")?;
    if found.uid() == kernel::rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(Error::Invalid {
        what: format!("the state directory {}", root.display()),
        reason: format!(
            "others may write to it (owner {}, mode {:o}): give it to whoever runs bulkhead, with mode 700",
            found.uid(),
            found.mode() & 0o7777
        ),
    })
}

fn make_directory(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).told("make the state directory")
}
