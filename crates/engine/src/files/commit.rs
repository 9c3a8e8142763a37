// SPDX-License-Identifier: Apache-2.0
//! `commit`: what a container changed becomes a layer of a new image.
//!
//! Only the writable layer is read, so nothing that is mounted in the container lands in the image.

use std::os::fd::AsFd;
use std::path::Path;

use store::Changes;
use store::commit::Commit;
use store::pack::{self, Attributes, Options, Tree};
use store::tar::stream::Archive;

use super::reach::is_mount_point;
use crate::Engine;
use crate::error::Result;

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
}

impl Engine {
    /// Makes an image of the container called `name` and says its id. The configuration is that of the
    /// container's image with the changes that were asked for.
    ///
    /// # Errors
    /// A change that makes no sense, a file that cannot be read, and what the rules for layers refuse.
    pub fn commit(&self, name: &str, request: &CommitRequest) -> Result<String> {
        let subject = self.whose_files(name)?;
        let process = subject.image.config.config.clone();
        let mut changes = Changes { process, ..Changes::default() };
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
        let id =
            self.store.commit(&subject.image, request.reference.as_deref(), &commit, |sink| {
                let mut archive = Archive::new(sink);
                pack::pack(upper.as_fd(), Path::new("."), b"", options, &mut |entry, data| {
                    match is_mount_point(&entry.path, entry.size) {
                        true => Ok(()),
                        false => archive.append(entry, data),
                    }
                })?;
                archive.finish().map(drop)
            })?;
        Ok(id.to_string())
    }
}
