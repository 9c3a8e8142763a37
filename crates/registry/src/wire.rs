// SPDX-License-Identifier: Apache-2.0
//! Connections: TLS with the right authorities, proxies, time limits. Redirects and statuses are
//! handed up as they come.
//!
//! Our client certificate is shown to the registry only, never to where it sends us. `localhost` is
//! this machine, whatever a resolver says.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use ureq::config::Config;
use ureq::http::{Request, Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body, Proxy, SendBody};

use crate::address::{Address, Scheme};
use crate::error::{Again, Error, Result};
use crate::hosts::{ClientCertificate, Trust, authorities};
use crate::pace::TooSlow;
use crate::settings::Settings;

/// The connections of one site and of where it sends us.
#[derive(Debug)]
pub(crate) struct Wire {
    settings: Arc<Settings>,
    trust: Trust,
    authorities: OnceLock<Vec<Certificate<'static>>>,
    agents: Mutex<BTreeMap<Manner, Agent>>,
}

/// Whom a connection is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// The registry itself.
    Registry,
    /// Where it sends us: storage, a token server.
    Other,
}

/// Connections that are made in the same manner share a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Manner {
    peer: Peer,
    scheme: Scheme,
    proxied: bool,
}

impl Wire {
    pub(crate) fn new(trust: Trust, settings: Arc<Settings>) -> Self {
        Self { settings, trust, authorities: OnceLock::new(), agents: Mutex::default() }
    }

    /// One request and its answer, whatever the status. `stall` is how long nothing may happen.
    pub(crate) fn exchange(
        &self,
        peer: Peer,
        address: &Address,
        request: Request<SendBody<'_>>,
        stall: Duration,
    ) -> Result<Response<Body>> {
        let agent = self.agent(peer, address)?;
        // A request with limits of its own makes a TLS configuration of its own, so most have none.
        let answer = if stall == self.settings.patience.stall {
            agent.run(request)
        } else {
            let whole = self.settings.patience.answer(stall);
            let request = agent.configure_request(request).timeout_per_read(Some(stall));
            agent.run(request.timeout_recv_response(Some(whole)).build())
        };
        answer.map_err(|error| connection(&address.authority(), &error))
    }

    /// Ends all connections, also those that somebody waits on, who then finds them broken.
    pub(crate) fn hang_up(&self) {
        let agents = std::mem::take(&mut *self.agents.lock().unwrap_or_else(PoisonError::into_inner));
        agents.into_values().for_each(Agent::shutdown);
    }

    fn agent(&self, peer: Peer, address: &Address) -> Result<Agent> {
        let proxy = self.proxy(address)?;
        let manner = Manner { peer, scheme: address.scheme(), proxied: proxy.is_some() };
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&manner) {
            return Ok(agent.clone());
        }
        let agent = self.new_agent(manner, proxy)?;
        agents.insert(manner, agent.clone());
        Ok(agent)
    }

    fn new_agent(&self, manner: Manner, proxy: Option<Proxy>) -> Result<Agent> {
        let patience = &self.settings.patience;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(USER_AGENT)
            .proxy(proxy)
            .timeout_connect(Some(patience.connect))
            .timeout_recv_response(Some(patience.answer(patience.stall)))
            .timeout_per_read(Some(patience.stall))
            .timeout_per_write(Some(patience.stall))
            .max_response_header_size(LARGEST_HEADER)
            .max_idle_connections_per_host(MOST_IDLE)
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER);
        if manner.scheme == Scheme::Https {
            config = config.https_only(true).tls_config(self.tls(manner.peer)?);
        }
        Ok(Agent::with_parts(config.build(), DefaultConnector::default(), LocalFirst::default()))
    }

    fn tls(&self, peer: Peer) -> Result<TlsConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = self.trust.client.as_ref().filter(|_| peer == Peer::Registry);
        if let Some(client) = client {
            check(client, &provider)?;
        }
        Ok(TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(self.authorities()?))
            .client_cert(client.map(ClientCertificate::shown))
            .unversioned_rustls_crypto_provider(provider)
            .build())
    }

    /// Those of the system, those that were added for all, and those of this site.
    fn authorities(&self) -> Result<&[Certificate<'static>]> {
        if self.authorities.get().is_none() {
            let files = self.settings.system_authorities().into_iter();
            let files = files.chain(self.settings.extra_authorities.iter().map(AsRef::as_ref));
            let mut all = self.trust.authorities.clone();
            for file in files {
                all.extend(authorities(file)?);
            }
            return Ok(self.authorities.get_or_init(|| all));
        }
        Ok(self.authorities.get().map(Vec::as_slice).unwrap_or_default())
    }

    fn proxy(&self, address: &Address) -> Result<Option<Proxy>> {
        let proxies = &self.settings.proxies;
        let named = match address.scheme() {
            Scheme::Http => &proxies.http,
            Scheme::Https => &proxies.https,
        };
        let named = named.as_deref().filter(|name| !name.is_empty());
        match named {
            Some(name) if !address.is_loopback() && !proxies.excepts(address.host()) => {
                // The text may hold a password, so it is not quoted.
                let refused = |_| {
                    Error::refused(format!(
                        "the proxy that the environment names for {}: it is no http:// or https:// address",
                        address.scheme().name()
                    ))
                };
                Proxy::new(name).map(Some).map_err(refused)
            }
            _ => Ok(None),
        }
    }
}

