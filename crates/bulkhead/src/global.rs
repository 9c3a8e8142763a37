// SPDX-License-Identifier: Apache-2.0
//! What every verb takes, and how it comes to an engine.

use std::path::{Path, PathBuf};

use clap::Args;
use engine::{Engine, Settings};

use crate::failure::Failure;
use crate::palette::{Palette, When};

/// Flags that may stand in front of the verb or behind it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Keep images and containers below this directory [env: BULKHEAD_ROOT]
    #[arg(long, global = true, value_name = "DIR", allow_hyphen_values = true)]
    root: Option<PathBuf>,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", hide_default_value = true)]
    pub(crate) color: When,
}

impl Global {
    /// The engine on the root that was asked for, or on the usual one. `what` is what it is opened
    /// for, for the headline of an error.
    pub(crate) fn engine(&self, what: &str) -> Result<Engine, Failure> {
        Engine::open(&self.settings()?).map_err(|error| Failure::of_engine(what, &error))
    }

    /// Where the engine's state is.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let root = match self.given_root(&variable) {
            Some(root) => made_absolute(&root)?,
            None => usual_root(is_superuser(), &variable)?,
        };
        Ok(Settings { root })
    }

    /// Colours for what goes to standard output.
    pub(crate) fn palette(&self) -> Palette {
        Palette::of_stdout(self.color)
    }

    fn given_root(&self, variable: Variable<'_>) -> Option<PathBuf> {
        self.root.clone().or_else(|| said("BULKHEAD_ROOT", variable))
    }
}

/// Looks an environment variable up.
type Variable<'a> = &'a dyn Fn(&str) -> Option<PathBuf>;

/// The system's root for the superuser, otherwise one below the user's own data directory.
fn usual_root(superuser: bool, variable: Variable<'_>) -> Result<PathBuf, Failure> {
    if superuser {
        return Ok(PathBuf::from(SYSTEM_ROOT));
    }
    // The XDG specification has relative paths ignored.
    let absolute = |name| said(name, variable).filter(|path| path.is_absolute());
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share")));
    data.map(|data| data.join("bulkhead")).ok_or_else(|| {
        let hint = "--root DIR or BULKHEAD_ROOT says where".to_owned();
        Failure::new("cannot tell where to keep images and containers: HOME is not set").hint(Some(hint))
    })
}

/// A variable that is set to nothing says nothing.
fn said(name: &str, variable: Variable<'_>) -> Option<PathBuf> {
    variable(name).filter(|value| !value.as_os_str().is_empty())
}

/// Whether the effective user is 0, as proc_pid_status(5) has it in the second column of `Uid`.
fn is_superuser() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uids.and_then(|uids| uids.split_whitespace().nth(1)) == Some("0")
}

fn made_absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::stopped(format!("cannot use {} as the root", path.display()), &error))
}

const SYSTEM_ROOT: &str = "/var/lib/bulkhead";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::tests::told;

    fn among<'a>(variables: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<PathBuf> + 'a {
        |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value))
    }

    #[test]
    fn the_flag_wins_over_the_variable() {
        let given = |root: Option<&str>, variables: &[(&str, &str)]| {
            let global = Global { root: root.map(PathBuf::from), color: When::Auto };
            global.given_root(&among(variables))
        };
        let variables = [("BULKHEAD_ROOT", "/variable")];
        assert_eq!(given(Some("/flag"), &variables), Some("/flag".into()));
        assert_eq!(given(None, &variables), Some("/variable".into()));
        assert_eq!(given(None, &[("BULKHEAD_ROOT", "")]), None);
        let here = std::env::current_dir().unwrap();
        assert_eq!(made_absolute(Path::new("below")).unwrap(), here.join("below"));
    }

    #[test]
    fn the_usual_root() {
        let usual = |superuser, variables: &[(&str, &str)]| {
            usual_root(superuser, &among(variables)).map_err(|failure| told(&failure))
        };
        let home = ("HOME", "/home/me");
        assert_eq!(usual(true, &[home]), Ok("/var/lib/bulkhead".into()));
        assert_eq!(usual(false, &[home]), Ok("/home/me/.local/share/bulkhead".into()));
        assert_eq!(usual(false, &[home, ("XDG_DATA_HOME", "/data")]), Ok("/data/bulkhead".into()));
        assert_eq!(
            usual(false, &[home, ("XDG_DATA_HOME", "data")]),
            Ok("/home/me/.local/share/bulkhead".into())
        );
        let want = "error: cannot tell where to keep images and containers: HOME is not set\nhint: --root DIR or BULKHEAD_ROOT says where\n";
        assert_eq!(usual(false, &[]), Err((want.to_owned(), 1)));
    }
}
