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
    color: When,
}

impl Global {
    /// The engine on the root that was asked for, or on the usual one. `what` is what it is opened
    /// for, for the headline of an error.
    pub(crate) fn engine(&self, what: &str) -> Result<Engine, Failure> {
        let settings = self.settings(&|name| std::env::var_os(name).map(PathBuf::from))?;
        Engine::open(settings).map_err(|error| Failure::of_engine(what, &error))
    }

    /// Colours for what goes to standard output.
    pub(crate) fn palette(&self) -> Palette {
        Palette::of_stdout(self.color)
    }

    fn settings(&self, variable: &dyn Fn(&str) -> Option<PathBuf>) -> Result<Settings, Failure> {
        let said = |name| variable(name).filter(|value| !value.as_os_str().is_empty());
        // The XDG specification has relative paths ignored.
        let absolute = |name| said(name).filter(|path| path.is_absolute());
        let root = self.root.clone().or_else(|| said("BULKHEAD_ROOT"));
        Ok(Settings {
            root: root.as_deref().map(made_absolute).transpose()?,
            data_home: absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(".local/share"))),
            runtime_dir: absolute("XDG_RUNTIME_DIR"),
        })
    }
}

fn made_absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path)
        .map_err(|error| Failure::stopped(format!("cannot use {} as the root", path.display()), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(root: Option<&str>, variables: &[(&str, &str)]) -> Settings {
        let global = Global { root: root.map(PathBuf::from), color: When::Auto };
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value));
        global.settings(&find).unwrap()
    }

    #[test]
    fn the_flag_wins_over_the_variable() {
        let variables = [("BULKHEAD_ROOT", "/variable")];
        assert_eq!(settings(Some("/flag"), &variables).root, Some("/flag".into()));
        assert_eq!(settings(None, &variables).root, Some("/variable".into()));
        assert_eq!(settings(None, &[("BULKHEAD_ROOT", "")]).root, None);
        let here = std::env::current_dir().unwrap();
        assert_eq!(settings(Some("below"), &[]).root, Some(here.join("below")));
    }

    #[test]
    fn directories_of_an_ordinary_user() {
        let found = settings(None, &[("HOME", "/home/me"), ("XDG_RUNTIME_DIR", "/run/user/7")]);
        assert_eq!(found.data_home, Some("/home/me/.local/share".into()));
        assert_eq!(found.runtime_dir, Some("/run/user/7".into()));
        let found = settings(None, &[("HOME", "/home/me"), ("XDG_DATA_HOME", "/data"), ("XDG_RUNTIME_DIR", "run")]);
        assert_eq!((found.data_home, found.runtime_dir), (Some("/data".into()), None));
    }
}
