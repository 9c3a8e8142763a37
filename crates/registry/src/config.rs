// SPDX-License-Identifier: Apache-2.0
//! Docker's `config.json`: credentials as every Docker-like tool keeps them.
//!
//! ```text
//! { "auths": { "HOST": { "auth": BASE64(USER:PASSWORD), "identitytoken": ..., "registrytoken": ... } },
//!   "credsStore": HELPER,  "credHelpers": { "HOST": HELPER } }
//! ```
//!
//! What else the file has stays in it. It is replaced as a whole, with mode 0600, under a lock of its
//! folder, so that two logins at once keep both. A file that cannot be read is an error and never
//! "nobody" (CVE-2021-41092).

pub mod helper;

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::login::{Login, Secret};
use helper::Helper;

/// The file, which need not be there.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
}

/// Where a login went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Into the file, where whoever reads it reads the password.
    InFile(PathBuf),
    /// To this helper.
    ByHelper(String),
}

impl ConfigFile {
    /// `config.json` in `folder`.
    pub fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join("config.json") }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is kept for the registry `host[:port]`.
    pub fn login(&self, host: &str) -> Result<Option<Login>> {
        let config = self.read()?;
        if let Some(helper) = self.helper(&config, host)? {
            return helper.get(&key(host));
        }
        Ok(config.entry(host).map_err(|reason| self.wrong(reason))?.flatten())
    }

    /// Keeps `login` for `host[:port]`.
    pub fn keep(&self, host: &str, login: &Login) -> Result<Kept> {
        let _lock = self.lock()?;
        let mut config = self.read()?;
        if let Some(helper) = self.helper(&config, host)? {
            helper.store(&key(host), login)?;
            config.set(host, json!({})).map_err(|reason| self.wrong(reason))?;
            self.write(&config)?;
            return Ok(Kept::ByHelper(helper.name().to_owned()));
        }
        let entry = match login {
            Login::Password { user, password } => {
                json!({ "auth": STANDARD.encode(format!("{user}:{}", password.0)) })
            }
            Login::Identity(token) => {
                json!({ "auth": STANDARD.encode("<token>:"), "identitytoken": token.0 })
            }
            Login::Bearer(token) => json!({ "registrytoken": token.0 }),
        };
        config.set(host, entry).map_err(|reason| self.wrong(reason))?;
        self.write(&config)?;
        Ok(Kept::InFile(self.path.clone()))
    }

    /// Forgets what is kept for `host[:port]`; whether there was something.
    pub fn forget(&self, host: &str) -> Result<Forgotten> {
        if !self.path.exists() {
            return Ok(Forgotten::NothingThere);
        }
        let _lock = self.lock()?;
        let mut config = self.read()?;
        let helper = self.helper(&config, host)?;
        let known = config.entry(host).map_err(|reason| self.wrong(reason))?.is_some();
        let helped = match helper {
            Some(helper) => helper.erase(&key(host))?,
            None => Forgotten::NothingThere,
        };
        if known {
            config.unset(host);
            self.write(&config)?;
        }
        Ok(if known { Forgotten::Gone } else { helped })
    }

    fn helper(&self, config: &Config, host: &str) -> Result<Option<Helper>> {
        let name = config.helper(host).map_err(|reason| self.wrong(reason))?;
        name.map(|name| Helper::named(&name)).transpose()
    }

    fn read(&self) -> Result<Config> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(error) => return Err(Error::io("read the credentials", &self.path, error)),
        };
        Config::parse(&bytes).map_err(|reason| self.wrong(reason))
    }

    /// Beside it, then into its place; through a link to where it really is.
    fn write(&self, config: &Config) -> Result<()> {
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let beside = path.with_file_name(".config.json.new");
        let failed = |error| Error::io("write the credentials", &self.path, error);
        let written = (|| {
            // What a killed command left; nobody else writes while we hold the lock.
            match std::fs::remove_file(&beside) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut file = File::options().write(true).create_new(true).mode(0o600).open(&beside)?;
            file.write_all(&config.text())?;
            file.sync_all()?;
            std::fs::rename(&beside, &path)
        })();
        written.map_err(failed)
    }

    fn lock(&self) -> Result<File> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let failed = |error| Error::io("lock the folder of the credentials", folder, error);
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let folder = File::open(folder).map_err(failed)?;
        folder.lock().map_err(failed)?;
        Ok(folder)
    }

    fn wrong(&self, reason: String) -> Error {
        Error::settings(&self.path, reason)
    }
}

/// What forgetting did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Forgotten {
    Gone,
    NothingThere,
}

/// The text of a `config.json`.
#[derive(Debug, Clone, Default)]
pub struct Config(Map<String, Value>);

