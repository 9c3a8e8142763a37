// SPDX-License-Identifier: Apache-2.0
//! Running one Rust test harness and counting what it says.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::libtest::{Transcript, Verdict, failed_now, listed};
use super::listen::{End, Patience, listen};
use super::run::Run;
use super::tally::{Case, Totals, skips};
use crate::command::{Program, program};
use crate::failure::{Result, While};
use crate::project::Executable;

/// A harness that is to be run.
#[derive(Debug)]
pub(super) struct Harness {
    suite: String,
    program: Program,
    /// The file itself, to be asked for its list; none when cargo runs several.
    file: Option<PathBuf>,
    limit: Duration,
}

/// What it said.
struct Told {
    transcript: Transcript,
    errors: String,
    skips: Vec<Case>,
    /// Why the verdicts are not the whole story.
    trouble: Option<String>,
    /// Tests of which nothing was heard.
    unheard: Vec<String>,
}

impl Harness {
    /// One that cargo built. It runs in the directory of its package, as it would under `cargo test`.
    pub(super) fn of(suite: &str, executable: &Executable, limit: Duration) -> Self {
        let program = program(&executable.path, NO_WORDS)
            .within_directory(&executable.package)
            .env("CARGO_MANIFEST_DIR", &executable.package);
        Self { suite: suite.to_owned(), program, file: Some(executable.path.clone()), limit }
    }

    /// Those that `cargo` runs one after the other.
    pub(super) fn cargo(suite: &str, cargo: Program, limit: Duration) -> Self {
        Self { suite: suite.to_owned(), program: cargo, file: None, limit }
    }

    /// Runs the tests that the run's filter names, with more variables in their environment, and shows
    /// each that failed.
    pub(super) fn run(self, run: &Run, environment: &[(&str, &OsStr)]) -> Result<Totals> {
        let skips_file = run.scratch("skips")?.join("told");
        let filter = run.options.filter.as_slice();
        let mut program = self
            .program
            .args(filter)
            .env("BULKHEAD_SKIPS", &skips_file)
            .env("RUST_TEST_THREADS", threads())
            .env("RUST_BACKTRACE", "0")
            .env("INSTA_UPDATE", "no")
            .env("INSTA_WORKSPACE_ROOT", &run.project.root);
        for (name, value) in environment {
            program = program.env(name, value);
        }
        let mut transcript = Transcript::default();
        let patience = Patience { limit: self.limit.min(run.remaining()), grace: GRACE };
        let (end, errors) = listen(program, patience, &mut |line| {
            transcript.read(line);
            if let Some(name) = failed_now(line) {
                println!("         FAILED {} {name}", self.suite);
            }
        })?;
        let trouble = trouble(&transcript, &end);
        let unheard = match (&trouble, &self.file) {
            (Some(_), Some(file)) => unheard(file, filter, &transcript)?,
            _ => Vec::new(),
        };
        let skips = if skips_file.exists() { skips(&read(&skips_file)?) } else { Vec::new() };
        Ok(Told { transcript, errors, skips, trouble, unheard }.count(&self.suite))
    }
}

/// Why it is not enough to look at the verdicts, when it is not.
fn trouble(transcript: &Transcript, end: &End) -> Option<String> {
    let failed = transcript.verdicts.iter().any(|(_, verdict)| *verdict == Verdict::Failed);
    match end {
        End::Held => Some("it ended, and a process that it started still holds its output".to_owned()),
        End::TooLong(limit) => Some(format!("killed after {} s", limit.as_secs())),
        End::Status(status) if transcript.summaries.is_empty() => Some(format!("it broke off: {status}")),
        End::Status(_) if !transcript.adds_up() => Some("what it said is not what it counted".to_owned()),
        End::Status(status) if status.success() || failed => None,
        End::Status(status) => Some(format!("{status}, though no test failed")),
    }
}

/// Tests that the harness has and of which nothing was heard.
fn unheard(file: &Path, filter: &[String], transcript: &Transcript) -> Result<Vec<String>> {
    let list = program(file, ["--list", "--format=terse"]).args(filter).text()?;
    let heard = |name: &String| transcript.verdicts.iter().any(|(heard, _)| heard == name);
    Ok(listed(&list).into_iter().filter(|name| !heard(name)).collect())
}

