// SPDX-License-Identifier: Apache-2.0
//! The default AppArmor profile, `policies/apparmor.profile`: loaded once after each boot, by the first
//! container of the host's root; found there by everybody else.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::standing::Standing;

/// Whether there is a profile for a container that asks for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Default {
    /// This kernel does not run AppArmor.
    NotHere,
    /// Its name.
    Loaded(String),
    /// AppArmor runs, and the profile could not be had, for this reason.
    Lacking(String),
}

impl Default {
    /// Loads the profile when it is not there and this process may.
    pub(crate) fn find(standing: &Standing) -> Self {
        if !is_here() {
            return Self::NotHere;
        }
        let name = name();
        let had = match standing {
            Standing::Root if is_loaded(&name) => Ok(()),
            Standing::Root => load(&name),
            Standing::Rootless { .. } => try_out(&name),
        };
        match had {
            Ok(()) => Self::Loaded(name),
            Err(reason) => Self::Lacking(format!("the AppArmor profile {name} cannot be had: {reason}")),
        }
    }

    /// The name of the profile to enter.
    pub(crate) fn profile(&self) -> Option<&str> {
        match self {
            Self::Loaded(name) => Some(name),
            Self::NotHere | Self::Lacking(_) => None,
        }
    }

    /// Why there is none, where there should be one.
    pub(crate) fn lacking(&self) -> Option<&str> {
        match self {
            Self::Lacking(reason) => Some(reason),
            Self::NotHere | Self::Loaded(_) => None,
        }
    }
}

/// Whether this kernel runs AppArmor.
pub(crate) fn is_here() -> bool {
    Path::new(ENTER_AT_EXEC).exists()
}

/// The text is in the name, so that another version's profile is another profile.
fn name() -> String {
    let digest = oci::Digest::sha256_of(TEXT.as_bytes());
    format!("bulkhead-default.{}", &digest.hex()[..8])
}

/// An ordinary user may not read the list of profiles, but may ask for one: the kernel says at once
/// whether there is such a profile. A process to be thrown away asks, because there is no taking it back.
fn try_out(name: &str) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("looking for it failed: {error}");
    let asker = match kernel::fork::fork().map_err(|error| failed(&error))? {
        None => {
            let asked = std::fs::write(ENTER_AT_EXEC, format!("exec {name}"));
            kernel::process::exit_now(i32::from(asked.is_err()));
        }
        Some(asker) => kernel::rustix::process::Pid::from_raw(asker),
    };
    let ended = kernel::rustix::process::waitpid(asker, kernel::rustix::process::WaitOptions::empty());
    match ended.map_err(|error| failed(&error))?.and_then(|(_, status)| status.exit_status()) {
        Some(0) => Ok(()),
        _ => Err("it is not loaded; the first container of root loads it".into()),
    }
}

fn is_loaded(name: &str) -> bool {
    let list = std::fs::read_to_string(LIST).unwrap_or_default();
    list.lines().any(|line| line.strip_suffix(" (enforce)") == Some(name))
}

fn load(name: &str) -> Result<(), String> {
    let parser = PARSERS.iter().find(|path| Path::new(path).exists());
    let parser = parser.ok_or("the program apparmor_parser (Debian package apparmor) is missing")?;
    let mut command = Command::new(parser);
    command.args(["--replace", "--skip-cache", "--quiet"]).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let failed = |error: std::io::Error| format!("{parser}: {error}");
    let mut child = command.spawn().map_err(failed)?;
    // It reads all of it before it says anything.
    let written = match child.stdin.take() {
        Some(mut input) => input.write_all(TEXT.replace("NAME", name).as_bytes()),
        None => Ok(()),
    };
    let output = child.wait_with_output().map_err(failed)?;
    match (output.status.success(), written) {
        (true, written) => written.map_err(failed),
        (false, _) => Err(format!("{parser}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

const TEXT: &str = include_str!("../../../policies/apparmor.profile");
const ENTER_AT_EXEC: &str = "/proc/self/attr/apparmor/exec";
/// One line for each profile, `name (mode)`.
const LIST: &str = "/sys/kernel/security/apparmor/profiles";
const PARSERS: [&str; 3] = ["/usr/sbin/apparmor_parser", "/sbin/apparmor_parser", "/usr/bin/apparmor_parser"];
/// AppArmor's word for no profile.
pub(crate) const UNCONFINED: &str = "unconfined";
