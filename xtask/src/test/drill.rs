// SPDX-License-Identifier: Apache-2.0
//! The first command of the README, and what it must reach.

use std::time::Duration;

use serde_json::Value;

use super::run::Run;
use super::tally::Totals;
use crate::command::program;
use crate::failure::{Failure, Result, While};

/// The README says it, and `drill` reaches its figures: with the default walls, and with the root
/// closed and an ordinary user.
pub(super) fn first_command(run: &mut Run) -> Result<Totals> {
    let mut totals = Totals::default();
    for (name, result) in [
        ("README", is_told(run)),
        ("default", reaches(run, &[], &DEFAULT)),
        ("hardened", reaches(run, &["--read-only", "--user", "65534"], &HARDENED)),
    ] {
        totals.add(match result {
            Ok(()) => Totals::pass(),
            Err(failure) => Totals::fail(format!("drill {name}"), failure.to_string()),
        });
    }
    Ok(totals)
}

fn is_told(run: &Run) -> Result<()> {
    let readme = std::fs::read_to_string(run.project.root.join("README.md")).cannot(|| "read README.md")?;
    let block = readme.split("```").nth(1).unwrap_or_default();
    let first = block.lines().nth(1).unwrap_or_default();
    if first.starts_with(COMMAND) {
        return Ok(());
    }
    Err(Failure::new(format!("the first command of README.md is `{first}` and not `{COMMAND}`")))
}

fn reaches(run: &Run, flags: &[&str], least: &Least) -> Result<()> {
    let root = run.scratch("drill")?;
    let report = program(run.binary()?, ["drill", "--quiet", "--format", "json"])
        .args(flags)
        .env("BULKHEAD_ROOT", &root)
        .within(LIMIT)
        .text()?;
    crate::images::remove(&root)?;
    let report: Value = serde_json::from_str(&report).cannot(|| "read the report")?;
    least.of(&report)
}

/// Figures that a report must have.
struct Least {
    attempts: u64,
    all: u64,
}

impl Least {
    /// Looks also at how many probes there are: leaving some out does not stop them.
    fn of(&self, report: &Value) -> Result<()> {
        let figure = |group: &str, what: &str| {
            report["summary"][group][what]
                .as_u64()
                .cannot(|| format!("find summary.{group}.{what} in the report"))
        };
        for (group, least, total) in [("attempts", self.attempts, ATTEMPTS), ("all", self.all, ALL)] {
            let (stopped, made) = (figure(group, "stopped")?, figure(group, "total")?);
            if stopped < least || made < total {
                return Err(Failure::new(format!(
                    "{group}: {stopped} of {made} stopped; {least} of at least {total} are due"
                )));
            }
        }
        Ok(())
    }
}

const COMMAND: &str = "cargo run --release -- drill";

/// What there is to stop.
const ATTEMPTS: u64 = 85;
const ALL: u64 = 156;

const DEFAULT: Least = Least { attempts: 84, all: 140 };
const HARDENED: Least = Least { attempts: 84, all: 148 };

const LIMIT: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(stopped: u64, total: u64, all: u64) -> Value {
        json!({ "summary": { "attempts": { "stopped": stopped, "total": total }, "all": { "stopped": all, "total": 156 } } })
    }

    #[test]
    fn figures_are_held_to() {
        assert!(DEFAULT.of(&report(84, 85, 140)).is_ok());
        assert!(DEFAULT.of(&report(83, 85, 140)).is_err());
        assert!(DEFAULT.of(&report(84, 84, 140)).is_err(), "a probe that was left out");
        assert!(DEFAULT.of(&report(84, 85, 139)).is_err());
        assert!(DEFAULT.of(&json!({})).is_err());
    }
}
