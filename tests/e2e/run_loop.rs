// SPDX-License-Identifier: Apache-2.0
//! A disk for the tests of `run`.

use std::path::PathBuf;
use std::process::Command;

use tests::Sandbox;

/// A loop device over a file of the sandbox, given back when dropped.
pub(crate) struct Loop {
    pub(crate) path: PathBuf,
}

impl Loop {
    /// A disk of `size` bytes that begins with the word `disk`; nothing when this machine has none to
    /// give.
    pub(crate) fn new(sandbox: &Sandbox, size: usize) -> Option<Self> {
        let disk = sandbox.write("disk", [b"disk".as_slice(), &vec![0; size - 4]].concat());
        let output = Command::new("losetup").args(["--find", "--show"]).arg(disk).output().ok()?;
        let path = String::from_utf8(output.stdout).unwrap().trim().into();
        output.status.success().then_some(Self { path })
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let status = Command::new("losetup").arg("--detach").arg(&self.path).status().unwrap();
        assert!(status.success());
    }
}
