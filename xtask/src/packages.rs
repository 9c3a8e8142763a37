// SPDX-License-Identifier: Apache-2.0
//! Debian packages that the tests need: named in one file, installed when missing.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::command::{is_installed, program};
use crate::failure::{Failure, Result, While};
use crate::project::Project;

/// Installs what tests/packages.txt names and this machine lacks. Needs root and a Debian (or a
/// descendant of it) only when something is missing.
pub(crate) fn install(project: &Project) -> Result<()> {
    let wanted = read_list(&project.root.join("tests/packages.txt"))?;
    if !is_installed("apt-get") {
        return Err(Failure::new(format!(
            "this is not a Debian; install what matches: {}",
            wanted.join(" ")
        )));
    }
    let missing = missing(&wanted)?;
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    program("apt-get", ["update", "--quiet"]).run_quietly()?;
    let _no_services = NoServices::promise()?;
    program(
        "apt-get",
        [
            "install",
            "--quiet",
            "--yes",
            "--no-install-recommends",
            "--option=Dpkg::Options::=--force-confold",
        ],
    )
    .args(&missing)
    .env("DEBIAN_FRONTEND", "noninteractive")
    .run_quietly()
}

/// The packages of a list: one name a line, `#` starts a comment.
pub(crate) fn read_list(path: &Path) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).cannot(|| format!("read {}", path.display()))?;
    let names = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    Ok(names.filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

/// Installed versions, for a report: `runc 1.1.5, crun 1.8.1`.
pub(crate) fn versions(names: &[&str]) -> Result<String> {
    let list =
        program("dpkg-query", ["--show", "--showformat=${Package} ${Version}, "]).args(names).text()?;
    Ok(list.trim_end_matches(',').to_owned())
}

fn missing(wanted: &[String]) -> Result<Vec<String>> {
    // dpkg-query ends with status 1 when it does not know one of the names, so its status says nothing.
    let known = program("dpkg-query", ["--show", "--showformat=${Package} ${db:Status-Status}\\n"])
        .args(wanted)
        .output()?;
    let known = String::from_utf8_lossy(&known.stdout).into_owned();
    let installed: BTreeSet<&str> =
        known.lines().filter_map(|line| line.strip_suffix(" installed")).collect();
    Ok(wanted.iter().filter(|name| !installed.contains(name.as_str())).cloned().collect())
}

/// While this lives, installing a package starts no service (invoke-rc.d(8) asks this file).
#[derive(Debug)]
struct NoServices {
    ours: bool,
}

impl NoServices {
    fn promise() -> Result<Self> {
        let path = Path::new(POLICY);
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o755).open(path) {
            Ok(mut file) => {
                file.write_all(REFUSE_ALL.as_bytes()).cannot(|| format!("write {POLICY}"))?;
                Ok(Self { ours: true })
            }
            // One that somebody else put there decides; one of ours was left by a run that was killed.
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                let ours = std::fs::read_to_string(path).is_ok_and(|text| text == REFUSE_ALL);
                Ok(Self { ours })
            }
            Err(error) => Err(error).cannot(|| format!("write {POLICY}")),
        }
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = std::fs::remove_file(POLICY)
        {
            eprintln!("cannot remove {POLICY}: {error}");
        }
    }
}

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Status 101: the action is forbidden.
const REFUSE_ALL: &str =
    "#!/bin/sh\n# Put here while bulkhead's tests install packages; removed afterwards.\nexit 101\n";
