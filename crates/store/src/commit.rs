// SPDX-License-Identifier: Apache-2.0
//! One more layer on an image makes another image.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek as _, Write};

use oci::config::{History, Process};
use oci::{Digest, date};

use crate::database::Row;
use crate::error::{Error, Result};
use crate::images::tagged;
use crate::import::now;
use crate::layers::Promise;
use crate::staging::Staging;
use crate::{Image, Store};

/// What the new image says of itself.
#[derive(Debug, Clone)]
pub struct Commit {
    /// How a container of it runs.
    pub process: Process,
    /// When it was made, in seconds since 1970. The same content and time give the same image.
    pub created: i64,
    /// Who made it; nothing when nobody said.
    pub author: String,
    /// A remark for its history.
    pub message: String,
    /// The command whose container it was.
    pub created_by: String,
}

impl Store {
    /// Puts the layer that `write` writes, an uncompressed tar archive, on top of `base`, and names the result.
    ///
    /// # Errors
    /// Those of `write`, and of unpacking what it wrote: the rules for layers hold for our own as well.
    pub fn commit(
        &self,
        base: &Image,
        reference: Option<&str>,
        commit: &Commit,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Digest> {
        let _hold = self.hold()?;
        let reference = reference.map(tagged).transpose()?;
        let mut staging = Staging::make(&self.root)?;
        let spool = staging.path().join("layer.tar");
        let failed = |error| Error::io("write the new layer", &spool, error);
        let mut file =
            File::options().read(true).write(true).create_new(true).open(&spool).map_err(failed)?;
        let mut buffered = BufWriter::new(&file);
        write(&mut buffered).and_then(|()| buffered.flush()).map_err(failed)?;
        drop(buffered);
        file.rewind().map_err(failed)?;
        let fresh =
            self.unpack_layer(BufReader::new(file), Promise::default(), "of the container", &staging)?;
        let mut config = base.config.clone();
        config.created = Some(date::format(commit.created));
        config.config = commit.process.clone();
        config.rootfs.diff_ids.push(fresh.layer.diff_id.clone());
        if !commit.author.is_empty() {
            config.author = commit.author.clone();
        }
        config.history.push(History {
            created: config.created.clone(),
            created_by: commit.created_by.clone(),
            comment: commit.message.clone(),
            ..History::default()
        });
        let bytes = serde_json::to_vec(&config).map_err(|error| Error::invalid(error.to_string()))?;
        let id = Digest::sha256_of(&bytes);
        let size = base.size + fresh.layer.summary.bytes;
        let row = Row { id: id.to_string(), manifest: None, config: bytes, size, added: now() };
        let names: Vec<_> =
            reference.iter().map(|reference| (reference.to_string(), id.to_string())).collect();
        staging.begin_publishing();
        self.publish(&[fresh])?;
        self.database()?.add(&[row], &names)?;
        staging.finish();
        Ok(id)
    }
}
