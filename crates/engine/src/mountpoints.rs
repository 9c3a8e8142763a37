// SPDX-License-Identifier: Apache-2.0
//! The lowest layer of every container: the places that are always mounted on, and nothing else.
//!
//! ```text
//! mountpoints/      0700
//!   fs/             0755, the layer
//!     dev/ proc/ sys/
//!     etc/hostname etc/hosts etc/resolv.conf      empty
//! ```
//!
//! An image that lacks one of them would get it in the container's own layer: there every start would
//! copy `/etc` up, every end remove it again, and `diff` and `commit` would find what nobody in the
//! container made.

use std::fs::Permissions;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Context, Result};

/// The layer below `root`, made when it is not there (whole).
pub(crate) fn layer(root: &Path) -> Result<PathBuf> {
    let home = root.join("mountpoints");
    let layer = home.join("fs");
    // The last one made tells that all are there.
    if !layer.join(FILES[FILES.len() - 1]).exists() {
        crate::make_directory(&home, 0o700)?;
        make(&layer)?;
    }
    Ok(layer)
}

/// Every step is safe to repeat: a command may have been killed between any two.
fn make(layer: &Path) -> Result<()> {
    let step = "make the layer of mount points";
    let directories = [layer.to_owned()].into_iter().chain(DIRECTORIES.map(|name| layer.join(name)));
    for path in directories {
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error).told(step),
            _ => {}
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).told(step)?;
    }
    for path in FILES.map(|name| layer.join(name)) {
        std::fs::File::create(&path).told(step)?.set_permissions(Permissions::from_mode(0o644)).told(step)?;
    }
    Ok(())
}

const DIRECTORIES: [&str; 4] = ["dev", "proc", "sys", "etc"];
const FILES: [&str; 3] = ["etc/hostname", "etc/hosts", "etc/resolv.conf"];
