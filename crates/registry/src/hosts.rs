// SPDX-License-Identifier: Apache-2.0
//! Where a registry is: its mirrors in order and then itself, whom each is trusted by, and how the
//! bytes travel.
//!
//! The files are Docker's (`/etc/docker/certs.d/HOST[:PORT]/`: authorities in `*.crt`, client
//! certificates in `*.cert` with the key beside them in `*.key`) and containerd's
//! (`/etc/containerd/certs.d/HOST/hosts.toml`, see [`toml`]). Whether TLS is spoken is settled here,
//! before the first byte: there is no trying and no falling back (CVE-2014-5277).

mod certificates;
pub mod toml;

use std::path::{Path, PathBuf};

use crate::address::{Address, Scheme, is_loopback, split_authority};
use crate::error::{Error, Result};
use crate::settings::Settings;

pub(crate) use certificates::{ClientCertificate, Trust, authorities};
pub(crate) use toml::Capability;

/// One place that answers for a registry.
#[derive(Debug)]
pub(crate) struct Site {
    /// The base of all its addresses, which ends in `/v2/` unless its file says otherwise.
    pub(crate) base: Address,
    pub(crate) capabilities: Vec<Capability>,
    pub(crate) trust: Trust,
    /// The registry that it stands in for.
    pub(crate) mirrors: Option<String>,
}

/// The mirrors of `host`, in order, and itself.
pub(crate) fn sites(host: &str, settings: &Settings) -> Result<Vec<Site>> {
    if split_authority(host).is_none() {
        return Err(Error::refused(format!("`{}` is not a registry's host[:port]", oci::shown(host))));
    }
    let folder = containerd_folder(host, settings);
    let file = folder.as_ref().map(|folder| folder.join("hosts.toml")).filter(|path| path.exists());
    let Some(path) = file else {
        let trust = certificates::in_folders(&certificate_folders(host, folder, settings))?;
        let scheme = scheme_of(host, &trust, settings);
        return Ok(vec![itself(base(scheme, host)?, trust)]);
    };
    let file = toml::read(&path)?;
    let mut sites = Vec::new();
    for entry in &file.mirrors {
        let base = entry_base(entry, host, settings, &path)?;
        let trust =
            certificates::of_entry(entry, &path, || certificate_folders(&base.authority(), None, settings))?;
        sites.push(Site {
            base,
            capabilities: entry.capabilities.clone(),
            trust,
            mirrors: Some(host.to_owned()),
        });
    }
    let own = certificate_folders(host, None, settings);
    let trust = certificates::of_entry(&file.itself, &path, || own.clone())?;
    let base = match file.itself.address {
        Some(_) => entry_base(&file.itself, host, settings, &path)?,
        None => base(scheme_of(host, &trust, settings), host)?,
    };
    sites.push(itself(base, trust));
    Ok(sites)
}

/// Whether `address` may be spoken to without TLS.
pub(crate) fn check_scheme(address: &Address, settings: &Settings) -> Result<()> {
    let asked_for = || settings.plain_http.contains_key(&address.authority());
    if address.scheme() == Scheme::Https || address.is_loopback() || asked_for() {
        return Ok(());
    }
    Err(Error::Refused {
        what: format!(
            "plain HTTP to {}, where anybody on the way reads and changes what is sent",
            address.authority()
        ),
        remedy: Some(format!("--plain-http {} asks for it all the same", address.authority())),
    })
}

fn itself(base: Address, trust: Trust) -> Site {
    Site { base, capabilities: Capability::ALL.to_vec(), trust, mirrors: None }
}

/// TLS, unless a person said otherwise, or the address is this machine's own and nobody left
/// certificates for it.
fn scheme_of(host: &str, trust: &Trust, settings: &Settings) -> Scheme {
    let (name, port) = split_authority(host).unwrap_or((host, None));
    let local = is_loopback(name) && trust.is_empty() && port != Some(443);
    if local || settings.plain_http.contains_key(host) { Scheme::Http } else { Scheme::Https }
}

fn base(scheme: Scheme, host: &str) -> Result<Address> {
    let host = if host == DOCKER_HUB { DOCKER_HUB_SERVER } else { host };
    Ok(Address::of_host(scheme, host)?.at("/v2/".to_owned()))
}

fn entry_base(entry: &toml::Entry, host: &str, settings: &Settings, path: &Path) -> Result<Address> {
    let text = entry.address.as_deref().unwrap_or(host);
    let text = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let address = Address::parse(&text).map_err(|error| Error::settings(path, error.to_string()))?;
    check_scheme(&address, settings)?;
    let written = address.path().trim_end_matches('/').to_owned();
    let keeps = entry.path == toml::PathIs::Whole || written.ends_with("/v2");
    Ok(address.at(if keeps { format!("{written}/") } else { format!("{written}/v2/") }))
}

