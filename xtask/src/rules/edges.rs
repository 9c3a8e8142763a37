// SPDX-License-Identifier: Apache-2.0
//! Dependencies point down only, and siblings do not know each other.

use super::{none, packages};

#[test]
fn dependencies_point_down_only() {
    let mut wrong = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap();
        let Some((_, may)) = MAY_USE.iter().find(|(user, _)| *user == name) else {
            wrong.push(format!("{name} is not in the table"));
            continue;
        };
        let ours = package["dependencies"].as_array().unwrap().iter().filter(|used| used["path"].is_string());
        for used in ours.map(|used| used["name"].as_str().unwrap()) {
            if !may.contains(&used) {
                wrong.push(format!("{name} -> {used}"));
            }
        }
    }
    if !wrong.is_empty() {
        wrong.push("what may be used:".to_owned());
        wrong.extend(MAY_USE.iter().map(|(name, may)| format!("  {name:<9} {}", may.join(" "))));
    }
    none("dependencies that are not in the table", &wrong);
}

#[test]
fn only_the_kernel_crate_uses_libc() {
    let users = packages();
    let users = users.iter().filter(|package| {
        package["dependencies"].as_array().unwrap().iter().any(|used| used["name"] == "libc")
    });
    let names: Vec<&str> = users.map(|package| package["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["kernel"]);
}

/// ARCHITECTURE.md, "Code map". A crate that is not here has no place yet.
const MAY_USE: &[(&str, &[&str])] = &[
    // `drill` because a probe is this very binary, run inside.
    ("bulkhead", &["engine", "drill", "template", "oci"]),
    ("engine", &["runtime", "store", "registry", "logs", "drill", "oci", "kernel"]),
    ("runtime", &["oci", "kernel"]),
    ("store", &["oci", "kernel"]),
    // It knows the wire and not the store: bytes go to its caller and come from there.
    ("registry", &["oci"]),
    ("logs", &["oci", "kernel"]),
    ("drill", &["kernel"]),
    ("template", &[]),
    ("oci", &[]),
    ("kernel", &[]),
    // The suites know the binary from outside, the kernel, and the words of the specifications.
    // `runtime` for one program, which tries what only the engine's own unpacker could.
    ("tests", &["runtime", "oci", "kernel"]),
    ("xtask", &[]),
    // Each parser of bytes that somebody else made.
    ("fuzz-targets", &["runtime", "store", "registry", "logs", "template", "oci", "kernel"]),
];
