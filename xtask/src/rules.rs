// SPDX-License-Identifier: Apache-2.0
//! What holds in the whole work tree, held by tests: who may depend on whom, where `unsafe` may
//! stand, what every policy entry has, what no file says.

mod edges;
mod policies;
mod source;
mod suites;

use std::path::{Path, PathBuf};

use serde_json::Value;

/// The work tree.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// What cargo knows of our own crates.
fn packages() -> Vec<Value> {
    let metadata = crate::command::program(env!("CARGO"), ["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata.within_directory(root()).text().unwrap()).unwrap();
    metadata["packages"].as_array().unwrap().clone()
}

/// Every file of the work tree that a person wrote, by its path beneath the root, with its text.
fn texts() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    walk(root(), &mut found);
    assert!(found.len() > 100, "the work tree was not found: {} files", found.len());
    found
}

/// Files that are text; what is built, fetched or git's own is not ours.
fn walk(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.iter().any(|skipped| name == *skipped) {
                walk(&path, found);
            }
        } else if let Ok(text) = std::fs::read_to_string(&path) {
            found.push((path.strip_prefix(root()).unwrap().to_path_buf(), text));
        }
    }
}

/// Fails the test with all that was found wrong, so that one look is enough.
#[track_caller]
fn none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

/// `fuzz/corpus` is bytes, among them some that happen to be text.
const SKIPPED: [&str; 4] = [".git", "target", "corpus", "artifacts"];
