// SPDX-License-Identifier: Apache-2.0
//! A sandbox whose refusals are watched: after each, the store is what it was, and so is a tree of
//! canaries beside it.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use tests::Sandbox;

use crate::making::{Layer, Layout};
use crate::tarball;

/// The sandbox, and what it looked like before.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) sandbox: Sandbox,
    store: Listing,
    canary: Listing,
}

type Listing = BTreeMap<PathBuf, String>;

impl Watched {
    /// One that holds the image `good`, beside the canaries.
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::new();
        let canary = canary(&sandbox);
        std::fs::create_dir_all(canary.join("cdir")).unwrap();
        for name in ["secret", "file", "victim", "cdir/inner"] {
            std::fs::write(canary.join(name), name).unwrap();
        }
        let good = Layout::of("good:1", &[Layer::of(&[tarball::file("good", "good")])]);
        sandbox.call(["load"]).input(good.tar()).ok();
        let (store, canary) = (listing(&sandbox.root()), listing(&canary));
        Self { sandbox, store, canary }
    }

    /// The tree that a hostile layer must not reach.
    pub(crate) fn canary(&self) -> PathBuf {
        canary(&self.sandbox)
    }

    /// Loads a tar that must be refused with a sentence that has all of `words`.
    #[track_caller]
    pub(crate) fn refuses(&self, case: &str, archive: Vec<u8>, words: &[&str]) {
        let ended = self.sandbox.call(["load", "--quiet"]).input(archive).ended();
        self.check_refusal(case, &ended, words);
    }

    /// The same for a path.
    #[track_caller]
    pub(crate) fn refuses_path(&self, case: &str, path: &Path, words: &[&str]) {
        let ended = self.sandbox.call(["load", "--quiet", "--input", path.to_str().unwrap()]).ended();
        self.check_refusal(case, &ended, words);
    }

    #[track_caller]
    pub(crate) fn check_refusal(&self, case: &str, ended: &tests::Ended, words: &[&str]) {
        assert_eq!(ended.code, 1, "{case}: {ended}");
        assert_eq!(ended.out, "", "{case}: {ended}");
        for word in words {
            assert!(ended.err.contains(word), "{case}: nothing about {word}: {ended}");
        }
        let lines: Vec<&str> = ended.err.lines().collect();
        assert!(lines.len() <= 2 && lines.iter().all(|line| line.len() < 600), "{case}: {ended}");
        assert!(!ended.err.contains("panicked"), "{case}: {ended}");
        self.unchanged(case);
    }

    /// That store, canaries and mounts are as they were.
    #[track_caller]
    pub(crate) fn unchanged(&self, case: &str) {
        assert_eq!(listing(&self.sandbox.root()), self.store, "{case}: the store changed");
        self.nothing_outside(case);
    }

    /// That canaries and mounts are as they were.
    #[track_caller]
    pub(crate) fn nothing_outside(&self, case: &str) {
        assert_eq!(listing(&self.canary()), self.canary, "{case}: something outside changed");
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(self.sandbox.root().to_str().unwrap()), "{case}: a mount is left");
    }

    /// Loads what must be accepted, and removes it again.
    #[track_caller]
    pub(crate) fn accepts(&self, case: &str, archive: Vec<u8>) {
        let ended = self.sandbox.call(["load", "--quiet"]).input(archive).ended();
        assert_eq!(ended.code, 0, "{case}: {ended}");
        self.nothing_outside(case);
        self.remove_loaded(case, &ended.out);
    }

    /// Removes the image that `load` told of; then everything is as it was.
    #[track_caller]
    pub(crate) fn remove_loaded(&self, case: &str, told: &str) {
        let name = told.trim().rsplit_once(": ").unwrap().1;
        self.sandbox.call(["rmi", name]).ok();
        self.unchanged(case);
    }
}

fn canary(sandbox: &Sandbox) -> PathBuf {
    sandbox.file("canary")
}

/// Everything below `folder`, with what a write, a chmod or a link from elsewhere would change.
fn listing(folder: &Path) -> Listing {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let known = std::fs::symlink_metadata(&path).unwrap();
            if known.is_dir() {
                open.push(path.clone());
            }
            // SQLite counts its transactions in the file, and keeps the pages that it once had.
            let counted = known.is_file() && !path.ends_with("images.db");
            let content = if counted { std::fs::read(&path).unwrap() } else { Vec::new() };
            let links = if known.is_dir() { 0 } else { known.nlink() };
            let size = content.len();
            let line = format!(
                "{:o} {}:{} {links} {size} {}",
                known.mode(),
                known.uid(),
                known.gid(),
                content.escape_ascii()
            );
            found.insert(path.strip_prefix(folder).unwrap().to_owned(), line);
        }
    }
    assert!(found.keys().all(|path| !path.as_os_str().as_bytes().is_empty()));
    found
}
