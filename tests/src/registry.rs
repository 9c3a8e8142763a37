// SPDX-License-Identifier: Apache-2.0
//! Debian's registry, on a port of its own of this machine, and certificates for it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running registry; ended, and its files removed, when dropped.
#[derive(Debug)]
pub struct DockerRegistry {
    server: Child,
    folder: tempfile::TempDir,
    host: String,
}

/// How a registry is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// Open to everybody, without TLS.
    No,
    /// For `me` with the password `secret`, without TLS.
    ByPassword,
    /// By TLS; whoever comes needs a certificate, too. See [`DockerRegistry::certificate`].
    ByCertificates,
}

impl DockerRegistry {
    /// None when the package docker-registry is not installed.
    pub fn start(guarded: Guarded) -> Option<Self> {
        if !Path::new(REGISTRY).exists() {
            return None;
        }
        let folder =
            tempfile::Builder::new().prefix("bulkhead-test-registry-").tempdir_in("/var/tmp").unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut configuration = CONFIGURATION.replace("FOLDER", &path("data"));
        match guarded {
            Guarded::No => {}
            Guarded::ByPassword => {
                std::fs::write(path("htpasswd"), HTPASSWD).unwrap();
                configuration
                    .push_str(&format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", path("htpasswd")));
            }
            Guarded::ByCertificates => {
                make_certificates(folder.path());
                let tls = format!(
                    "addr: \"127.0.0.1:0\", tls: {{certificate: {}, key: {}, clientcas: [{}]}}",
                    path("server.crt"),
                    path("server.key"),
                    path("ca.crt")
                );
                configuration = configuration.replace("addr: \"127.0.0.1:0\"", &tls);
            }
        }
        std::fs::write(path("config.yml"), configuration).unwrap();
        // Should this process be killed, the registry ends as well.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", REGISTRY, "serve"]).arg(path("config.yml"));
        let mut server = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let host = address(&mut server);
        Some(Self { server, folder, host })
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The file of the authority (`ca.crt`), or of a client's certificate (`client.cert`) or key
    /// (`client.key`).
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        self.server.kill().unwrap();
        self.server.wait().unwrap();
    }
}

/// Reads the log until it says where it listens, and lets somebody read the rest.
fn address(server: &mut Child) -> String {
    let mut log = BufReader::new(server.stderr.take().unwrap());
    let mut said = String::new();
    loop {
        let start = said.len();
        assert!(log.read_line(&mut said).unwrap() > 0, "docker-registry did not start:\n{said}");
        if let Some((_, rest)) = said[start..].split_once("msg=\"listening on ") {
            let host = rest.split(['"', ',']).next().unwrap().to_owned();
            std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
            return host;
        }
    }
}

/// An authority, and a server and a client that it vouches for.
fn make_certificates(folder: &Path) {
    let openssl = |words: &[&str]| {
        let output = Command::new("openssl").args(words).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let make = |rest: &[&str]| openssl(&[&["req", "-x509", "-days", "30"], &key[..], rest].concat());
    make(&["-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test authority"]);
    for (name, file, more) in [
        ("server", "server.crt", "subjectAltName=IP:127.0.0.1"),
        ("client", "client.cert", "extendedKeyUsage=clientAuth"),
    ] {
        let (subject, keyout) = (format!("/CN={name}"), format!("{name}.key"));
        make(&[
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-keyout",
            &keyout,
            "-out",
            file,
            "-subj",
            &subject,
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-addext",
            more,
        ]);
    }
}

const REGISTRY: &str = "/usr/bin/docker-registry";
const CONFIGURATION: &str = "version: 0.1
log: {level: info, formatter: text, accesslog: {disabled: true}}
storage: {filesystem: {rootdirectory: FOLDER}, delete: {enabled: true}, maintenance: {uploadpurging: {enabled: false}}}
http: {addr: \"127.0.0.1:0\", secret: test}
";
/// `htpasswd -Bbn me secret`.
const HTPASSWD: &str = "me:$2y$05$nX3YsAD/QlKFw9/wLmjTEu301N0ltdkcHCQOW9RuVvtT1OvXj/YhK\n";
