// SPDX-License-Identifier: Apache-2.0
//! An OCI bundle for the bare runtimes.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::command::{Program, program};
use crate::failure::{Result, While};

/// A root file system with a configuration beside it, as `runc spec` writes it, that runs one
/// command without a terminal.
#[derive(Debug)]
pub(crate) struct Bundle {
    directory: PathBuf,
}

impl Bundle {
    /// Makes the bundle in `directory` from the root file system in `tar`.
    pub(crate) fn make(directory: &Path, tar: &Path, command: &[&str]) -> Result<Self> {
        let root = directory.join("rootfs");
        std::fs::create_dir_all(&root).cannot(|| format!("make {}", root.display()))?;
        program("tar", ["--extract", "--numeric-owner", "--file"])
            .arg(tar)
            .arg("--directory")
            .arg(&root)
            .run()?;
        program(RUNC, ["spec"]).within_directory(directory).run()?;
        let path = directory.join("config.json");
        let text = std::fs::read(&path).cannot(|| "read the bundle's config.json")?;
        let mut config: serde_json::Value =
            serde_json::from_slice(&text).cannot(|| "parse the bundle's config.json")?;
        config["process"]["terminal"] = json!(false);
        config["process"]["args"] = json!(command);
        // Raising a hard limit would need CAP_SYS_RESOURCE.
        config["process"]["rlimits"] = json!([]);
        std::fs::write(&path, config.to_string()).cannot(|| "write the bundle's config.json")?;
        Ok(Self { directory: directory.to_path_buf() })
    }

    /// The root file system as a directory.
    pub(crate) fn rootfs(&self) -> PathBuf {
        self.directory.join("rootfs")
    }

    /// The command line that runs the bundle with `runtime` ("runc", "crun").
    pub(crate) fn run(&self, runtime: &str) -> Program {
        program(Path::new("/usr/bin").join(runtime), ["--root"])
            .arg(self.directory.join(format!("state-{runtime}")))
            .args(&["run", "--bundle"])
            .arg(&self.directory)
            .arg(format!("bench-{runtime}"))
    }
}

const RUNC: &str = "/usr/bin/runc";
