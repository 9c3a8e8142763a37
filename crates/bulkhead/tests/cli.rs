// SPDX-License-Identifier: Apache-2.0
//! The binary from outside: exit codes, streams, and that a question opens nothing.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::process::{Command, Output, Stdio};

/// The binary with an environment of nothing but a root that does not exist.
fn bulkhead(words: &[&str], root: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bulkhead"));
    command.args(words).env_clear().env("BULKHEAD_ROOT", root).stdin(Stdio::null());
    command
}

/// Runs `words` and makes sure that no state was made.
fn asked(words: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    let output = bulkhead(words, &root).output().unwrap();
    assert!(!root.exists(), "{words:?} made {}", root.display());
    output
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn questions_go_to_standard_output_and_open_nothing() {
    for words in [
        &["--version"][..],
        &["--help"],
        &[],
        &["run", "--help"],
        &["help", "drill"],
        &["completions", "fish"],
    ] {
        let output = asked(words);
        assert_eq!(output.status.code(), Some(0), "{words:?}");
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{words:?}");
    }
}

#[test]
fn complaints_go_to_standard_error_with_dockers_codes() {
    for (words, code) in [
        (&["run", "--bad", "img"][..], 125),
        (&["run"], 125),
        (&["run", "-m", "64x", "img"], 125),
        (&["run", "-it", "img"], 125),
        (&["images", "--bad"], 125),
        (&["rmi"], 1),
        (&["frobnicate"], 1),
        (&["--bad"], 125),
    ] {
        let output = asked(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}");
        assert!(output.stdout.is_empty() && text(&output.stderr).starts_with("error: "), "{words:?}");
    }
}

#[test]
fn colours_are_for_terminals_unless_asked_for() {
    assert!(!text(&asked(&["--bad"]).stderr).contains('\u{1b}'));
    assert!(text(&asked(&["--color=always", "--bad"]).stderr).contains('\u{1b}'));
    assert!(text(&asked(&["--color=always", "--help"]).stdout).contains('\u{1b}'));
    assert!(!text(&asked(&["--color=never", "--help"]).stdout).contains('\u{1b}'));
}

#[test]
fn a_reader_that_leaves_is_no_failure_to_talk_about() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child =
        bulkhead(&["completions", "bash"], folder.path()).stdout(writer).stderr(Stdio::piped()).spawn();
    let output = child.unwrap().wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(141));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_full_disk_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = bulkhead(&["completions", "bash"], folder.path()).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let want = "error: cannot write to standard output: No space left on device (os error 28)\n";
    assert_eq!(text(&output.stderr), want);
}

#[test]
fn bash_can_read_its_completions() {
    let script = asked(&["completions", "bash"]).stdout;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("completions");
    std::fs::write(&file, script).unwrap();
    let read = "source \"$1\" && COMP_WORDS=(bulkhead run --pids) && COMP_CWORD=2 && _bulkhead bulkhead --pids run && echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["--norc", "-c", read, "bash"]).arg(&file).output().unwrap();
    assert_eq!(text(&output.stdout), "--pids-limit\n", "{}", text(&output.stderr));
}

#[test]
fn a_manual_page_for_each_verb() {
    let folder = tempfile::tempdir().unwrap();
    let output = asked(&["man", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for page in ["bulkhead.1", "bulkhead-run.1", "bulkhead-walls.1", "bulkhead-drill.1"] {
        let page = std::fs::read_to_string(folder.path().join(page)).unwrap();
        assert!(page.contains(".SH SYNOPSIS") && page.contains("Example"), "{page}");
    }
    assert!(!folder.path().join("bulkhead-man.1").exists(), "a hidden verb has a page");
}