impl Config {
    /// Reads a text; an empty one is fine, as it is to Docker.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        oci::json::read("file of credentials", bytes).map(Self).map_err(|error| error.to_string())
    }

    /// What it has for `host[:port]`: nothing, an empty entry, or a login.
    pub fn entry(&self, host: &str) -> Result<Option<Option<Login>>, String> {
        let Some(auths) = self.0.get("auths") else { return Ok(None) };
        let auths = auths.as_object().ok_or("`auths` is no object")?;
        let exact = auths.get(&key(host));
        let found = exact.or_else(|| {
            auths.iter().find(|(name, _)| bare(name) == bare(&key(host))).map(|(_, entry)| entry)
        });
        let Some(entry) = found else { return Ok(None) };
        let entry =
            entry.as_object().ok_or_else(|| format!("the entry of {host} in `auths` is no object"))?;
        let text = |name: &str| entry.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(token) = text("identitytoken") {
            return Ok(Some(Some(Login::Identity(Secret::new(token)))));
        }
        if let Some(token) = text("registrytoken") {
            return Ok(Some(Some(Login::Bearer(Secret::new(token)))));
        }
        let (user, password) = match (text("auth"), text("username"), text("password")) {
            (Some(auth), _, _) => {
                decoded(auth).ok_or_else(|| format!("`auth` of {host} is not base64 of USER:PASSWORD"))?
            }
            (None, Some(user), Some(password)) => (user.to_owned(), password.to_owned()),
            _ => return Ok(Some(None)),
        };
        let login = Login::password(&user, &password).map_err(|error| error.to_string())?;
        Ok(Some(Some(login)))
    }

    /// The helper for `host[:port]`.
    pub fn helper(&self, host: &str) -> Result<Option<String>, String> {
        let own = match self.0.get("credHelpers") {
            Some(helpers) => helpers
                .as_object()
                .ok_or("`credHelpers` is no object")?
                .get(&key(host))
                .or_else(|| helpers.get(host)),
            None => None,
        };
        match own.or_else(|| self.0.get("credsStore")) {
            None => Ok(None),
            Some(Value::String(name)) if name.is_empty() => Ok(None),
            Some(Value::String(name)) => Ok(Some(name.clone())),
            Some(_) => Err("the name of a credential helper is no text".to_owned()),
        }
    }

    fn set(&mut self, host: &str, entry: Value) -> Result<(), String> {
        self.unset(host);
        let auths = self.0.entry("auths").or_insert_with(|| json!({}));
        auths.as_object_mut().ok_or("`auths` is no object")?.insert(key(host), entry);
        Ok(())
    }

    fn unset(&mut self, host: &str) {
        if let Some(auths) = self.0.get_mut("auths").and_then(Value::as_object_mut) {
            auths.retain(|name, _| bare(name) != bare(&key(host)));
        }
    }

    fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(&self.0).unwrap_or_default();
        text.push(b'\n');
        text
    }
}

/// What a registry is called in the file.
fn key(host: &str) -> String {
    match host {
        "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        host => host.to_owned(),
    }
}

/// Old files have whole addresses.
fn bare(name: &str) -> &str {
    let name = name.strip_prefix("https://").or_else(|| name.strip_prefix("http://")).unwrap_or(name);
    name.split('/').next().unwrap_or_default()
}

fn decoded(auth: &str) -> Option<(String, String)> {
    let text = String::from_utf8(STANDARD.decode(auth).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    // Docker wrote the length of a buffer once.
    Some((user.to_owned(), password.trim_end_matches('\0').to_owned()))
}

const DOCKER_HUB: &str = "https://index.docker.io/v1/";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn login(user: &str) -> Login {
        Login::password(user, "pass:word").unwrap()
    }

    #[test]
    fn what_is_kept_comes_back_and_the_rest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/config.json");
        let file = ConfigFile::in_folder(path.parent().unwrap());
        assert_eq!(file.login("x:5000").unwrap(), None);
        assert_eq!(file.forget("x:5000").unwrap(), Forgotten::NothingThere);
        file.keep("x:5000", &login("a")).unwrap();
        let mut text: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(text["auths"]["x:5000"]["auth"], STANDARD.encode("a:pass:word"));
        text["detachKeys"] = json!("ctrl-x");
        std::fs::write(&path, text.to_string()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        file.keep("docker.io", &Login::Identity(Secret::new("t"))).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let text: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(text["detachKeys"], "ctrl-x");
        assert_eq!(text["auths"][DOCKER_HUB]["identitytoken"], "t");
        assert_eq!(file.login("x:5000").unwrap(), Some(login("a")));
        assert_eq!(file.login("docker.io").unwrap(), Some(Login::Identity(Secret::new("t"))));
        assert_eq!(file.login("x").unwrap(), None);
        assert_eq!(file.forget("x:5000").unwrap(), Forgotten::Gone);
        assert_eq!(file.login("x:5000").unwrap(), None);
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn two_logins_at_once_keep_both() {
        let folder = tempfile::tempdir().unwrap();
        let file = ConfigFile::in_folder(folder.path());
        std::thread::scope(|scope| {
            for at in 0..8 {
                let file = &file;
                scope.spawn(move || file.keep(&format!("host{at}"), &login("u")).unwrap());
            }
        });
        for at in 0..8 {
            assert_eq!(file.login(&format!("host{at}")).unwrap(), Some(login("u")), "host{at}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_not_nobody() {
        for text in [
            "{",
            "[]",
            r#"{"auths":1}"#,
            r#"{"auths":{"x":1}}"#,
            r#"{"auths":{"x":{"auth":"!"}}}"#,
            r#"{"auths":{},"auths":{}}"#,
            r#"{"credsStore":1}"#,
            r#"{"credHelpers":1}"#,
        ] {
            let config = Config::parse(text.as_bytes());
            assert!(
                config.is_err()
                    || config
                        .as_ref()
                        .is_ok_and(|config| config.entry("x").is_err() || config.helper("x").is_err()),
                "{text}"
            );
        }
        let old = br#"{"auths":{"https://x/v1/":{"username":"u","password":"pass:word"},"y":{}}}"#;
        let config = Config::parse(old).unwrap();
        assert_eq!(config.entry("x").unwrap(), Some(Some(login("u"))).map(|found| found.map(|_| login("u"))));
        assert_eq!(config.entry("y").unwrap(), Some(None));
        let helpers = Config::parse(br#"{"credsStore":"all","credHelpers":{"x":"one"}}"#).unwrap();
        assert_eq!(helpers.helper("x").unwrap().as_deref(), Some("one"));
        assert_eq!(helpers.helper("z").unwrap().as_deref(), Some("all"));
    }
}
