// SPDX-License-Identifier: Apache-2.0
//! One run of the tests: what was chosen, what is built, what is counted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::options::Options;
use super::step::Step;
use super::tally::Totals;
use crate::failure::{Failure, Result, While};
use crate::leftovers::Snapshot;
use crate::project::{Executable, Project, executables};
use crate::{images, packages};

/// The state that steps hand on.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) project: Project,
    pub(super) options: Options,
    started: Instant,
    before: Snapshot,
    binary: Option<PathBuf>,
    harnesses: Vec<Executable>,
    totals: Totals,
}

impl Run {
    pub(super) fn start(project: &Project, options: Options) -> Self {
        Self {
            project: project.clone(),
            options,
            started: Instant::now(),
            before: Snapshot::take(&project.target),
            binary: None,
            harnesses: Vec::new(),
            totals: Totals::default(),
        }
    }

    /// Takes one step. One that cannot be taken counts as a failed test; those after it are taken
    /// all the same.
    pub(super) fn take(&mut self, step: &Step) {
        println!("{:>5} s  {}", self.elapsed(), step.name);
        let started = Instant::now();
        let result = if self.remaining().is_zero() { Err(out_of_time()) } else { (step.run)(self) };
        let totals = result.unwrap_or_else(|failure| {
            println!("{failure}");
            Totals::fail(step.name, first_line(&failure.to_string()))
        });
        println!("{:>5} s  {}: {totals}, in {}", self.elapsed(), step.name, seconds(started.elapsed()));
        self.totals.add(totals);
    }

    /// Names what failed and what was skipped, then counts. Says whether nothing failed.
    pub(super) fn finish(self) -> bool {
        for case in &self.totals.failed {
            println!("failed: {case}");
        }
        for case in &self.totals.skipped {
            println!("skipped: {case}");
        }
        println!("{}", self.totals);
        self.totals.failed.is_empty()
    }

    /// What is left of the time for all steps.
    pub(super) fn remaining(&self) -> Duration {
        ALL_STEPS.saturating_sub(self.started.elapsed())
    }

    fn elapsed(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    /// The binary under test.
    pub(super) fn binary(&self) -> Result<&Path> {
        self.binary.as_deref().ok_or_else(|| Failure::new("not run: the binary was not built"))
    }

    /// The test harnesses that were built and for which `wanted` holds; none is a failure.
    pub(super) fn harnesses(&self, wanted: impl Fn(&Executable) -> bool) -> Result<Vec<Executable>> {
        let found: Vec<_> = self.harnesses.iter().filter(|harness| wanted(harness)).cloned().collect();
        if found.is_empty() { Err(Failure::new("not run: no such test was built")) } else { Ok(found) }
    }

    pub(super) fn packages(&mut self) -> Result<Totals> {
        packages::install(&self.project)?;
        Ok(Totals::pass())
    }

    pub(super) fn build_binary(&mut self) -> Result<Totals> {
        self.binary = Some(self.project.build("bulkhead", "bulkhead", self.options.profile())?);
        Ok(Totals::pass())
    }

    /// Builds what runs the tests. One crate that does not compile does not keep the others from
    /// being tested.
    pub(super) fn build_harnesses(&mut self) -> Result<Totals> {
        let built = self
            .project
            .cargo(["build", "--quiet", "--workspace", "--tests", "--keep-going"])
            .arg("--message-format=json-render-diagnostics")
            .output()?;
        self.harnesses = executables(&String::from_utf8_lossy(&built.stdout)).collect();
        if built.status.success() {
            return Ok(Totals::pass());
        }
        Err(Failure::new(format!(
            "not every test was built\n{}",
            String::from_utf8_lossy(&built.stderr).trim()
        )))
    }

    pub(super) fn make_images(&mut self) -> Result<Totals> {
        images::make(&self.project, images::Extent::All)?;
        Ok(Totals::pass())
    }

    /// Whatever the steps before this one left on the machine is a failure.
    pub(super) fn leftovers(&mut self) -> Result<Totals> {
        let left = Snapshot::lasting(&self.project.target).since(&self.before);
        if left.is_empty() {
            return Ok(Totals::pass());
        }
        Err(Failure::new(format!("left behind: {}\n  {}", left.len(), left.join("\n  "))))
    }

    /// A directory for one step's files, emptied.
    pub(super) fn scratch(&self, name: &str) -> Result<PathBuf> {
        let path = self.project.directory("test-run")?.join(name);
        images::remove(&path)?;
        std::fs::create_dir(&path).cannot(|| format!("make {}", path.display()))?;
        Ok(path)
    }
}

fn out_of_time() -> Failure {
    Failure::new(format!("not run: the {} minutes for all steps are over", ALL_STEPS.as_secs() / 60))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

/// CI gives an hour, and a run that is cut off says nothing.
const ALL_STEPS: Duration = Duration::from_secs(55 * 60);
