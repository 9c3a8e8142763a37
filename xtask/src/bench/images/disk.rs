// SPDX-License-Identifier: Apache-2.0
//! Places that are mounted for the bench and unmounted when dropped.

use std::path::{Path, PathBuf};

use crate::command::program;
use crate::failure::{Result, While};

/// A mounted directory.
#[derive(Debug)]
pub(super) struct Disk {
    pub(super) path: PathBuf,
    /// The file that it lies in.
    file: Option<PathBuf>,
}

impl Disk {
    /// Memory, below `parent`.
    pub(super) fn memory(parent: &Path) -> Result<Self> {
        let path = parent.join(format!("images-{}", std::process::id()));
        std::fs::create_dir(&path).cannot(|| format!("make {}", path.display()))?;
        program("mount", ["-t", "tmpfs", "-o", "size=8g", "bench"]).arg(&path).run()?;
        Ok(Self { path, file: None })
    }

    /// A new ext4 with a journal, in a file in `place`.
    pub(super) fn fresh(place: &Path) -> Result<Self> {
        let (file, path) = (place.join("disk"), place.join("state"));
        program("truncate", ["--size", SIZE]).arg(&file).run()?;
        program("mkfs.ext4", ["-q", "-F"]).arg(&file).run()?;
        std::fs::create_dir_all(&path).cannot(|| format!("make {}", path.display()))?;
        program("mount", ["-o", "loop"]).arg(&file).arg(&path).run()?;
        Ok(Self { path, file: Some(file) })
    }

    fn remove(&self) -> Result<()> {
        program("umount", [&self.path]).run()?;
        if let Some(file) = &self.file {
            std::fs::remove_file(file).cannot(|| format!("remove {}", file.display()))?;
        }
        std::fs::remove_dir(&self.path).cannot(|| format!("remove {}", self.path.display()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Err(failure) = self.remove() {
            eprintln!("{failure}");
        }
    }
}

const SIZE: &str = "3G";
