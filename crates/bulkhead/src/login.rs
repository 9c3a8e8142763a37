// SPDX-License-Identifier: Apache-2.0
//! `bulkhead login`: credentials for a registry.

use std::io::{BufRead, IsTerminal, Read, stdin};

use clap::Args;
use engine::registry::Kept;

use crate::failure::Failure;
use crate::{access, output};

/// Keep credentials for a registry
///
/// They are shown to the registry first, and kept only if it takes them: where Docker keeps them, in
/// config.json or by the credential helper that it names. There is no flag for the password, which
/// would be in the shell's history and for everybody in `ps`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  pass registry.example | bulkhead login -u me --password-stdin registry.example"
)]
pub(crate) struct Flags {
    /// The registry
    #[arg(value_name = "HOST[:PORT]", default_value = "docker.io")]
    server: String,
    /// The user name
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    access: access::Options,
}

pub(crate) fn call(flags: &Flags) -> Result<(), Failure> {
    let what = format!("cannot log in to {}", flags.server);
    let (user, password) = credentials(flags, &what)?;
    let kept = flags.access.registries().login(&flags.server, &user, &password);
    match kept.map_err(|error| Failure::of_engine(what, &error))? {
        Kept::InFile(path) => output::warn(&format!(
            "warning: the password is in {}, where whoever reads that file reads it; a credential helper keeps it better\n",
            output::visible(&path.display().to_string())
        )),
        Kept::ByHelper(_) => {}
    }
    // Docker's words, which scripts look for.
    output::print("Login Succeeded\n")
}

/// The name and the password, from wherever the person gives them.
fn credentials(flags: &Flags, what: &str) -> Result<(String, String), Failure> {
    let terminal = stdin().is_terminal();
    if flags.password_stdin {
        let Some(user) = flags.username.clone() else {
            return Err(Failure::new(what).hint(Some("--password-stdin needs --username".to_owned())));
        };
        let mut text = String::new();
        let read = stdin().lock().take(LONGEST).read_to_string(&mut text);
        read.map_err(|error| Failure::stopped("cannot read the password from standard input", &error))?;
        return Ok((
            user,
            text.strip_suffix('\n').map_or(text.as_str(), |text| text.trim_end_matches('\r')).to_owned(),
        ));
    }
    if !terminal {
        let hint =
            "--password-stdin reads the password from standard input, which is no terminal here".to_owned();
        return Err(Failure::new(format!("{what}: nobody can type a password")).hint(Some(hint)));
    }
    let user = match &flags.username {
        Some(user) => user.clone(),
        None => asked("Username: ")?,
    };
    let password = engine::secret::line(|| output::warn("Password: "))
        .map_err(|error| Failure::of_engine(what, &error))?;
    Ok((user, password))
}

fn asked(prompt: &str) -> Result<String, Failure> {
    output::warn(prompt);
    let mut line = String::new();
    let read = stdin().lock().take(LONGEST).read_line(&mut line);
    read.map_err(|error| Failure::stopped("cannot read from the terminal", &error))?;
    Ok(line.trim().to_owned())
}

const LONGEST: u64 = 64 << 10;
