// SPDX-License-Identifier: Apache-2.0
//! Test images, made from Debian's packages and our own programs, kept under target/test-images.
//!
//! Each has a recipe (text: what it is made from). It is made again when the recipe changes, in a
//! private mount namespace and beside the old one, so that a run that is ended half-way leaves no
//! half image and no mount.
//!
//! | file | what it is |
//! |---|---|
//! | `minimal.tar` | root file system: busybox alone |
//! | `debian.tar` | root file system: Debian with the programs of tests/images/debian.txt |
//! | `layers.docker.tar` | `docker save` of an image that `docker build` made of tests/images/layers |
//! | `layers.podman.tar` | the same, by `podman save` as a docker-archive |
//! | `layers.podman-oci.tar` | the same, by `podman save` as an OCI archive |
//! | `layers.oci` | the same as an OCI layout, gzip layers, by skopeo |
//! | `layers.zstd.oci` | the same with zstd layers |

mod archives;
mod rootfs;

use std::path::{Path, PathBuf};

use crate::failure::{Result, While};
use crate::project::Project;

/// Which images are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What is made in a second and needs no network.
    Minimal,
    /// All.
    All,
}

/// Makes what is missing or stale, and gives the directory.
pub(crate) fn make(project: &Project, extent: Extent) -> Result<PathBuf> {
    let shelf = Shelf::open(project, "test-images")?;
    rootfs::minimal(&shelf)?;
    if extent == Extent::All {
        rootfs::debian(&shelf, &project.root.join("tests/images/debian.txt"))?;
        archives::make(&shelf, &project.root.join("tests/images/layers"))?;
    }
    Ok(shelf.directory)
}

/// The root file system with busybox alone.
pub(crate) fn minimal(project: &Project) -> Result<PathBuf> {
    Ok(make(project, Extent::Minimal)?.join("minimal.tar"))
}

/// Debian's minimal system as a tar, for benches.
pub(crate) fn minbase(project: &Project) -> Result<PathBuf> {
    let shelf = Shelf::open(project, "bench-images")?;
    rootfs::minbase(&shelf)?;
    Ok(shelf.path("bookworm.tar"))
}

/// A directory of things that are made once and kept, locked against other makers while this lives.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// target/NAME.
    pub(crate) directory: PathBuf,
    _lock: std::fs::File,
}

impl Shelf {
    /// Opens target/`name`, and waits while another maker has it.
    pub(crate) fn open(project: &Project, name: &str) -> Result<Self> {
        let directory = project.directory(name)?;
        let lock = directory.join("lock");
        let lock = std::fs::File::create(&lock).cannot(|| format!("make {}", lock.display()))?;
        lock.lock().cannot(|| format!("lock {}", directory.display()))?;
        Ok(Self { directory, _lock: lock })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Makes `names` by `make` unless they are there and were made by the same `recipe`. `make`
    /// gets an empty directory to work in and must leave the files there under their names.
    pub(crate) fn keep(
        &self,
        names: &[&str],
        recipe: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let note = self.path(&format!("{}.recipe", names[0]));
        let fresh = std::fs::read_to_string(&note).is_ok_and(|old| old == recipe);
        if fresh && names.iter().all(|name| self.path(name).exists()) {
            return Ok(());
        }
        println!("making {}", names.join(", "));
        let work = self.path(&format!("{}.work", names[0]));
        remove(&work)?;
        std::fs::create_dir(&work).cannot(|| format!("make {}", work.display()))?;
        make(&work)?;
        for name in names {
            remove(&self.path(name))?;
            std::fs::rename(work.join(name), self.path(name)).cannot(|| format!("keep {name}"))?;
        }
        remove(&work)?;
        std::fs::write(&note, recipe).cannot(|| format!("write {}", note.display()))
    }
}

/// Removes a file or a tree, which may be missing, without crossing into another file system.
pub(crate) fn remove(path: &Path) -> Result<()> {
    crate::command::program("rm", ["--recursive", "--force", "--one-file-system"]).arg(path).run()
}
