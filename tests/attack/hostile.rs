// SPDX-License-Identifier: Apache-2.0
//! Images, volumes and callers that mean harm.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::{Background, Call, Sandbox};

/// The image `name`: the minimal one after `change` was let loose on its tree.
pub(crate) fn image(sandbox: &Sandbox, name: &str, change: impl FnOnce(&Path)) {
    image_with(sandbox, name, &[], change);
}

/// The same with `instructions` of a Dockerfile, as `USER 0`.
pub(crate) fn image_with(sandbox: &Sandbox, name: &str, instructions: &[&str], change: impl FnOnce(&Path)) {
    let tree = sandbox.file(&format!("{name}-tree"));
    std::fs::create_dir(&tree).unwrap();
    tar(&["-xf", tests::image("minimal.tar").to_str().unwrap(), "-C", tree.to_str().unwrap()]);
    change(&tree);
    let archive = sandbox.file(&format!("{name}.tar"));
    tar(&["--format=posix", "--sparse", "-cf", archive.to_str().unwrap(), "-C", tree.to_str().unwrap(), "."]);
    let changes = instructions.iter().flat_map(|instruction| ["--change", instruction]);
    let words = ["import", "--quiet"].into_iter().chain(changes);
    sandbox.call(words.chain([archive.to_str().unwrap(), name])).ok();
}

fn tar(words: &[&str]) {
    let output = Command::new("tar").args(words).output().unwrap();
    assert!(output.status.success(), "tar {words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Replaces what is at `at` by a link that says `to`.
pub(crate) fn link(tree: &Path, at: &str, to: impl AsRef<Path>) {
    let path = tree.join(at);
    match std::fs::symlink_metadata(&path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(&path).unwrap(),
        Ok(_) => std::fs::remove_file(&path).unwrap(),
        Err(_) => {}
    }
    std::os::unix::fs::symlink(to, path).unwrap();
}

/// Makes a fifo.
pub(crate) fn fifo(path: &Path) {
    use kernel::rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o666), 0).unwrap();
}

/// The helper program, as a flag of run and as a path inside.
pub(crate) fn helper_mount() -> String {
    format!("{}:{INSIDE}:ro", tests::helper("attack-inside").display())
}

/// `run --rm` of the helper in the image `minimal`, with `flags` before the image and `words` after it.
pub(crate) fn attack(sandbox: &Sandbox, flags: &str, words: &[&str]) -> Call {
    let mount = helper_mount();
    let start = ["run", "--rm", "-v", &mount].into_iter().chain(flags.split_whitespace());
    sandbox.call(start.chain(["minimal", INSIDE]).chain(words.iter().copied()))
}

/// A container that runs on. When dropped, its monitor is killed and the next command, which is made here,
/// clears up.
#[derive(Debug)]
pub(crate) struct Running<'a> {
    sandbox: &'a Sandbox,
    monitor: Option<Background>,
}

impl<'a> Running<'a> {
    /// Starts `call` and waits until it has said `ready`.
    pub(crate) fn start(sandbox: &'a Sandbox, call: Call, ready: &str) -> Self {
        let mut running = Self { sandbox, monitor: Some(call.spawn()) };
        running.read_until(ready);
        running
    }

    pub(crate) fn read_until(&mut self, text: &str) {
        self.monitor.as_mut().unwrap().read_until(text);
    }

    /// The monitor's process id.
    pub(crate) fn pid(&self) -> i32 {
        self.monitor.as_ref().unwrap().pid()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        drop(self.monitor.take());
        self.sandbox.call(["ps"]).ended();
    }
}

/// What the helper said: the answer to each name.
pub(crate) fn answers(said: &str) -> BTreeMap<String, String> {
    said.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, answer)| (name.to_owned(), answer.to_owned()))
        .collect()
}

/// The names whose attempt went through.
pub(crate) fn open(said: &str) -> Vec<String> {
    answers(said).into_iter().filter(|(_, answer)| answer == "open").map(|(name, _)| name).collect()
}

/// A directory of the host that must stay as it is: anybody may write to it, so that only our walls keep
/// the container out.
#[derive(Debug)]
pub(crate) struct Canary {
    path: PathBuf,
    before: String,
}

impl Canary {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        let path = sandbox.file("canary");
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("file"), "alive\n").unwrap();
        for (entry, mode) in [(path.clone(), 0o777), (path.join("file"), 0o666)] {
            std::fs::set_permissions(entry, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        }
        let before = digest(&path);
        Self { path, before }
    }

    pub(crate) fn path(&self) -> &str {
        self.path.to_str().unwrap()
    }

    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(digest(&self.path), self.before, "the canary was touched");
    }
}

/// Everything about a tree that a container could change: names, types, owners, modes, content.
pub(crate) fn digest(path: &Path) -> String {
    let found = std::fs::symlink_metadata(path).unwrap();
    let mut text = format!("{} {:o} {}:{}", path.display(), found.mode(), found.uid(), found.gid());
    if found.is_file() {
        text.push_str(&format!(" {:?}", std::fs::read(path).unwrap()));
    } else if found.is_symlink() {
        text.push_str(&format!(" {:?}", std::fs::read_link(path).unwrap()));
    } else if found.is_dir() {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
        let below: std::collections::BTreeSet<String> = entries.map(|entry| digest(&entry)).collect();
        for entry in below {
            text.push('\n');
            text.push_str(&entry);
        }
    }
    text
}

/// Where the helper is inside.
pub(crate) const INSIDE: &str = "/attack";
