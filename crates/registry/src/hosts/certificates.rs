// SPDX-License-Identifier: Apache-2.0
//! Files of certificates and keys.

use std::path::{Path, PathBuf};

use ureq::tls::{Certificate, ClientCert, PemItem, PrivateKey, parse_pem};

use super::toml::Entry;
use crate::error::{Error, Result};

/// Whom a place is trusted by, besides the authorities that all are, and what we show it.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    pub(crate) authorities: Vec<Certificate<'static>>,
    pub(crate) client: Option<ClientCertificate>,
}

/// A certificate of ours with its key.
#[derive(Debug)]
pub(crate) struct ClientCertificate {
    pub(crate) chain: Vec<Certificate<'static>>,
    pub(crate) key: PrivateKey<'static>,
    /// The file, for errors.
    pub(crate) path: PathBuf,
}

impl ClientCertificate {
    pub(crate) fn shown(&self) -> ClientCert {
        ClientCert::new_with_certs(&self.chain, self.key.to_owned())
    }
}

impl Trust {
    pub(crate) fn is_empty(&self) -> bool {
        self.authorities.is_empty() && self.client.is_none()
    }
}

/// What the folders hold, by Docker's names.
pub(super) fn in_folders(folders: &[PathBuf]) -> Result<Trust> {
    let mut trust = Trust::default();
    for folder in folders {
        for path in sorted(folder)? {
            match path.extension().and_then(|extension| extension.to_str()) {
                Some("crt") => trust.authorities.extend(authorities(&path)?),
                Some("cert") => trust.client = Some(pair(&path, &path.with_extension("key"))?),
                Some("key") if !path.with_extension("cert").exists() => {
                    return Err(Error::settings(
                        &path,
                        "its certificate, of the same name with .cert, is not there",
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(trust)
}

/// What an entry of a hosts.toml at `file` names; without any, what `folders` hold.
pub(super) fn of_entry(entry: &Entry, file: &Path, folders: impl FnOnce() -> Vec<PathBuf>) -> Result<Trust> {
    if entry.authorities.is_empty() && entry.clients.is_empty() {
        return in_folders(&folders());
    }
    let beside = |name: &String| file.with_file_name("").join(name);
    let mut trust = Trust::default();
    for name in &entry.authorities {
        trust.authorities.extend(authorities(&beside(name))?);
    }
    for (certificate, key) in &entry.clients {
        let path = beside(certificate);
        let key = key.as_ref().map_or_else(|| path.clone(), &beside);
        trust.client = Some(pair(&path, &key)?);
    }
    Ok(trust)
}

/// The certificates in a file, of which there is one at least.
pub(crate) fn authorities(path: &Path) -> Result<Vec<Certificate<'static>>> {
    let mut found = Vec::new();
    for item in parse_pem(&contents(path)?) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|error| Error::settings(path, error.to_string()))?
        {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        return Err(Error::settings(path, "there is no certificate in it (PEM is expected)"));
    }
    Ok(found)
}

fn pair(certificate: &Path, key: &Path) -> Result<ClientCertificate> {
    if !key.exists() {
        return Err(Error::settings(key, "the key of the client certificate is not there"));
    }
    let chain = authorities(certificate)?;
    for item in parse_pem(&contents(key)?) {
        if let PemItem::PrivateKey(found) = item.map_err(|error| Error::settings(key, error.to_string()))? {
            return Ok(ClientCertificate { chain, key: found, path: certificate.to_owned() });
        }
    }
    Err(Error::settings(key, "there is no private key in it (PEM without a passphrase is expected)"))
}

fn contents(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io("read the certificate", path, error))
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| Error::io("list the certificates", folder, error);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}
