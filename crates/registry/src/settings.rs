// SPDX-License-Identifier: Apache-2.0
//! What a client goes by. Whoever makes one reads the environment; nothing here does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use oci::Danger;

use crate::config::ConfigFile;
use crate::login::Login;

/// What a client goes by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who asks.
    pub keyring: Keyring,
    /// Folders in Docker's layout, `HOST[:PORT]/{*.crt,*.cert,*.key}`; the first that has the host counts.
    pub docker_certs: Vec<PathBuf>,
    /// Folders in containerd's layout, `HOST/hosts.toml`; the first that has the host counts.
    pub containerd_certs: Vec<PathBuf>,
    /// Files of authorities that are trusted for every registry; the first that exists is the system's.
    pub system_authorities: Vec<PathBuf>,
    /// Files of more authorities, each of which must be there.
    pub extra_authorities: Vec<PathBuf>,
    /// Registries (`host[:port]`) that are spoken to without TLS, and who asked for that. This
    /// machine's own addresses need no entry.
    pub plain_http: BTreeMap<String, Danger>,
    /// Proxies.
    pub proxies: Proxies,
    /// Retries and time limits.
    pub patience: Patience,
    /// Bytes of one part of an upload; without it a blob goes in one request.
    pub part: Option<usize>,
}

/// Where credentials come from.
#[derive(Debug, Clone)]
pub enum Keyring {
    /// Nowhere: every request is anonymous.
    Nobody,
    /// Docker's file.
    File(ConfigFile),
    /// These, for the registry itself (and no mirror of it).
    Given(Login),
}

/// Proxies as the environment names them (`HTTPS_PROXY` and kin). This machine's own addresses are
/// never asked for through one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For plain HTTP.
    pub http: Option<String>,
    /// For HTTPS.
    pub https: Option<String>,
    /// `NO_PROXY`: hosts, `.domains`, addresses, networks (`10.0.0.0/8`) or `*`, separated by commas.
    pub except: String,
}

impl Proxies {
    /// Whether `host` is excepted, as curl reads it: a name covers its subdomains, and a network the
    /// addresses in it. Names are not looked up for that.
    pub(crate) fn excepts(&self, host: &str) -> bool {
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        self.except.split([',', ' ']).filter(|entry| !entry.is_empty()).any(|entry| {
            if let Some(address) = address {
                return entry == "*" || covers(entry, address);
            }
            let entry = entry.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase();
            entry == "*" || host == entry || host.strip_suffix(&entry).is_some_and(|rest| rest.ends_with('.'))
        })
    }
}

/// Whether `entry`, an address or a network of `ADDRESS/BITS`, has `address` in it.
fn covers(entry: &str, address: IpAddr) -> bool {
    let (network, bits) = match entry.split_once('/') {
        Some((network, bits)) => (network, Some(bits)),
        None => (entry, None),
    };
    let Ok(network) = network.trim_matches(['[', ']']).parse::<IpAddr>() else { return false };
    // Both from their highest bit on, so that one comparison serves for both.
    let (network, address, width) = match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            (u128::from(network.to_bits()) << 96, u128::from(address.to_bits()) << 96, 32)
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits(), address.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let Ok(bits) = bits.map_or(Ok(width), str::parse::<u32>) else { return false };
    bits <= width && (network ^ address).leading_zeros() >= bits
}

/// Retries and time limits.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How often a request is sent in all, or a blob picked up again without having grown.
    pub attempts: u32,
    /// The first pause; each one after it is twice as long.
    pub first_pause: Duration,
    /// The longest pause, also when a server asks for a longer one: then it is not asked again.
    pub longest_pause: Duration,
    /// A connection that is not there by then is given up.
    pub connect: Duration,
    /// A connection on which no byte comes or goes for so long is given up.
    pub stall: Duration,
    /// The same while a server checks what was uploaded.
    pub commit: Duration,
    /// Bytes in a second: a connection on which less comes or goes is given up.
    pub least_rate: u64,
    /// Over this much time of waiting.
    pub rate_window: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            stall: Duration::from_secs(30),
            commit: Duration::from_secs(600),
            least_rate: 1024,
            rate_window: Duration::from_secs(60),
        }
    }
}

impl Default for Settings {
    /// Anonymous, with the system's folders.
    fn default() -> Self {
        let paths = |names: &[&str]| names.iter().map(PathBuf::from).collect();
        Self {
            keyring: Keyring::Nobody,
            docker_certs: paths(&["/etc/docker/certs.d"]),
            containerd_certs: paths(&["/etc/containerd/certs.d"]),
            system_authorities: paths(SYSTEM_AUTHORITIES),
            extra_authorities: Vec::new(),
            plain_http: BTreeMap::new(),
            proxies: Proxies::default(),
            patience: Patience::default(),
            part: None,
        }
    }
}

impl Settings {
    /// The file of the system's authorities, if it has one.
    pub(crate) fn system_authorities(&self) -> Option<&Path> {
        self.system_authorities.iter().map(PathBuf::as_path).find(|path| path.exists())
    }
}

/// Debian, Fedora, openSUSE, Alpine.
const SYSTEM_AUTHORITIES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_that_no_proxy_is_asked_for() {
        let proxies =
            Proxies { except: "a.example, .B.example,*.c.example".to_owned(), ..Proxies::default() };
        for (host, want) in [
            ("a.example", true),
            ("x.a.example", true),
            ("xa.example", false),
            ("y.b.example", true),
            ("z.c.example", true),
            ("example", false),
        ] {
            assert_eq!(proxies.excepts(host), want, "{host}");
        }
        let proxies = Proxies {
            except: "10.0.0.0/8,192.0.2.7, 192.0.2.64/26 fd00::/8,[2001:db8::1],0.0.0.0/33,203.0.113.1/x"
                .to_owned(),
            ..Proxies::default()
        };
        for (host, want) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("192.0.2.127", true),
            ("192.0.2.128", false),
            ("fd12::1", true),
            ("[fd12::1]", true),
            ("fe80::1", false),
            ("2001:db8::1", true),
            ("2001:db8::2", false),
            ("203.0.113.1", false),
            // A name is no address, whatever it looks like.
            ("10.0.0.1.example", false),
            ("a.10.0.0.0", false),
        ] {
            assert_eq!(proxies.excepts(host), want, "{host}");
        }
        let all = Proxies { except: "0.0.0.0/0".to_owned(), ..Proxies::default() };
        assert!(all.excepts("192.0.2.1") && !all.excepts("fd00::1") && !all.excepts("registry.example"));
        assert!(Proxies { except: "*".to_owned(), ..Proxies::default() }.excepts("anything"));
        assert!(!Proxies::default().excepts("anything"));
    }
}
