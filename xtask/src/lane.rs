// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask lane`: runs what this machine's kernel cannot, on a Debian kernel in a machine that
//! QEMU emulates in software: cgroup v2 alone with every controller, AppArmor enforcing, a kernel of
//! 2022. Nothing is installed here: packages are unpacked under target/lane.

mod cpio;
mod kernel;
mod machine;
mod packages;
mod report;

use std::path::{Path, PathBuf};
use std::time::Instant;

pub(crate) use kernel::Kernel;
pub(crate) use report::Totals;

use crate::failure::{Failure, Result, While};
use crate::images::{self, Shelf};
use crate::project::{Kind, Profile, Project, executables};
use machine::{Machine, Run};
use report::Reader;

/// Which tests run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// The suite of the lane itself and the smoke test: under five minutes.
    Short,
    /// The e2e, attack and conformance suites besides, which takes the better part of an hour.
    All,
}

/// Does what the command line asks for.
pub(crate) fn command(project: &Project, arguments: &[String]) -> Result<()> {
    let asked = Asked::parse(arguments)?;
    let binary = match asked.binary {
        Some(path) => path,
        None => project.build("bulkhead", "bulkhead", asked.profile)?,
    };
    if let Some(words) = asked.command {
        return match shell(project, &binary, asked.kernel, &words)? {
            0 => Ok(()),
            status => Err(Failure::new(format!("the command ended with {status}"))),
        };
    }
    let totals = run(project, &binary, asked.profile, asked.kernel, asked.selection)?;
    println!("lane {}: {}", asked.kernel.name(), totals.line());
    if totals.failed.is_empty() { Ok(()) } else { Err(Failure::new("not every check of the lane passed")) }
}

/// Runs a selection of tests on `binary`, a bulkhead, and tells what became of each. `profile` is what
/// the suites are built with: best the binary's own, so that cargo compiles nothing twice.
///
/// Prints what failed tests wrote, and a line for each check: `ok NAME`, `FAILED NAME: why`,
/// `skipped NAME: why`. Errors when there is no machine to run on, which is no test's fault.
pub(crate) fn run(
    project: &Project,
    binary: &Path,
    profile: Profile,
    kernel: Kernel,
    selection: Selection,
) -> Result<Totals> {
    let (machine, run) = open(project, binary, kernel)?;
    let suites = build_suites(project, profile, selection)?;
    for (name, path) in &suites {
        run.bring(path, &format!("target/triple/profile/deps/{name}"))?;
    }
    run.bring(&images::minimal(project)?, "target/test-images/minimal.tar")?;
    run.command(&suites.iter().map(|(name, _)| script(name, selection)).collect::<String>())?;
    let start = Instant::now();
    let mut reader = Reader::default();
    machine.run(&run, &mut |line| {
        if reader.hear(line) {
            println!("{:4.0} s {line}", start.elapsed().as_secs_f64());
        }
    })?;
    let totals = reader.finish(suites.len());
    for line in totals.lines() {
        println!("{line}");
    }
    println!("lane {}: ran {:.0} s", kernel.name(), start.elapsed().as_secs_f64());
    Ok(totals)
}

/// Runs one command in the guest, where the binary is on the search path.
fn shell(project: &Project, binary: &Path, kernel: Kernel, words: &[String]) -> Result<i32> {
    let (machine, run) = open(project, binary, kernel)?;
    run.bring(&images::minimal(project)?, "target/test-images/minimal.tar")?;
    run.command(&words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "))?;
    machine.run(&run, &mut |line| println!("{line}"))
}

fn open(project: &Project, binary: &Path, kernel: Kernel) -> Result<(Machine, Run)> {
    let shelf = Shelf::open(project, "lane")?;
    let machine = Machine::make(project, &shelf, kernel)?;
    let run = Run::new(&shelf)?;
    run.bring(binary, "bin/bulkhead")?;
    run.bring(&project.root.join("tests/lane/guest"), "guest")?;
    Ok((machine, run))
}

/// Names and files of the suites.
fn build_suites(project: &Project, profile: Profile, selection: Selection) -> Result<Vec<(String, PathBuf)>> {
    let names: &[&str] = match selection {
        Selection::Short => &["lane", "e2e"],
        Selection::All => &["lane", "e2e", "attack", "conformance"],
    };
    let tests: Vec<_> = names.iter().flat_map(|name| ["--test", name]).collect();
    let messages = project
        .cargo([
            "test",
            "--quiet",
            "--no-run",
            "--message-format=json-render-diagnostics",
            "--package",
            "tests",
        ])
        .args(&tests)
        .args(&["--profile", profile.name()])
        .text()?;
    let built: Vec<_> = executables(&messages).filter(|made| made.kind == Kind::Test).collect();
    let find = |name: &&str| {
        let made = built.iter().find(|made| made.name == **name);
        made.map(|made| (made.name.clone(), made.path.clone())).cannot(|| format!("find the suite {name}"))
    };
    names.iter().map(find).collect()
}

/// The guest's commands for one suite. Two tests at a time: the machine has two processors.
fn script(suite: &str, selection: Selection) -> String {
    let filter = if suite == "e2e" && selection == Selection::Short { SHORT } else { "" };
    format!(
        "echo 'lane: suite {suite}'
        export BULKHEAD_BIN=/lane/bin/bulkhead BULKHEAD_SKIPS=/tmp/{suite}.skips
        /lane/target/triple/profile/deps/{suite} --test-threads=2 {filter} 2>&1
        [ -e /tmp/{suite}.skips ] && sed 's/^/lane: skipped /' /tmp/{suite}.skips\n"
    )
}

/// A word that the guest's shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    kernel: Kernel,
    profile: Profile,
    /// Instead of one that is built now.
    binary: Option<PathBuf>,
    selection: Selection,
    command: Option<Vec<String>>,
}

impl Asked {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut asked = Self {
            kernel: Kernel::Generic,
            profile: Profile::Fast,
            binary: None,
            selection: Selection::Short,
            command: None,
        };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--kernel" => {
                    let name = words.next().cannot(|| "read --kernel: it lacks a name")?;
                    asked.kernel = Kernel::parse(name)?;
                }
                "--binary" => {
                    let path = words.next().cannot(|| "read --binary: it lacks a path")?;
                    asked.binary = Some(path.into());
                }
                "--quick" => asked.profile = Profile::Dev,
                "--all" => asked.selection = Selection::All,
                "--" => asked.command = Some(words.by_ref().cloned().collect()),
                other => return Err(Failure::new(format!("the lane knows no {other}"))),
            }
        }
        if asked.command.as_ref().is_some_and(Vec::is_empty) {
            return Err(Failure::new("a command must follow --"));
        }
        Ok(asked)
    }
}

/// The tests of the suite e2e that run in the short selection.
const SHORT: &str = "smoke::";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_command_line() {
        let parse = |line: &str| Asked::parse(&line.split(' ').map(str::to_owned).collect::<Vec<_>>());
        let asked = parse("--kernel bpo --quick -- bulkhead --version").unwrap();
        assert_eq!((asked.kernel, asked.profile), (Kernel::Backports, Profile::Dev));
        assert_eq!(asked.command, Some(vec!["bulkhead".into(), "--version".into()]));
        assert!(parse("--kernel cloud").is_err());
        assert!(parse("--").is_err());
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