impl Told {
    /// Counts, and shows what failed.
    fn count(&self, suite: &str) -> Totals {
        let mut totals = Totals::default();
        for (name, verdict) in &self.transcript.verdicts {
            totals.add(self.judge(suite, name, verdict));
        }
        let known = |skip: &Case| self.transcript.verdicts.iter().any(|(name, _)| *name == skip.name);
        for skip in self.skips.iter().filter(|skip| !known(skip)) {
            let why = format!("no such test, and yet it was skipped: {}", skip.why);
            totals.add(Totals::fail(format!("{suite} {}", skip.name), why));
        }
        if let Some(trouble) = &self.trouble {
            println!("---- {suite}: {trouble}\n{}", self.errors.trim());
            totals.add(Totals::fail(suite, trouble));
        }
        for name in &self.unheard {
            totals.add(Totals::fail(format!("{suite} {name}"), "nothing was heard of it"));
        }
        totals
    }

    fn judge(&self, suite: &str, name: &str, verdict: &Verdict) -> Totals {
        let title = format!("{suite} {name}");
        match (verdict, self.skips.iter().find(|skip| skip.name == name)) {
            (Verdict::Passed, None) => Totals::pass(),
            (Verdict::Passed, Some(skip)) => Totals::skip(title, &skip.why),
            (Verdict::Ignored(why), _) => Totals::skip(title, format!("ignored {why}")),
            (Verdict::Failed, _) => {
                let output = self.transcript.output(name);
                println!("---- {title}\n{output}");
                Totals::fail(title, headline(output))
            }
        }
    }
}

/// What a panic said: the line after `thread ... panicked at`.
fn headline(output: &str) -> &str {
    let mut lines = output.lines();
    let said = lines.find(|line| line.contains(" panicked at ")).and_then(|_| lines.next());
    said.or_else(|| output.lines().next()).unwrap_or("it said nothing")
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).cannot(|| format!("read {}", path.display()))
}

/// At least two: a single one would run on the main thread, whose name is not the test's, so that a
/// skip could not be told apart.
fn threads() -> String {
    std::thread::available_parallelism().map_or(2, usize::from).max(2).to_string()
}

const NO_WORDS: [&str; 0] = [];

/// How long its output may stay open after its end.
const GRACE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    fn told(text: &str, skips: &[(&str, &str)], end: &End) -> Totals {
        let mut transcript = Transcript::default();
        text.lines().for_each(|line| transcript.read(line));
        let trouble = trouble(&transcript, end);
        let skips = skips.iter().map(|(name, why)| Case::new(*name, *why)).collect();
        Told { transcript, errors: String::new(), skips, trouble, unheard: Vec::new() }.count("e2e")
    }

    fn exit(code: i32) -> End {
        End::Status(ExitStatus::from_raw(code << 8))
    }

    #[test]
    fn a_skipped_test_is_not_a_passed_one() {
        let text = "test a ... ok\ntest b ... ok\ntest result: ok. 2 passed; 0 failed; 0 ignored;";
        let totals = told(text, &[("b", "no AppArmor")], &exit(0));
        assert_eq!(totals.to_string(), "1 passed, 0 failed, 1 skipped");
        assert_eq!(totals.skipped, [Case::new("e2e b", "no AppArmor")]);
    }

    #[test]
    fn a_test_that_failed_after_it_skipped_has_failed() {
        let text = "test b ... FAILED\ntest result: FAILED. 0 passed; 1 failed; 0 ignored;";
        assert_eq!(
            told(text, &[("b", "no AppArmor")], &exit(101)).to_string(),
            "0 passed, 1 failed, 0 skipped"
        );
    }

    #[test]
    fn a_skip_that_belongs_to_no_test_is_a_failure() {
        let text = "test a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored;";
        assert_eq!(told(text, &[("main", "?")], &exit(0)).to_string(), "1 passed, 1 failed, 0 skipped");
    }

    #[test]
    fn a_harness_that_broke_off_has_failed() {
        let killed = End::Status(ExitStatus::from_raw(6));
        assert_eq!(told("test a ... ok", &[], &killed).to_string(), "1 passed, 1 failed, 0 skipped");
        let all = "test a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored;";
        for end in [exit(1), End::Held, End::TooLong(GRACE)] {
            assert_eq!(told(all, &[], &end).failed.len(), 1, "{end:?}");
        }
    }

    #[test]
    fn the_headline_is_what_the_panic_said() {
        let output = "setting up\nthread 'x' (7) panicked at a.rs:1:2:\nleft is not right\nnote: ...";
        assert_eq!(headline(output), "left is not right");
        assert_eq!(headline("Error: no"), "Error: no");
        assert_eq!(headline(""), "it said nothing");
    }
}
