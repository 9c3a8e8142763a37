// SPDX-License-Identifier: Apache-2.0
//! `commit`: what a container changed becomes a layer of a new image.
//!
//! Only the writable layer is read, so nothing that is mounted in the container lands in the image. The
//! container stands still meanwhile, where its cgroup can be frozen: its files are then those of one moment.

use std::os::fd::AsFd;
use std::path::Path;

use runtime::cgroup::{Cgroup, Frozen};
use store::Changes;
use store::commit::Commit;
use store::pack::{self, Attributes, Options, Tree};
use store::tar::stream::Archive;

use super::reach::is_mount_point;
use crate::Engine;
use crate::error::{Error, Result};
use crate::records::{self, Record, State};

/// A new image.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// Its name, if it gets one.
    pub reference: Option<String>,
    /// Who made it.
    pub author: String,
    /// A remark.
    pub message: String,
    /// Dockerfile instructions that change its configuration.
    pub changes: Vec<String>,
    /// When it is to have been made, in seconds since 1970.
    pub created: i64,
    /// Whether the container stands still while its files are read, if it runs.
    pub pause: Pause,
}

/// Whether a container stands still while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pause {
    /// It does, or nothing is done.
    Must,
    /// It does where this host can do that.
    IfPossible,
    /// It runs on.
    No,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The image's id.
    pub id: String,
    /// Why the container ran on although it should not have, if it did.
    pub notice: Option<String>,
    /// Files whose access control list is not in the image, since it names somebody who is none of the
    /// container's.
    pub without_acl: Vec<Vec<u8>>,
}

impl Engine {
    /// Makes an image of the container called `name`. The configuration is that of the container (its
    /// image's, and what it was run with) with the changes that were asked for.
    ///
    /// # Errors
    /// A change that makes no sense, a file that cannot be read, a container that should stand still and
    /// does not, and what the rules for layers refuse.
    pub fn commit(&self, name: &str, request: &CommitRequest) -> Result<Committed> {
        let subject = self.whose_files(name)?;
        let image = &subject.image.config.config;
        let process = subject.record.details.config.clone().unwrap_or_else(|| image.clone());
        let mut changes = Changes::to(process, String::new());
        for instruction in &request.changes {
            changes.apply(instruction)?;
        }
        let commit = Commit {
            process: changes.process,
            created: request.created,
            author: request.author.clone(),
            message: request.message.clone(),
            created_by: subject.record.command.clone(),
        };
        let upper = subject.upper()?;
        let options = Options { ids: subject.ids, tree: Tree::Upper, attributes: Attributes::All };
        let (frozen, notice) = stood_still(&subject.record, request.pause)?;
        let (mut thawed, mut without_acl) = (Ok(()), Vec::new());
        let id = self.store.commit(&subject.image, request.reference.as_deref(), &commit, |sink| {
            let mut archive = Archive::new(sink);
            let packed = pack::pack(upper.as_fd(), Path::new("."), b"", options, &mut |entry, data| {
                match is_mount_point(&entry.path, entry.size) {
                    true => Ok(()),
                    false => archive.append(entry, data),
                }
            });
            // Its files are not needed any more, whatever is done with them.
            thawed = frozen.map_or(Ok(()), Frozen::thaw);
            without_acl = packed?;
            archive.finish().map(drop)
        });
        // A container that still stands is worse than an image that is not made.
        thawed.map_err(runtime::Error::from)?;
        Ok(Committed { id: id?.to_string(), notice, without_acl })
    }
}

/// Stops the container, if it runs and is to be stopped. Without it, why it runs on.
fn stood_still(record: &Record, pause: Pause) -> Result<(Option<Frozen>, Option<String>)> {
    if record.state != State::Running || pause == Pause::No {
        return Ok((None, None));
    }
    let cgroup = Cgroup::reopen(&record.cgroups).map_err(runtime::Error::from)?;
    // Without one it has ended, or never had any.
    let frozen = match &cgroup {
        Some(cgroup) => cgroup.freeze().map_err(runtime::Error::from)?,
        None => None,
    };
    if frozen.is_some() || record.born.is_none() || record.pid.and_then(records::born) != record.born {
        return Ok((frozen, None));
    }
    let why =
        "its processes cannot be stopped: it has no cgroup of version 2, which takes root or a delegated one";
    match pause {
        Pause::Must => Err(Error::HostLacks {
            what: format!("the means to pause {}", record.name),
            reason: why.into(),
            remedy: "--pause=false copies the files while the container changes them".into(),
        }),
        Pause::IfPossible | Pause::No => Ok((None, Some(format!("{} ran on meanwhile: {why}", record.name)))),
    }
}
