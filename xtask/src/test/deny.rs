// SPDX-License-Identifier: Apache-2.0
//! cargo-deny, which judges our dependencies by deny.toml.

use std::path::PathBuf;
use std::time::Duration;

use super::tally::Totals;
use crate::command::{Program, program};
use crate::failure::{Failure, Result};
use crate::project::Project;

/// One version of it, installed under target/ and nowhere else.
#[derive(Debug)]
pub(super) struct Tool {
    path: PathBuf,
    project: Project,
}

impl Tool {
    /// Installs it when it is missing. It is built without optimisation, which takes two minutes on
    /// two cores instead of ten, and is fast enough for our few crates.
    pub(super) fn find_or_install(project: &Project) -> Result<Self> {
        let root = project.directory(format!("tools/cargo-deny-{VERSION}"))?;
        let path = root.join("bin/cargo-deny");
        if !path.is_file() {
            println!("building cargo-deny {VERSION}");
            project
                .cargo(["install", "--quiet", "--locked", "--debug", "--no-track", "--root"])
                .arg(&root)
                .arg(format!("cargo-deny@{VERSION}"))
                .env("CARGO_PROFILE_DEV_DEBUG", "0")
                .env("CARGO_INCREMENTAL", "0")
                .within(INSTALL_LIMIT)
                .run_quietly()?;
        }
        Ok(Self { path, project: project.clone() })
    }

    /// One of its checks that need no network.
    pub(super) fn check(&self, name: &str) -> Totals {
        counted(name, self.call(&["--offline", "check"]).args(UNUSED).arg(name).run_quietly())
    }

    /// Known vulnerabilities, when the database of them can be reached.
    pub(super) fn check_advisories(&self) -> Totals {
        let name = "advisories";
        if let Err(failure) = self.call(&["fetch", "db"]).within(FETCH_LIMIT).run_quietly() {
            return Totals::skip(title(name), unreachable(&failure));
        }
        counted(name, self.call(&["check"]).args(UNUSED).arg(name).within(FETCH_LIMIT).run_quietly())
    }

    fn call(&self, words: &[&str]) -> Program {
        let manifest = self.project.root.join("Cargo.toml");
        program(&self.path, ["--color", "never", "--manifest-path"]).arg(manifest).args(words)
    }
}

fn counted(name: &str, result: Result<()>) -> Totals {
    match result {
        Ok(()) => Totals::pass(),
        Err(failure) => {
            println!("{failure}");
            Totals::fail(title(name), "see above")
        }
    }
}

fn title(check: &str) -> String {
    format!("cargo deny {check}")
}

/// The last thing that was said names what stood in the way.
fn unreachable(failure: &Failure) -> String {
    let said = failure.to_string();
    let last = said.lines().last().unwrap_or_default().trim();
    format!("the database cannot be reached ({last})")
}

/// The version that deny.toml is written for.
const VERSION: &str = "0.20.2";

/// An exception that nothing needs any more is an error as well.
const UNUSED: &[&str] = &["--deny=unnecessary-skip", "--deny=unmatched-skip", "--deny=advisory-not-detected"];

const INSTALL_LIMIT: Duration = Duration::from_secs(15 * 60);
const FETCH_LIMIT: Duration = Duration::from_secs(120);
