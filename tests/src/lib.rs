// SPDX-License-Identifier: Apache-2.0
//! The shared harness of the end-to-end, conformance and attack suites.
//!
//! A test gets a [`Sandbox`]: a state root of its own, so that tests run side by side, and the real
//! binary. What this machine cannot do is told by [`skip`], which `cargo xtask test` counts and
//! names; nothing else may make a test pass without having tested.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test ends where it cannot go on")]

mod call;
mod leftovers;
mod peers;
mod registry;
mod rootless;
mod steps;
mod waiting;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

pub use call::{Call, Ended};
pub use peers::{Docker, Podman};
pub use registry::{DockerRegistry, Guarded};
pub use rootless::Ids;
pub use steps::{Step, steps};
pub use waiting::{Background, Killed, eventually};

/// A state root of its own, gone when dropped; a container, cgroup or process of it that is still
/// there then fails the test.
#[derive(Debug)]
pub struct Sandbox {
    folder: tempfile::TempDir,
    user: User,
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum User {
    Root,
    /// An ordinary user, with these subordinate ids.
    Ordinary(Ids),
}

impl Sandbox {
    /// An empty one, of root's.
    pub fn new() -> Self {
        Self::of(User::Root)
    }

    /// An empty one of an ordinary user (uid 4242), who has the subordinate `ids`. The machine's own
    /// /etc/subuid is not touched: each call runs in a mount namespace that shows another.
    pub fn rootless(ids: Ids) -> Self {
        Self::of(User::Ordinary(ids))
    }

    /// With the image `minimal`: busybox, and the users root and `user` (1000).
    pub fn minimal() -> Self {
        let sandbox = Self::new();
        sandbox.import("minimal.tar", "minimal");
        sandbox
    }

    /// With the image `debian`: Debian and the programs of tests/images/debian.txt. The image is
    /// large, so tests of one binary that hold it at the same time share it.
    pub fn debian() -> Arc<Self> {
        let mut shared = DEBIAN.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let sandbox = Arc::new(Self::new());
            sandbox.import("debian.tar", "debian");
            *shared = Arc::downgrade(&sandbox);
            sandbox
        })
    }

    fn of(user: User) -> Self {
        let folder = tempfile::Builder::new().prefix("bulkhead-test-").tempdir_in(scratch()).unwrap();
        if user != User::Root {
            std::os::unix::fs::chown(folder.path(), Some(rootless::UID), Some(rootless::UID)).unwrap();
        }
        Self { folder, user }
    }

    /// The state root.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    /// A path for a file of the test's own, beside the state root.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file of the test's own, and says where it is.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A call of the binary: `sandbox.call(["run", "--rm", "minimal", "id"])`.
    pub fn call<W: AsRef<str>>(&self, words: impl IntoIterator<Item = W>) -> Call {
        let mut command = match self.user {
            User::Root => Command::new(binary()),
            User::Ordinary(ids) => rootless::command(ids, &self.file("home")),
        };
        command.env_clear().env("PATH", SEARCH_PATH).env("BULKHEAD_ROOT", self.root());
        command.current_dir(self.folder.path());
        for word in words {
            command.arg(word.as_ref());
        }
        Call::new(command)
    }

    /// `run --rm IMAGE` with the words of `line`, split at white space; quotes are not understood, so
    /// use [`Sandbox::call`] for those.
    pub fn run(&self, line: &str) -> Call {
        self.call(["run", "--rm"].into_iter().chain(line.split_whitespace()))
    }

    /// A shell script inside the image `minimal`, with `flags` of run before it.
    pub fn sh(&self, flags: &str, script: &str) -> Call {
        let words = ["run", "--rm"]
            .into_iter()
            .chain(flags.split_whitespace())
            .chain(["minimal", "sh", "-c", script]);
        self.call(words)
    }

    /// Imports one of the test images as `name`.
    pub fn import(&self, file: &str, name: &str) {
        self.call(["import", image(file).to_str().unwrap(), name]).within(IMPORT_LIMIT).ok();
    }

    /// The ids of its containers, running or not.
    pub fn containers(&self) -> Vec<String> {
        names(&self.root().join("containers"))
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Those that live on without a command are the sandbox's to end.
        let living = self.containers();
        if living.iter().any(|id| self.root().join("containers").join(id).join("monitor").exists()) {
            self.call(["rm", "-f"].into_iter().chain(living.iter().map(String::as_str))).ended();
        }
        let left = leftovers::find(&self.root(), &self.containers());
        if !self.containers().is_empty() && self.root().join("containers").exists() {
            // What a failed test left running must not outlive its state root.
            self.call(["ps"]).ended();
        }
        leftovers::remove_tree(self.folder.path());
        if !std::thread::panicking() {
            assert!(left.is_empty(), "left behind: {left:#?}");
        }
    }
}

/// Tells that this machine cannot do what the test needs. Use as
/// `return skip("no AppArmor in this kernel")`.
pub fn skip(reason: &str) {
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    println!("skipped: {name}: {reason}");
    if let Some(path) = std::env::var_os("BULKHEAD_SKIPS") {
        use std::io::Write as _;
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        file.write_all(format!("{name}: {reason}\n").as_bytes()).unwrap();
    }
}

/// The binary under test: the one beside this test's own directory, unless `BULKHEAD_BIN` names
/// another.
pub fn binary() -> PathBuf {
    std::env::var_os("BULKHEAD_BIN").map_or_else(|| profile_directory().join("bulkhead"), PathBuf::from)
}

/// A helper program of tests/programs.
pub fn helper(name: &str) -> PathBuf {
    let path = profile_directory().join(name);
    assert!(path.exists(), "{} is missing: `cargo build --package tests` makes it", path.display());
    path
}

/// A test image that `cargo xtask images` made.
pub fn image(file: &str) -> PathBuf {
    let path = target_directory().join("test-images").join(file);
    assert!(path.exists(), "{} is missing: `cargo xtask images` makes it", path.display());
    path
}

/// target/TRIPLE/PROFILE, from target/TRIPLE/PROFILE/deps/THIS-TEST.
fn profile_directory() -> PathBuf {
    std::env::current_exe().unwrap().parent().and_then(Path::parent).unwrap().to_owned()
}

fn target_directory() -> PathBuf {
    profile_directory().parent().and_then(Path::parent).unwrap().to_owned()
}

/// Where sandboxes are made: on the disk that holds the build, world-traversable for rootless tests.
fn scratch() -> PathBuf {
    let path = PathBuf::from("/var/tmp");
    assert!(path.is_dir());
    path
}

fn names(directory: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Weak, because what a static holds is never dropped: the last test to let go cleans up.
static DEBIAN: Mutex<Weak<Sandbox>> = Mutex::new(Weak::new());
/// Unoptimised, the large image takes a minute on two busy processors.
const IMPORT_LIMIT: std::time::Duration = std::time::Duration::from_secs(600);
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
