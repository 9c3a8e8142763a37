// SPDX-License-Identifier: Apache-2.0
//! `cargo xtask test`: everything that is claimed, tested, and one line of totals.
//!
//! A step that fails does not hide those after it. What this machine cannot do is counted and named
//! above the last line, which is exactly `N passed, M failed, K skipped`.

mod deny;
mod drill;
mod harness;
mod libtest;
mod lints;
mod listen;
mod options;
mod run;
mod step;
mod suites;
mod tally;

use crate::failure::Result;
use crate::project::Project;

/// Runs what `arguments` choose; says whether nothing failed.
pub(crate) fn test(project: &Project, arguments: &[String]) -> Result<bool> {
    let options = options::Options::parse(arguments)?;
    let mut run = run::Run::start(project, options);
    for step in step::STEPS {
        if run.options.want(step) {
            run.take(step);
        }
    }
    Ok(run.finish())
}

/// The names of all steps, for the test that none is missing.
#[cfg(test)]
pub(crate) fn step_names() -> Vec<&'static str> {
    step::STEPS.iter().map(|step| step.name).collect()
}
