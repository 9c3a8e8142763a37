// SPDX-License-Identifier: Apache-2.0
//! The binary: flags in, sentences out.
//!
//! Each verb is a file of its name. A verb reads its flags, makes one call to `engine` and writes
//! down what came back; it decides nothing. This is the only crate that prints, reads the
//! environment or ends the process.
#![forbid(unsafe_code)]

mod access;
mod attach;
mod cli;
mod commit;
mod completions;
mod container;
mod copy;
mod cp;
mod create;
mod diff;
mod documents;
mod drill;
mod entry;
mod exec;
mod export;
mod failure;
mod flags;
mod global;
mod groups;
mod history;
mod human;
mod image;
mod images;
mod import;
mod inspect;
mod kill;
mod listing;
mod load;
mod login;
mod logout;
mod logs;
mod man;
mod manifest;
mod output;
mod palette;
mod progress;
mod ps;
mod pull;
mod push;
mod registry;
mod rm;
mod rmi;
mod run;
mod save;
mod start;
mod stop;
mod system;
mod table;
mod tag;
mod usage;
mod volume;
mod wait;
mod walls;

use std::ffi::OsString;
use std::process::ExitCode;

use failure::Failure;
use palette::{Palette, When};

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    match entry::called(&args) {
        Some(entry) => end(entry.enter(), When::Never),
        None => match cli::parse(&args) {
            Ok(asked) => {
                let color = asked.color();
                end(asked.answer(), color)
            }
            Err(failure) => end(Err(failure), palette::asked_for(&args)),
        },
    }
}

fn end(outcome: Result<ExitCode, Failure>, color: When) -> ExitCode {
    outcome.unwrap_or_else(|failure| failure.tell(&Palette::of_stderr(color)))
}
