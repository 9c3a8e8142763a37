// SPDX-License-Identifier: Apache-2.0
//! The first process.

use std::path::PathBuf;

use clap::Args;
use engine::request::{Init, ProcessRequest, Ulimit};

use super::{Surroundings, complaint, said};
use crate::failure::Failure;
use crate::flags::{env, numbers, signals, ulimits};

/// What runs inside, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Process")]
#[group(skip)]
pub(super) struct Flags {
    /// Run this instead of the image's entry point; empty for none
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,
    /// Set a variable, or pass ours on; may be given more than once
    #[arg(short, long, value_name = "NAME[=VALUE]", value_parser = env::parse)]
    env: Vec<(String, Option<String>)>,
    /// Read variables from a file, one on each line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// The directory to start in
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// The user, and the group, by name or number
    #[arg(short, long, value_name = "USER[:GROUP]")]
    user: Option<String>,
    /// A further group, by name or number; may be given more than once
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,
    /// Start the program below an init that reaps and passes signals on
    #[arg(long)]
    init: bool,
    /// The signal that asks the program to end
    #[arg(long, value_name = "SIGNAL", value_parser = signals::parse)]
    stop_signal: Option<i32>,
    /// Seconds from that signal until the program is killed; -1 to wait for ever
    #[arg(long, value_name = "SECONDS", value_parser = numbers::whole)]
    stop_timeout: Option<i64>,
    /// A limit of getrlimit(2); may be given more than once
    #[arg(long, value_name = "NAME=SOFT[:HARD]", value_parser = ulimits::parse)]
    ulimit: Vec<Ulimit>,
    /// The host name inside
    #[arg(short = 'h', long, value_name = "NAME")]
    hostname: Option<String>,
    /// The NIS domain name inside
    #[arg(long, value_name = "NAME")]
    domainname: Option<String>,
}

impl Flags {
    pub(super) fn request(self, around: &Surroundings<'_>) -> Result<ProcessRequest, Failure> {
        // Those of files first, whatever the order of the flags, so that -e wins: as Docker does.
        let mut env =
            env::of_files(&self.env_file, around.variable).map_err(|what| complaint("--env-file", &what))?;
        env.extend(env::of_flags(self.env, around.variable).map_err(|what| complaint("--env", &what))?);
        Ok(ProcessRequest {
            entrypoint: self.entrypoint,
            env,
            workdir: said(self.workdir),
            user: said(self.user),
            groups: self.group_add,
            init: if self.init { Init::Ours } else { Init::None },
            stop_signal: self.stop_signal,
            stop_timeout: self.stop_timeout,
            ulimits: ulimits::last_of_each(self.ulimit),
            hostname: said(self.hostname),
            domainname: said(self.domainname),
        })
    }
}
