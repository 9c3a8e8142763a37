// SPDX-License-Identifier: Apache-2.0
//! What must hold for every parser of bytes from strangers, whatever the bytes are.
//!
//! Each target is a function that takes bytes and panics when a property does not hold; not panicking,
//! not looping and not growing are properties of all of them. libFuzzer calls them from
//! `fuzz/fuzz_targets`, and `cargo test` calls them with every input of `fuzz/corpus`.
#![forbid(unsafe_code)]

mod acl;
mod archives;
mod documents;
mod lists;
mod logs;
mod names;
mod profile;
mod registries;
mod streams;
mod templates;
mod users;

/// A target's function.
pub type Target = fn(&[u8]);

/// All targets, by the name of their corpus.
pub const TARGETS: [(&str, Target); 17] = [
    ("tar", streams::tar),
    ("pax", streams::pax),
    ("decode", streams::decode),
    ("unpack", archives::unpack),
    ("docker_archive", archives::docker_archive),
    ("image_layout", archives::image_layout),
    ("documents", documents::documents),
    ("names", names::names),
    ("users", users::users),
    ("lists", lists::lists),
    ("templates", templates::templates),
    ("seccomp_profile", profile::profile),
    ("registry_headers", registries::headers),
    ("registry_files", registries::files),
    ("acl", acl::acl),
    ("log_json", logs::json),
    ("log_local", logs::local),
];

/// Calls the target `name` with `bytes`.
///
/// # Panics
/// When a property does not hold, or there is no such target.
pub fn check(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|(known, _)| *known == name);
    let Some((_, target)) = target else { panic!("no target is named {name}") };
    target(bytes);
}
