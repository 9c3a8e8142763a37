// SPDX-License-Identifier: Apache-2.0
//! Whom a syslog server has to be, and who we are to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::driver::{Truth, truth};
use crate::error::{Again, Error, Result};

/// Files of certificates and keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tls {
    /// The authorities that sign the server; the system's, without it.
    authorities: Option<PathBuf>,
    /// Our certificate and its key.
    ours: Option<(PathBuf, PathBuf)>,
}

impl Tls {
    /// None if nothing was asked for.
    pub(super) fn parse(authorities: &str, certificate: &str, key: &str, skip: &str) -> Result<Option<Self>> {
        if !skip.is_empty() && truth("syslog-tls-skip-verify", skip)? == Truth::Yes {
            let reason = "refused: anybody could read the log as that server; name who signs it with \
                          syslog-tls-ca-cert";
            return Err(Error::option("syslog-tls-skip-verify", reason));
        }
        let ours = match (certificate, key) {
            ("", "") => None,
            ("", _) | (_, "") => {
                return Err(Error::option("syslog-tls-cert", "it and syslog-tls-key come together"));
            }
            (certificate, key) => Some((certificate.into(), key.into())),
        };
        let authorities = (!authorities.is_empty()).then(|| authorities.into());
        Ok((authorities.is_some() || ours.is_some()).then_some(Self { authorities, ours }))
    }

    /// Reads the files.
    pub(super) fn configuration(&self) -> Result<Arc<ClientConfig>> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let failed =
            |error: &rustls::Error| Error::server("a syslog server", format!("TLS: {error}"), Again::Never);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| failed(&error))?
            .with_root_certificates(self.roots()?);
        let Some((certificate, key)) = &self.ours else { return Ok(Arc::new(builder.with_no_client_auth())) };
        let chain = certificates(certificate)?;
        let key_read = PrivateKeyDer::from_pem_file(key).map_err(|error| refused(key, &error))?;
        let config = builder.with_client_auth_cert(chain, key_read);
        config.map(Arc::new).map_err(|error| refused(certificate, &error))
    }

    fn roots(&self) -> Result<RootCertStore> {
        let file = self.authorities.as_deref();
        let file = file.or_else(|| SYSTEM.iter().map(Path::new).find(|path| path.exists()));
        let file = file.ok_or_else(|| {
            Error::option(
                "syslog-tls-ca-cert",
                "this system has no file of authorities, so one has to be named",
            )
        })?;
        let mut roots = RootCertStore::empty();
        for certificate in certificates(file)? {
            roots.add(certificate).map_err(|error| refused(file, &error))?;
        }
        Ok(roots)
    }
}

/// The client's side of a connection to `host`.
pub(super) fn client(config: &Arc<ClientConfig>, host: &str, server: &str) -> Result<ClientConnection> {
    let failed = |why: String| Error::server(server, why, Again::Never);
    let name = ServerName::try_from(host.to_owned()).map_err(|error| failed(error.to_string()))?;
    ClientConnection::new(config.clone(), name).map_err(|error| failed(format!("TLS: {error}")))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let all = CertificateDer::pem_file_iter(path).map_err(|error| refused(path, &error))?;
    let all = all.collect::<Result<Vec<_>, _>>().map_err(|error| refused(path, &error))?;
    if all.is_empty() {
        return Err(Error::Certificate {
            path: path.to_owned(),
            reason: "there is no certificate in it".to_owned(),
        });
    }
    Ok(all)
}

fn refused(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::Certificate { path: path.to_owned(), reason: error.to_string() }
}

/// Debian, Fedora, openSUSE, Alpine.
const SYSTEM: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
