// SPDX-License-Identifier: Apache-2.0
//! `bulkhead export`: a container's files as one archive.

use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::failure::Failure;
use crate::global::Global;
use crate::{cp, output};

/// Write all files of a container as a tar archive, without what is mounted in it
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  bulkhead export web | bulkhead import - web:flat")]
pub(crate) struct Flags {
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    container: String,
    /// Write to this file and not to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = format!("cannot export {}", flags.container);
    let engine = global.engine(&what)?;
    let told = |error: engine::Error| Failure::of_engine(&what, &error);
    let export = |sink: &mut dyn Write| {
        let without_acl = engine.export(&flags.container, sink).map_err(told)?;
        output::warn(&cp::without_acl(&without_acl));
        Ok(())
    };
    match &flags.output {
        None => export(&mut stdout(&what)?),
        Some(path) => into_file(path, &what, export),
    }
}

/// Standard output for an archive, which no terminal can show.
pub(crate) fn stdout(what: &str) -> Result<impl Write, Failure> {
    let stdout = std::io::stdout();
    if stdout.is_terminal() {
        let hint = Some("redirect it, or name a file".to_owned());
        return Err(Failure::new(format!("{what}: standard output is a terminal")).hint(hint));
    }
    Ok(BufWriter::with_capacity(BUFFER, stdout.lock()))
}

/// Writes a new file beside `path` and puts it there when it is whole.
fn into_file(
    path: &Path,
    what: &str,
    write: impl FnOnce(&mut dyn Write) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::stopped(format!("{what} to {}", path.display()), error);
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(name);
    let file = File::create_new(&part).map_err(|error| failed(&error))?;
    let mut file = BufWriter::with_capacity(BUFFER, file);
    let written = write(&mut file)
        .and_then(|()| file.flush().map_err(|error| failed(&error)))
        .and_then(|()| std::fs::rename(&part, path).map_err(|error| failed(&error)));
    if written.is_err() {
        match std::fs::remove_file(&part) {
            // The first failure is the one to tell.
            Ok(()) | Err(_) => {}
        }
    }
    written
}

const BUFFER: usize = 128 << 10;
