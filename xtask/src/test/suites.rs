// SPDX-License-Identifier: Apache-2.0
//! The tests that a Rust harness runs.

use std::ffi::OsString;
use std::time::Duration;

use super::harness::Harness;
use super::run::Run;
use super::tally::{Case, Totals};
use crate::failure::{Failure, Result};
use crate::lane;
use crate::project::{Executable, Kind, Profile};

/// The tests of each crate.
pub(super) fn unit(run: &mut Run) -> Result<Totals> {
    let (suites, fuzz) = (run.project.root.join("tests"), run.project.root.join("fuzz/targets"));
    let is_suite = |found: &Executable| {
        found.package == fuzz || found.package == suites && suites.join(&found.name).join("main.rs").exists()
    };
    let mut totals = Totals::default();
    for executable in run.harnesses(|found| found.kind == Kind::Test && !is_suite(found))? {
        let harness = Harness::of(&title(&executable), &executable, UNIT_LIMIT);
        totals.add(harness.run(run, &[])?);
    }
    some(run, totals)
}

/// One of the suites in tests/, against the binary under test.
pub(super) fn suite(run: &mut Run, name: &str) -> Result<Totals> {
    let suites = run.project.root.join("tests");
    let binary = OsString::from(run.binary()?);
    let mut totals = Totals::default();
    let wanted =
        |found: &Executable| found.kind == Kind::Test && found.package == suites && found.name == name;
    for executable in run.harnesses(wanted)? {
        let harness = Harness::of(name, &executable, SUITE_LIMIT);
        totals.add(harness.run(run, &[("BULKHEAD_BIN", &binary)])?);
    }
    some(run, totals)
}

/// What fuzzers found worth keeping, once more, without them.
pub(super) fn fuzz(run: &mut Run) -> Result<Totals> {
    let targets = run.project.root.join("fuzz/targets");
    let mut totals = Totals::default();
    for executable in run.harnesses(|found| found.kind == Kind::Test && found.package == targets)? {
        totals.add(Harness::of(&title(&executable), &executable, UNIT_LIMIT).run(run, &[])?);
    }
    some(run, totals)
}

/// A few minutes on a Debian kernel with what this machine lacks: cgroup v2 alone, AppArmor.
pub(super) fn lane(run: &mut Run) -> Result<Totals> {
    let told =
        lane::run(&run.project, run.binary()?, Profile::Dev, lane::Kernel::Generic, lane::Selection::Short)?;
    let named = |cases: Vec<(String, String)>| -> Vec<Case> {
        cases.into_iter().map(|(name, why)| Case::new(format!("lane {name}"), why)).collect()
    };
    Ok(Totals { passed: told.passed.len(), failed: named(told.failed), skipped: named(told.skipped) })
}

/// The examples in the documentation.
pub(super) fn documentation(run: &mut Run) -> Result<Totals> {
    let cargo = run.project.cargo([
        "test",
        "--quiet",
        "--doc",
        "--workspace",
        "--no-fail-fast",
        "--",
        "--format=pretty",
    ]);
    Harness::cargo("doc", cargo, UNIT_LIMIT).run(run, &[])
}

/// A filter that names no test is a mistake and not a success.
fn some(run: &Run, totals: Totals) -> Result<Totals> {
    match &run.options.filter {
        Some(filter) if totals == Totals::default() => {
            Err(Failure::new(format!("no test is named {filter}")))
        }
        _ => Ok(totals),
    }
}

/// The crate, and the target where that has another name: `oci`, `bulkhead cli`.
fn title(executable: &Executable) -> String {
    let package = executable.package.file_name().unwrap_or_default().to_string_lossy();
    if package == executable.name { package.into_owned() } else { format!("{package} {}", executable.name) }
}

const UNIT_LIMIT: Duration = Duration::from_secs(10 * 60);
const SUITE_LIMIT: Duration = Duration::from_secs(20 * 60);
