// SPDX-License-Identifier: Apache-2.0
//! `export`: all files of a container as one archive, without what is mounted in it.

use std::io::Write;
use std::os::fd::AsFd;
use std::path::Path;

use runtime::rootfs::Purpose;
use store::pack::{self, Attributes, Options, Tree};
use store::tar::stream::Archive;

use crate::Engine;
use crate::error::Result;

impl Engine {
    /// Writes the files of the container called `name` to `sink`, as a tar archive sorted by name. Volumes and other
    /// mounts are not in it, as with Docker. The result are the files whose access control list is not in it, since it names
    /// somebody who is none of the container's.
    ///
    /// # Errors
    /// A file that cannot be read, by name, or `sink` fails; what was written until then is no archive.
    pub fn export(&self, name: &str, sink: impl Write) -> Result<Vec<Vec<u8>>> {
        let subject = self.whose_files(name)?;
        let root = self.joined(&subject, Purpose::Reading)?;
        let mut archive = Archive::new(sink);
        let options = Options { ids: subject.ids, tree: Tree::Plain, attributes: Attributes::All };
        let packed = pack::pack(root.as_fd(), Path::new("."), b"", options, &mut |entry, data| {
            archive.append(entry, data)
        });
        packed
            .and_then(|without_acl| archive.finish().map(|_| without_acl))
            .map_err(|error| subject.failed("export the files of", &error))
    }
}
