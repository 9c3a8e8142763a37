// SPDX-License-Identifier: Apache-2.0
//! From a container's spec and an `exec` request to the process beside its first one.

use kernel::caps::Caps;
use runtime::spec::{Init, Process, Spec, Stdio};

use super::{c_strings, clean_workdir};
use crate::error::{Error, Result};
use crate::request::{ExecRequest, Stdin, Terminal};

/// Environment variables, each once, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Variables(Vec<(String, String)>);

impl Variables {
    /// Sets one; without a value it goes.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>) {
        self.0.retain(|(known, _)| known != name || value.is_some());
        match (self.0.iter_mut().find(|(known, _)| known == name), value) {
            (Some((_, old)), Some(value)) => *old = value.to_owned(),
            (None, Some(value)) => self.0.push((name.to_owned(), value.to_owned())),
            (_, None) => {}
        }
    }

    /// `NAME=value`.
    pub(super) fn lines(self) -> Vec<String> {
        self.0.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// What runs beside the first process of `spec`: as that one, but for what was asked.
pub(crate) fn beside(spec: &Spec, request: &ExecRequest) -> Result<Process> {
    if request.command.first().is_none_or(String::is_empty) {
        return Err(Error::Invalid { what: "exec".into(), reason: "no command was given".into() });
    }
    let first = &spec.process;
    let mut variables = Variables::default();
    for entry in &first.env {
        let entry = entry.to_string_lossy();
        let (name, value) = entry.split_once('=').unwrap_or((&entry, ""));
        variables.set(name, Some(value));
    }
    if request.terminal == Terminal::Allocate {
        variables.set("TERM", Some("xterm"));
    }
    for (name, value) in &request.env {
        variables.set(name, value.as_deref());
    }
    let (rows, columns) = request.window;
    Ok(Process {
        args: c_strings(request.command.clone())?,
        env: c_strings(variables.lines())?,
        workdir: match &request.workdir {
            Some(path) => clean_workdir(path)?,
            None => first.workdir.clone(),
        },
        user: request.user.clone().unwrap_or_else(|| first.user.clone()),
        groups: first.groups.clone(),
        stdio: match (request.terminal, request.stdin) {
            (Terminal::Allocate, _) => Stdio::Terminal { rows, columns },
            (Terminal::None, Stdin::Open) => Stdio::Inherit,
            (Terminal::None, Stdin::Closed) => Stdio::NoInput,
        },
        rlimits: first.rlimits.clone(),
        oom_score_adj: first.oom_score_adj,
        init: Init::Program,
    })
}

/// The most that it may keep.
pub(crate) fn capabilities_beside(spec: &Spec, request: &ExecRequest) -> Caps {
    match &request.privileged {
        Some(_) => Caps::all(),
        None => spec.capabilities,
    }
}
