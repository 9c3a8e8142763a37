// SPDX-License-Identifier: Apache-2.0
//! Credential helpers: `docker-credential-NAME get|store|erase` with a line or JSON on standard input.

use std::io::{Read, Write};
use std::process::{Command, ExitStatus, Stdio};

use serde::Deserialize;

use super::Forgotten;
use crate::error::{Error, Result};
use crate::login::{Login, Secret};

/// A program on the search path.
#[derive(Debug)]
pub(crate) struct Helper {
    name: String,
}

impl Helper {
    /// The one of that name, which must be no path: a file of settings chooses it.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
        if name.is_empty() || name.len() > 64 || name.starts_with(['.', '-']) || !name.chars().all(plain) {
            return Err(Error::refused(format!("`{}` as the name of a credential helper", oci::shown(name))));
        }
        Ok(Self { name: name.to_owned() })
    }

    /// As the file of settings calls it.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn get(&self, server: &str) -> Result<Option<Login>> {
        let (status, said) = self.call("get", server)?;
        let words = String::from_utf8_lossy(&said);
        if !status.success() {
            return if is_unknown(&words) { Ok(None) } else { Err(self.failed(&words)) };
        }
        let Answer { username, secret } = oci::json::read("answer of a credential helper", &said)
            .map_err(|_| self.failed("what it answered is not its JSON"))?;
        if secret.is_empty() {
            return Ok(None);
        }
        // Docker's name for somebody who has a token only.
        if username == "<token>" {
            return Ok(Some(Login::Identity(Secret::new(secret))));
        }
        Login::password(&username, &secret).map(Some)
    }

    pub(crate) fn store(&self, server: &str, login: &Login) -> Result<()> {
        let (user, secret) = match login {
            Login::Password { user, password } => (user.as_str(), password),
            Login::Identity(token) => ("<token>", token),
            Login::Bearer(_) => {
                return Err(Error::refused("a registry's own token cannot be kept by a helper"));
            }
        };
        let text =
            serde_json::json!({ "ServerURL": server, "Username": user, "Secret": secret.0 }).to_string();
        let (status, said) = self.call("store", &text)?;
        if status.success() { Ok(()) } else { Err(self.failed(&String::from_utf8_lossy(&said))) }
    }

    pub(crate) fn erase(&self, server: &str) -> Result<Forgotten> {
        let (status, said) = self.call("erase", server)?;
        let words = String::from_utf8_lossy(&said);
        match status.success() {
            true => Ok(Forgotten::Gone),
            false if is_unknown(&words) => Ok(Forgotten::NothingThere),
            false => Err(self.failed(&words)),
        }
    }

    /// Its status and its standard output, on which it also says what went wrong.
    fn call(&self, verb: &str, input: &str) -> Result<(ExitStatus, Vec<u8>)> {
        let failed = |error: std::io::Error| self.failed(&error.to_string());
        let mut command = Command::new(self.program());
        command.arg(verb).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut pipe) = child.stdin.take() {
            match pipe.write_all(input.as_bytes()) {
                // One that answers without reading is heard all the same.
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => return Err(failed(error)),
                Ok(()) | Err(_) => {}
            }
        }
        let mut said = Vec::new();
        if let Some(pipe) = child.stdout.take() {
            pipe.take(LONGEST).read_to_end(&mut said).map_err(failed)?;
        }
        Ok((child.wait().map_err(failed)?, said))
    }

    fn program(&self) -> String {
        format!("docker-credential-{}", self.name)
    }

    fn failed(&self, reason: &str) -> Error {
        Error::Helper { program: self.program(), reason: oci::shown(reason.trim()) }
    }
}

/// The one message that the helpers' protocol fixes.
fn is_unknown(words: &str) -> bool {
    words.trim() == "credentials not found in native keychain"
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

const LONGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_is_no_path() {
        assert!(Helper::named("ecr-login").is_ok());
        for name in ["", "../x", "/bin/sh", "-x", ".x", "a b", "a/b", &"a".repeat(65)] {
            assert!(Helper::named(name).is_err(), "{name}");
        }
    }
}