/// That a key belongs to its certificate, which the connection would take for granted.
fn check(client: &ClientCertificate, provider: &Arc<CryptoProvider>) -> Result<()> {
    use rustls::pki_types::PrivateKeyDer;
    let failed = |error: &dyn std::fmt::Display| {
        Error::settings(&client.path, format!("the certificate and its key cannot be used: {error}"))
    };
    let key = PrivateKeyDer::try_from(client.key.der().to_vec()).map_err(|error| failed(&error))?;
    let chain = client.chain.iter().map(|certificate| certificate.der().to_vec().into()).collect();
    let config = rustls::ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_client_auth_cert(chain, key);
    config.map(|_| ()).map_err(|error| failed(&error))
}

/// What a failed connection is told as.
pub(crate) fn connection(registry: &str, error: &ureq::Error) -> Error {
    let (why, again) = match error {
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            ("it does not answer".to_owned(), Again::Worthwhile)
        }
        ureq::Error::Timeout(ureq::Timeout::RecvResponse) => {
            ("its answer takes too long".to_owned(), Again::Worthwhile)
        }
        ureq::Error::Timeout(_) => {
            ("it stopped in the middle: nothing came for too long".to_owned(), Again::Worthwhile)
        }
        ureq::Error::HostNotFound => ("there is no host of that name".to_owned(), Again::Useless),
        ureq::Error::Io(error) => return broken(registry, error),
        ureq::Error::Rustls(error) => (tls(error), Again::Useless),
        ureq::Error::ConnectProxyFailed(why) => {
            (format!("the proxy refuses: {}", oci::shown(why)), Again::Useless)
        }
        other => (oci::shown(&other.to_string()), Again::Useless),
    };
    Error::Connection { registry: registry.to_owned(), why, again }
}

/// What a connection is told as that broke while it was read or written.
pub(crate) fn broken(registry: &str, error: &std::io::Error) -> Error {
    use std::io::ErrorKind;
    if let Some(inner) = error.get_ref() {
        if let Some(inner) = inner.downcast_ref::<ureq::Error>() {
            return connection(registry, inner);
        }
        if let Some(inner) = inner.downcast_ref::<TooSlow>() {
            let (why, again) = (inner.to_string(), Again::Worthwhile);
            return Error::Connection { registry: registry.to_owned(), why, again };
        }
        if let Some(inner) = inner.downcast_ref::<rustls::Error>() {
            return Error::Connection {
                registry: registry.to_owned(),
                why: tls(inner),
                again: Again::Useless,
            };
        }
    }
    let again = match error.kind() {
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe
        | ErrorKind::NotConnected
        | ErrorKind::UnexpectedEof
        | ErrorKind::TimedOut
        | ErrorKind::WouldBlock => Again::Worthwhile,
        _ => Again::Useless,
    };
    let why = match error.kind() {
        ErrorKind::ConnectionRefused => "nothing listens there".to_owned(),
        ErrorKind::UnexpectedEof => "it hung up in the middle".to_owned(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            "it stopped in the middle: nothing came for too long".to_owned()
        }
        _ => match error.to_string().strip_prefix("failed to lookup address information: ") {
            Some(why) => format!("its name cannot be resolved ({})", oci::shown(why)),
            None => oci::shown(&error.to_string()),
        },
    };
    Error::Connection { registry: registry.to_owned(), why, again }
}

fn tls(error: &rustls::Error) -> String {
    use rustls::CertificateError as Certificate;
    match error {
        // Another signature than the authority's of the same name counts as none.
        rustls::Error::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
            "its certificate is signed by no authority that is trusted here".to_owned()
        }
        rustls::Error::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => "its certificate is for another name".to_owned(),
        rustls::Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "its certificate has expired".to_owned()
        }
        rustls::Error::InvalidMessage(_) => "what answers there does not speak TLS".to_owned(),
        other => format!("TLS: {}", oci::shown(&other.to_string())),
    }
}

/// The system's resolver, but `localhost` is this machine (RFC 6761, section 6.3): plain HTTP is
/// allowed to it.
#[derive(Debug, Default)]
struct LocalFirst {
    usual: DefaultResolver,
}

impl Resolver for LocalFirst {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        if uri.host() != Some("localhost") {
            return self.usual.resolve(uri, config, timeout);
        }
        let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let port = uri.port_u16().unwrap_or(usual);
        let mut addresses = self.empty();
        for address in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
            addresses.push(SocketAddr::new(address, port));
        }
        Ok(addresses)
    }
}

const USER_AGENT: &str = concat!("bulkhead/", env!("CARGO_PKG_VERSION"));
const LARGEST_HEADER: usize = 64 << 10;
const MOST_IDLE: usize = 8;
const BUFFER: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a registry sends us may be anybody, who would learn who we are.
    #[test]
    fn our_certificate_is_shown_to_the_registry_alone() {
        let folder = tempfile::tempdir().unwrap();
        let host = folder.path().join("registry.example");
        std::fs::create_dir(&host).unwrap();
        let made = std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-subj", "/CN=me", "-keyout", "me.key", "-out", "me.cert"])
            .current_dir(&host)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let settings = Settings {
            docker_certs: vec![folder.path().to_owned()],
            containerd_certs: Vec::new(),
            system_authorities: Vec::new(),
            ..Settings::default()
        };
        let site = crate::hosts::sites("registry.example", &settings).unwrap().remove(0);
        let wire = Wire::new(site.trust, Arc::new(settings));
        assert!(wire.tls(Peer::Registry).unwrap().client_cert().is_some());
        assert!(wire.tls(Peer::Other).unwrap().client_cert().is_none());
    }
}
