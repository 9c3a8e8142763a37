// SPDX-License-Identifier: Apache-2.0
//! What reads the source and does not run it.

use super::deny;
use super::run::Run;
use super::tally::Totals;
use crate::failure::Result;

pub(super) fn format(run: &mut Run) -> Result<Totals> {
    // The fuzzers are a workspace of their own.
    for manifest in ["Cargo.toml", "fuzz/Cargo.toml"] {
        let format = run.project.cargo(["fmt", "--all", "--check", "--manifest-path", manifest]);
        format.args(&["--", "--color=never"]).run_quietly()?;
    }
    Ok(Totals::pass())
}

/// Every target of every crate, and no warning.
pub(super) fn clippy(run: &mut Run) -> Result<Totals> {
    let clippy =
        run.project.cargo(["clippy", "--quiet", "--workspace", "--all-targets", "--locked", "--keep-going"]);
    clippy.args(&["--", "--deny=warnings"]).run_quietly()?;
    Ok(Totals::pass())
}

/// Links in the documentation lead somewhere.
pub(super) fn documentation(run: &mut Run) -> Result<Totals> {
    let doc = run.project.cargo(["doc", "--quiet", "--workspace", "--no-deps", "--document-private-items"]);
    doc.env("RUSTDOCFLAGS", "--deny=warnings").run_quietly()?;
    Ok(Totals::pass())
}

/// Licences, duplicates, sources, advisories: one test each.
pub(super) fn deny(run: &mut Run) -> Result<Totals> {
    // The checks also look at crates for other systems, which no build here has fetched.
    run.project.cargo(["fetch", "--locked"]).run_quietly()?;
    let tool = deny::Tool::find_or_install(&run.project)?;
    let mut totals = Totals::default();
    for check in ["licenses", "bans", "sources"] {
        totals.add(tool.check(check));
    }
    totals.add(tool.check_advisories());
    Ok(totals)
}
