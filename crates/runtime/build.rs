// SPDX-License-Identifier: Apache-2.0
//! Turns `policies/{capabilities,paths}.toml` into constants, so that a run parses nothing.
//!
//! A row without a reason, a path that is not absolute or a name that stands twice stops the build.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Capabilities {
    capability: Vec<Capability>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Capability {
    name: String,
    reason: String,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Paths {
    hide: Vec<PathRow>,
    read_only: Vec<PathRow>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct PathRow {
    path: String,
    reason: String,
}

fn main() {
    let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let capabilities: Capabilities = read(&policies.join("capabilities.toml"));
    let paths: Paths = read(&policies.join("paths.toml"));

    let mut code = String::new();
    let rows: Vec<_> =
        capabilities.capability.iter().map(|row| (row.name.as_str(), row.reason.as_str())).collect();
    table(&mut code, "CAPABILITIES", "Capabilities of the default, each with its reason.", &rows);
    for (name, doc, rows) in [
        ("HIDDEN_PATHS", "Paths covered by nothing, each with its reason.", &paths.hide),
        ("READ_ONLY_PATHS", "Paths that stay readable only, each with its reason.", &paths.read_only),
    ] {
        let rows: Vec<_> = rows.iter().map(|row| (row.path.as_str(), row.reason.as_str())).collect();
        assert!(rows.iter().all(|(path, _)| path.starts_with('/')), "{name}: a path is not absolute");
        table(&mut code, name, doc, &rows);
    }
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&out).join("policy.rs"), code).expect("OUT_DIR is writable");
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    println!("cargo::rerun-if-changed={}", path.display());
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn table(code: &mut String, name: &str, doc: &str, rows: &[(&str, &str)]) {
    let mut seen = BTreeSet::new();
    for (key, reason) in rows {
        assert!(seen.insert(*key), "{name}: {key} stands twice");
        assert!(reason.len() > 10, "{name}: {key} has no reason");
    }
    writeln!(code, "/// {doc}\npub const {name}: &[(&str, &str)] = &{rows:?};").expect("a String takes all");
}
