// SPDX-License-Identifier: Apache-2.0
//! Debian's registry, in memory; its own work counts for nobody.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::command::program;
use crate::failure::{Failure, Result, While};
use crate::images;

use super::archives::Archive;

/// A running registry; ended, and its files removed, when dropped.
#[derive(Debug)]
pub(super) struct Registry {
    server: Child,
    folder: PathBuf,
    host: String,
}

impl Registry {
    /// An empty one, with its files in the new folder `folder`.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        std::fs::create_dir(folder).cannot(|| format!("make {}", folder.display()))?;
        let configuration = folder.join("config.yml");
        let text = CONFIGURATION.replace("FOLDER", &folder.join("data").display().to_string());
        std::fs::write(&configuration, text).cannot(|| "write the registry's configuration")?;
        // Should this process be killed, the registry ends as well.
        let command = program("setpriv", ["--pdeathsig", "TERM", REGISTRY, "serve"]).arg(&configuration);
        let mut command = command.into_command();
        let server = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let server = server.cannot(|| format!("start {REGISTRY}"))?;
        let mut registry = Self { server, folder: folder.to_owned(), host: String::new() };
        registry.host = address(&mut registry.server)?;
        Ok(registry)
    }

    /// One with these images, gzip layers as they are in the archives.
    pub(super) fn filled<'a>(folder: &Path, archives: impl Iterator<Item = &'a Archive>) -> Result<Self> {
        let registry = Self::start(folder)?;
        for archive in archives {
            let source = format!("oci-archive:{}", archive.path.display());
            let target = format!("docker://{}", registry.name(archive.image));
            let flags = ["copy", "--quiet", "--dest-tls-verify=false"];
            program("skopeo", flags).args(&[source, target]).run_quietly()?;
        }
        Ok(registry)
    }

    /// `127.0.0.1:PORT`.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// What `image` is called here.
    pub(super) fn name(&self, image: &str) -> String {
        name(&self.host, image)
    }
}

/// What `image` is called at `host`.
pub(super) fn name(host: &str, image: &str) -> String {
    format!("{host}/{image}:1")
}

impl Drop for Registry {
    fn drop(&mut self) {
        let ended = self.server.kill().and_then(|()| self.server.wait());
        if let Err(error) = ended {
            eprintln!("cannot end the registry: {error}");
        }
        if let Err(failure) = images::remove(&self.folder) {
            eprintln!("{failure}");
        }
    }
}

/// Reads the log until it says where it listens, and lets somebody read the rest.
fn address(server: &mut Child) -> Result<String> {
    let mut log = BufReader::new(server.stderr.take().cannot(|| "read the registry's log")?);
    let mut said = String::new();
    loop {
        let start = said.len();
        if log.read_line(&mut said).cannot(|| "read the registry's log")? == 0 {
            return Err(Failure::new(format!("{REGISTRY} did not start:\n{said}")));
        }
        if let Some((_, rest)) = said[start..].split_once("msg=\"listening on ") {
            let host = rest.split(['"', ',']).next().unwrap_or_default().to_owned();
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
            return Ok(host);
        }
    }
}

const REGISTRY: &str = "/usr/bin/docker-registry";
const CONFIGURATION: &str = "version: 0.1
log: {level: info, formatter: text, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: FOLDER}, maintenance: {uploadpurging: {enabled: false}}}
http: {addr: \"127.0.0.1:0\", secret: bench}
";
