// SPDX-License-Identifier: Apache-2.0
//! The container itself: its name, its streams, what becomes of it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use engine::request::{Afterwards, RunRequest, Stdin, Terminal};

use super::{Surroundings, complaint, said};
use crate::failure::Failure;
use crate::flags::{Complaint, labels, list_file};

/// What the container is called and connected to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Container")]
#[group(skip)]
pub(super) struct Flags {
    /// A name for the container; one is made up otherwise
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Remove the container when its program ends
    #[arg(long)]
    rm: bool,
    /// Pass standard input on
    #[arg(short, long)]
    interactive: bool,
    /// Give the program a terminal
    #[arg(short, long)]
    tty: bool,
    /// Write the container's id to a file that does not exist yet
    #[arg(long, value_name = "FILE")]
    cidfile: Option<OsString>,
    /// A label; may be given more than once
    #[arg(short, long, value_name = "NAME[=VALUE]", value_parser = labels::parse)]
    label: Vec<(String, String)>,
    /// Read labels from a file, one on each line
    #[arg(long, value_name = "FILE")]
    label_file: Vec<PathBuf>,
}

impl Flags {
    pub(super) fn fill(self, request: &mut RunRequest, around: &Surroundings<'_>) -> Result<(), Failure> {
        request.name = said(self.name);
        request.afterwards = if self.rm { Afterwards::Remove } else { Afterwards::Keep };
        request.stdin = if self.interactive { Stdin::Open } else { Stdin::Closed };
        request.terminal = if self.tty { Terminal::Allocate } else { Terminal::None };
        let cidfile = self.cidfile.filter(|path| !path.is_empty());
        request.cidfile = cidfile.map(|path| around.here.join(path));
        request.labels =
            gather(&self.label_file, self.label).map_err(|what| complaint("--label-file", &what))?;
        Ok(())
    }
}

/// Of labels with the same name the last one counts.
fn last_of_each(labels: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut kept: Vec<(String, String)> = Vec::with_capacity(labels.len());
    for (name, value) in labels {
        match kept.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => kept.push((name, value)),
        }
    }
    kept
}

/// Labels of files first, so that one on the command line wins.
fn gather(files: &[PathBuf], given: Vec<(String, String)>) -> Result<Vec<(String, String)>, Complaint> {
    let mut gathered = Vec::new();
    for file in files {
        let entries = list_file::read(file)?;
        // A bare name is a label without a value, as it is behind --label.
        gathered.extend(entries.into_iter().map(|(name, value)| (name, value.unwrap_or_default())));
    }
    gathered.extend(given);
    Ok(last_of_each(gathered))
}
