// SPDX-License-Identifier: Apache-2.0
//! Where things are: the work tree, cargo's target directory, the binaries built there.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::program;
use crate::failure::{Failure, Result, While};

/// The places that every command needs.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    /// The work tree.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    /// Cargo itself.
    pub(crate) cargo: PathBuf,
}

/// What a binary is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What `--quick` tests run.
    Dev,
    /// What the tests run.
    Fast,
    /// What people run, and the benches.
    Release,
}

impl Project {
    /// Asks cargo.
    pub(crate) fn find() -> Result<Self> {
        let cargo = PathBuf::from(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let metadata = program(&cargo, ["metadata", "--format-version", "1", "--no-deps"]).text()?;
        let metadata: Value = serde_json::from_str(&metadata).cannot(|| "read cargo metadata")?;
        let place = |key: &str| {
            metadata[key].as_str().map(PathBuf::from).cannot(|| format!("find {key} in cargo metadata"))
        };
        Ok(Self { root: place("workspace_root")?, target: place("target_directory")?, cargo })
    }

    /// A cargo command in the work tree.
    pub(crate) fn cargo<const N: usize>(&self, args: [&str; N]) -> crate::command::Program {
        program(&self.cargo, args).within_directory(&self.root).env("CARGO_TERM_COLOR", "never")
    }

    /// Builds one binary of the workspace and says where it is.
    pub(crate) fn build(&self, package: &str, binary: &str, profile: Profile) -> Result<PathBuf> {
        let built = self
            .cargo(["build", "--quiet", "--message-format=json-render-diagnostics", "--package", package])
            .arg("--bin")
            .arg(binary)
            .arg("--profile")
            .arg(profile.name())
            .output()?;
        if !built.status.success() {
            // Standard output has the messages for us, standard error those for a person.
            let said = String::from_utf8_lossy(&built.stderr);
            return Err(Failure::new(format!("{binary} does not build\n{}", said.trim())));
        }
        executables(&String::from_utf8_lossy(&built.stdout))
            .find(|made| made.name == binary)
            .map(|made| made.path)
            .ok_or_else(|| Failure::new(format!("cargo built no binary named {binary}")))
    }

    /// A directory under target/ that is ours, made when missing.
    pub(crate) fn directory(&self, name: impl AsRef<Path>) -> Result<PathBuf> {
        let path = self.target.join(name);
        std::fs::create_dir_all(&path).cannot(|| format!("make {}", path.display()))?;
        Ok(path)
    }
}

impl Profile {
    /// Its name in Cargo.toml.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Fast => "fast",
            Self::Release => "release",
        }
    }
}

/// A program or test that cargo built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Executable {
    /// The name of its package.
    pub(crate) package: PathBuf,
    /// The name of its target.
    pub(crate) name: String,
    /// Whether it is a test.
    pub(crate) kind: Kind,
    /// The file.
    pub(crate) path: PathBuf,
}

/// What cargo built it as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A program.
    Program,
    /// A test harness.
    Test,
}

/// Reads the executables out of cargo's JSON messages. `package` is the directory of its
/// Cargo.toml.
pub(crate) fn executables(messages: &str) -> impl Iterator<Item = Executable> + '_ {
    messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let manifest = Path::new(message["manifest_path"].as_str()?);
        Some(Executable {
            package: manifest.parent()?.to_path_buf(),
            name: message["target"]["name"].as_str()?.to_owned(),
            kind: if message["profile"]["test"].as_bool()? { Kind::Test } else { Kind::Program },
            path: PathBuf::from(message["executable"].as_str()?),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_are_read_from_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","manifest_path":"/w/tests/Cargo.toml","target":{"name":"e2e"},"#,
            r#""profile":{"test":true},"executable":"/t/e2e-1"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/w/oci/Cargo.toml","target":{"name":"oci"},"#,
            r#""profile":{"test":false},"executable":null}"#,
            "\nnot json\n"
        );
        let found: Vec<_> = executables(messages).collect();
        let e2e = Executable {
            package: "/w/tests".into(),
            name: "e2e".into(),
            kind: Kind::Test,
            path: "/t/e2e-1".into(),
        };
        assert_eq!(found, [e2e]);
    }
}
