// SPDX-License-Identifier: Apache-2.0
//! What source files have, and what none of them says.

use std::path::Path;

use super::{none, packages, texts};

#[test]
fn each_source_file_names_its_licence() {
    let without = texts().into_iter().filter(|(path, text)| is_source(path, text) && !names_licence(text));
    none(
        "files without an SPDX line",
        &without.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>(),
    );
}

#[test]
fn unsafe_code_is_forbidden_everywhere_but_in_the_kernel_crate() {
    let mut open = Vec::new();
    for package in packages().iter().filter(|package| package["name"] != "kernel") {
        for target in package["targets"].as_array().unwrap() {
            let path = target["src_path"].as_str().unwrap();
            if !std::fs::read_to_string(path).unwrap().lines().any(|line| line == FORBID) {
                open.push(path.to_owned());
            }
        }
    }
    none(&format!("crate roots without {FORBID}"), &open);
}

#[test]
fn every_file_with_unsafe_code_is_in_the_kernel_crate() {
    let block = concat!("unsafe", " {");
    let strays = texts().into_iter().filter(|(path, text)| {
        path.extension().is_some_and(|kind| kind == "rs")
            && !path.starts_with("crates/kernel")
            && text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(block))
    });
    none("unsafe code", &strays.map(|(path, _)| path.display().to_string()).collect::<Vec<_>>());
}

#[test]
fn no_result_is_dropped_by_hand() {
    none("discarded results; match them and say why that is safe", &lines_with(discards));
}

#[test]
fn nothing_is_left_for_later() {
    let later = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("#[", "ignore")];
    none("left for later", &lines_with(|line| later.iter().any(|word| line.contains(word))));
}

/// Mirrors are told by the machine (apt, cargo), so that the tree builds wherever one works.
#[test]
fn no_file_names_a_package_registry() {
    let hosts = [
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("deb.debian", ".org"),
        concat!("security.debian", ".org"),
        concat!("pypi", ".org"),
        concat!("npmjs", ".org"),
        concat!("proxy.golang", ".org"),
        concat!("arti", "factory"),
    ];
    none("registries by name", &lines_with(|line| hosts.iter().any(|host| line.contains(host))));
}

/// Only `bulkhead` prints, reads the environment or ends the process. Probes look at the environment
/// that a container gave them: that is what they are for.
#[test]
fn libraries_neither_print_nor_read_the_environment() {
    let words = [
        "println!(",
        "print!(",
        "eprintln!(",
        "eprint!(",
        "env::var(",
        "env::var_os(",
        "env::vars",
        "process::exit(",
    ];
    let mut found = Vec::new();
    for (path, text) in texts() {
        let mut parts = path.iter().skip(1);
        let (krate, next) = (parts.next(), parts.next());
        let is_library = path.starts_with("crates") && krate.is_some_and(|name| name != "bulkhead");
        let is_probe = path.starts_with("crates/drill/src/probes");
        if !is_library
            || is_probe
            || next.is_none_or(|name| name != "src")
            || path.iter().any(|part| part == "tests")
        {
            continue;
        }
        let production = text.split("#[cfg(test)]").next().unwrap_or_default();
        let told = production
            .lines()
            .enumerate()
            .filter(|(_, line)| words.iter().any(|word| code(line).contains(word)));
        found.extend(told.map(|(at, line)| format!("{}:{}: {}", path.display(), at + 1, line.trim())));
    }
    none("libraries that talk", &found);
}

/// `drop(call())` as a statement throws an answer away; `drop(name)` and `drop(field.take())` end a
/// value's life.
fn discards(line: &str) -> bool {
    let statement = code(line).trim();
    let dropped = statement.strip_prefix("drop(").and_then(|rest| rest.strip_suffix(");"));
    dropped.is_some_and(|dropped| {
        dropped.contains('(') && !dropped.starts_with('(') && !dropped.ends_with(".take()")
    })
}

/// Lines of Rust for which `wrong` holds, with their places.
fn lines_with(wrong: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in texts().iter().filter(|(path, _)| !path.ends_with("Cargo.lock")) {
        let lines = text.lines().enumerate().filter(|(_, line)| wrong(line));
        found.extend(lines.map(|(at, line)| format!("{}:{}: {}", path.display(), at + 1, line.trim())));
    }
    found
}

/// The line without the comment at its end, and nothing of a line that is one.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn is_source(path: &Path, text: &str) -> bool {
    path.extension().is_some_and(|kind| kind == "rs" || kind == "sh") || text.starts_with("#!/")
}

/// In the first line, or in the second after the interpreter's.
fn names_licence(text: &str) -> bool {
    text.lines().take(2).any(|line| line.trim_start_matches(['/', '#', ' ']) == LICENCE)
}

const FORBID: &str = concat!("#![forbid(", "unsafe_code)]");
const LICENCE: &str = "SPDX-License-Identifier: Apache-2.0";

#[cfg(test)]
mod tests {
    use super::discards;

    #[test]
    fn what_discards() {
        assert!(discards("    drop(std::fs::remove_file(&path));"));
        assert!(!discards("    drop(lock);"));
        assert!(!discards("    drop(child.stdin.take());"));
        assert!(!discards("    drop((spec, admitted));"));
        assert!(!discards("    // drop(call());"));
    }
}
