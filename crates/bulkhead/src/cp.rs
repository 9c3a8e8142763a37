// SPDX-License-Identifier: Apache-2.0
//! `bulkhead cp`: files into a container and out of it.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use engine::Engine;
use engine::files::{CopyRequest, Direction, Owners, SourceLinks};

use crate::export::stdout;
use crate::failure::Failure;
use crate::global::Global;
use crate::{human, load, output};

/// Copy files between a container and the host
///
/// A path that ends in /. means what is in the directory. Copies belong to root in a container and to you
/// outside of it, where they have no set-user-id bits, unless -a keeps owners and modes. Devices are left out.
#[derive(Debug, Args)]
#[command(
    override_usage = "bulkhead cp [OPTIONS] CONTAINER:SOURCE DESTINATION|-\n       bulkhead cp [OPTIONS] SOURCE|- CONTAINER:DESTINATION",
    after_help = "Examples:\n  bulkhead cp web:/etc/nginx/nginx.conf .\n  bulkhead cp page.html web:/srv/\n  bulkhead cp web:/etc - | tar t"
)]
pub(crate) struct Flags {
    /// What to copy; - reads a tar archive from standard input
    #[arg(value_name = "SOURCE|-", allow_hyphen_values = true)]
    source: String,
    /// Where to; - writes a tar archive to standard output
    #[arg(value_name = "DESTINATION|-", allow_hyphen_values = true)]
    destination: String,
    /// Keep owners, by number, and modes
    #[arg(short, long)]
    archive: bool,
    /// Copy what a link leads to, when SOURCE is one
    #[arg(short = 'L', long = "follow-link")]
    follow_link: bool,
    /// Say nothing of what was copied
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn call(flags: &Flags, global: &Global) -> Result<(), Failure> {
    let what = format!("cannot copy {} to {}", flags.source, flags.destination);
    let (container, inside, direction) = match (end(&flags.source), end(&flags.destination)) {
        (End::Container(name, path), End::Host("-")) => (name, path, Direction::Pack(&mut stdout(&what)?)),
        (End::Container(name, path), End::Host(host)) => (name, path, Direction::Out(&absolute(host)?)),
        (End::Host("-"), End::Container(name, path)) => {
            (name, path, Direction::Unpack(&mut load::piped("cp - reads a tar file from standard input")?))
        }
        (End::Host(host), End::Container(name, path)) => (name, path, Direction::In(&absolute(host)?)),
        (End::Container(..), End::Container(..)) => {
            return Err(Failure::new(format!("{what}: copying between containers is not supported")));
        }
        (End::Host(_), End::Host(_)) => {
            let hint = "write CONTAINER:PATH for the one in the container".to_owned();
            return Err(Failure::new(format!("{what}: neither is in a container")).hint(Some(hint)));
        }
    };
    let request = CopyRequest {
        container,
        inside: Path::new(inside),
        owners: if flags.archive { Owners::Kept } else { Owners::Receivers },
        links: if flags.follow_link { SourceLinks::Followed } else { SourceLinks::Copied },
    };
    let told = |error: engine::Error| Failure::of_engine(&what, &error);
    let reached = Engine::reach(&global.settings()?, container).map_err(told)?;
    let copied = global.engine(&what)?.copy(&request, reached, direction).map_err(told)?;
    for path in &copied.left_out {
        let path = String::from_utf8_lossy(path);
        output::warn(&format!("note: {} was left out: it is a device or a fifo\n", output::visible(&path)));
    }
    output::warn(&without_acl(&copied.without_acl));
    if !flags.quiet && std::io::stderr().is_terminal() {
        let line = format!("Successfully copied {} to {}", human::size(copied.bytes), flags.destination);
        output::warn(&(output::visible(&line) + "\n"));
    }
    Ok(())
}

/// What is said of files whose access control list was left out.
pub(crate) fn without_acl(paths: &[Vec<u8>]) -> String {
    let path = |path: &Vec<u8>| output::visible(&String::from_utf8_lossy(path));
    match paths {
        [] => String::new(),
        [one] => format!("note: the access control list of {} was left out\n", path(one)),
        [first, rest @ ..] => format!(
            "note: the access control lists of {} and {} more files were left out\n",
            path(first),
            rest.len()
        ),
    }
}

/// The path as it was written, with what counts at its end, from the root on.
fn absolute(path: &str) -> Result<PathBuf, Failure> {
    let here = std::env::current_dir();
    let here = here.map_err(|error| Failure::stopped("cannot tell the working directory", &error))?;
    Ok(here.join(path))
}

/// One end of a copy.
enum End<'a> {
    Host(&'a str),
    /// Name and path.
    Container(&'a str, &'a str),
}

/// As Docker reads it: a path that begins with a slash or a dot is the host's, whatever colons are in it.
fn end(text: &str) -> End<'_> {
    match text.split_once(':') {
        Some((container, path)) if !text.starts_with(['/', '.']) && !container.contains('/') => {
            End::Container(container, path)
        }
        _ => End::Host(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_read_as_docker_reads_them() {
        for (text, want) in [
            ("web:/etc", Some(("web", "/etc"))),
            ("web:", Some(("web", ""))),
            ("web:a:b", Some(("web", "a:b"))),
            ("/web:/etc", None),
            ("./web:x", None),
            ("-", None),
            ("web", None),
        ] {
            let got = match end(text) {
                End::Container(name, path) => Some((name, path)),
                End::Host(_) => None,
            };
            assert_eq!(got, want, "{text}");
        }
    }
}