/// containerd's names for the folder of a host, of which the first counts.
fn containerd_folder(host: &str, settings: &Settings) -> Option<PathBuf> {
    let with_port = host.rsplit_once(':').map(|(name, port)| format!("{name}_{port}_"));
    let names: Vec<String> = with_port.into_iter().chain([host.to_owned(), "_default".to_owned()]).collect();
    let folders = settings.containerd_certs.iter();
    folders.flat_map(|folder| names.iter().map(|name| folder.join(name))).find(|folder| folder.is_dir())
}

/// Folders with certificate files for `host`, containerd's own first.
fn certificate_folders(host: &str, containerd: Option<PathBuf>, settings: &Settings) -> Vec<PathBuf> {
    let docker = settings.docker_certs.iter().map(|folder| folder.join(host)).find(|folder| folder.is_dir());
    containerd.into_iter().chain(docker).collect()
}

/// The registry of names that say none, and the server behind it.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_SERVER: &str = "registry-1.docker.io";

#[cfg(test)]
mod tests {
    use oci::Danger;

    use super::*;

    fn bare() -> Settings {
        Settings { docker_certs: Vec::new(), containerd_certs: Vec::new(), ..Settings::default() }
    }

    fn bases(host: &str, settings: &Settings) -> Vec<String> {
        sites(host, settings).unwrap().iter().map(|site| site.base.to_string()).collect()
    }

    #[test]
    fn tls_unless_it_is_this_machine_or_a_person_said_otherwise() {
        let mut settings = bare();
        for (host, want) in [
            ("registry.example", "https://registry.example/v2/"),
            ("registry.example:5000", "https://registry.example:5000/v2/"),
            ("docker.io", "https://registry-1.docker.io/v2/"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000/v2/"),
            ("localhost:5000", "http://localhost:5000/v2/"),
            ("localhost:443", "https://localhost/v2/"),
            ("10.0.0.1:5000", "https://10.0.0.1:5000/v2/"),
        ] {
            assert_eq!(bases(host, &settings), [want], "{host}");
        }
        settings.plain_http.insert("10.0.0.1:5000".to_owned(), Danger::asked_by("--plain-http"));
        assert_eq!(bases("10.0.0.1:5000", &settings), ["http://10.0.0.1:5000/v2/"]);
        assert_eq!(bases("10.0.0.1", &settings), ["https://10.0.0.1/v2/"]);
        assert!(sites("../x", &settings).is_err() && sites("", &settings).is_err());
    }

    #[test]
    fn mirrors_come_first_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let host = folder.path().join("docker.io");
        std::fs::create_dir(&host).unwrap();
        let text = "server = \"https://upstream.example\"\n\
                    [host.\"https://z.example\"]\ncapabilities = [\"pull\"]\n\
                    [host.\"http://127.0.0.1:5001/cache\"]\noverride_path = true\n";
        std::fs::write(host.join("hosts.toml"), text).unwrap();
        let settings = Settings { containerd_certs: vec![folder.path().to_owned()], ..bare() };
        let found = sites("docker.io", &settings).unwrap();
        let addresses: Vec<String> = found.iter().map(|site| site.base.to_string()).collect();
        assert_eq!(
            addresses,
            ["https://z.example/v2/", "http://127.0.0.1:5001/cache/", "https://upstream.example/v2/"]
        );
        assert_eq!(found[0].capabilities, [Capability::Pull]);
        assert_eq!(found[0].mirrors.as_deref(), Some("docker.io"));
        assert!(found[2].mirrors.is_none());
        std::fs::write(host.join("hosts.toml"), "[host.\"http://mirror.example\"]\n").unwrap();
        let error = sites("docker.io", &settings).unwrap_err();
        assert!(error.to_string().contains("plain HTTP"), "{error}");
    }

    #[test]
    fn certificates_of_a_local_registry_mean_tls() {
        let folder = tempfile::tempdir().unwrap();
        let host = folder.path().join("127.0.0.1:5000");
        std::fs::create_dir(&host).unwrap();
        let settings = Settings { docker_certs: vec![folder.path().to_owned()], ..bare() };
        assert_eq!(bases("127.0.0.1:5000", &settings), ["http://127.0.0.1:5000/v2/"]);
        std::fs::write(host.join("ca.crt"), "no certificate").unwrap();
        let error = sites("127.0.0.1:5000", &settings).unwrap_err().to_string();
        assert!(error.contains("ca.crt") && error.contains("no certificate in it"), "{error}");
        std::fs::remove_file(host.join("ca.crt")).unwrap();
        std::fs::write(host.join("client.cert"), "x").unwrap();
        let error = sites("127.0.0.1:5000", &settings).unwrap_err().to_string();
        assert!(error.contains("client.key"), "{error}");
    }
}
