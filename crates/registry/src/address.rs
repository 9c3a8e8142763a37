// SPDX-License-Identifier: Apache-2.0
//! Addresses of registries and of what they point to: `http` and `https` only, no user names in them,
//! nothing that a log or a shell would misread.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::error::{Error, Result};

/// An absolute HTTP address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Address {
    scheme: Scheme,
    host: String,
    port: u16,
    /// With its query, from the first slash on.
    path: String,
}

/// How the bytes travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Within TLS.
    Https,
}

impl Scheme {
    /// As it stands before the colon.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn usual_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Address {
    /// Reads an absolute address (RFC 3986, without user information and fragment).
    pub fn parse(text: &str) -> Result<Self> {
        let refused =
            |reason: &str| Err(Error::refused(format!("the address `{}`: {reason}", oci::shown(text))));
        if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return refused("it is too long or has characters that an address cannot have");
        }
        let text = text.split('#').next().unwrap_or_default();
        let (scheme, rest) = match text.split_once("://") {
            Some((name, rest)) if name.eq_ignore_ascii_case("https") => (Scheme::Https, rest),
            Some((name, rest)) if name.eq_ignore_ascii_case("http") => (Scheme::Http, rest),
            _ => return refused("it begins with neither https:// nor http://"),
        };
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let path = if path.starts_with('?') { format!("/{path}") } else { path.to_owned() };
        if !path.bytes().all(is_in_path) {
            return refused("it has characters that must be escaped");
        }
        let Some((host, port)) = split_authority(authority) else {
            return refused("its host is not a name, an address or a name and a port");
        };
        let port = match port {
            Some(port) => port,
            None => scheme.usual_port(),
        };
        Ok(Self { scheme, host: host.to_ascii_lowercase(), port, path })
    }

    /// The root of `host[:port]` by `scheme`.
    pub(crate) fn of_host(scheme: Scheme, host: &str) -> Result<Self> {
        Self::parse(&format!("{}://{host}/", scheme.name()))
    }

    /// Where `location`, a header that came from here, points (RFC 9110, section 10.2.2).
    pub fn join(&self, location: &str) -> Result<Self> {
        if location.contains("://") && !location.starts_with(['/', '?']) {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{}://{rest}", self.scheme.name()));
        }
        let folder = || {
            let path = self.path.split('?').next().unwrap_or_default();
            path.rfind('/').map_or("/", |at| &path[..=at])
        };
        let path = match location.as_bytes().first() {
            Some(b'/') => location.to_owned(),
            _ => format!("{}{location}", folder()),
        };
        Self::parse(&format!("{}{path}", self.origin()))
    }

    /// The same place with another path, which begins with a slash.
    #[must_use]
    pub(crate) fn at(&self, path: String) -> Self {
        Self { path, ..self.clone() }
    }

    /// With one more parameter in its query.
    #[must_use]
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let joint = if self.path.contains('?') { '&' } else { '?' };
        self.at(format!("{}{joint}{name}={}", self.path, escaped(value)))
    }

    /// How the bytes travel.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name or IP address, the latter without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path and the query.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// `host` or `host:port`, as people write it.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if self.port == self.scheme.usual_port() { host } else { format!("{host}:{}", self.port) }
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme.name(), self.authority())
    }

    /// Whether scheme, host and port are the same: what credentials are bound to.
    pub fn same_origin(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }

    /// Whether it can only be on this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.path)
    }
}

/// Whether `host`, without a port, can only be on this machine (RFC 6761, section 6.3).
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `host` and `port`, of `host[:port]` or `[v6][:port]`.
pub(crate) fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = match port {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse::<u16>().ok()?),
        Some(_) => return None,
        None => None,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let is_name = !host.is_empty() && host.bytes().all(plain) && !host.starts_with(['.', '-']);
    (is_name || host.contains(':')).then_some((host, port))
}

/// `text` with everything escaped that has a meaning in a query.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' => {
                escaped.push(byte.into())
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// RFC 3986, appendix A, with the bytes that servers put into queries all the same.
fn is_in_path(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte)
}

/// Signed addresses of storage services have a few thousand.
const LONGEST: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_addresses_are_made_of() {
        let address = Address::parse("HTTPS://Registry.Example:5000/v2/?a=b").unwrap();
        assert_eq!(address.to_string(), "https://registry.example:5000/v2/?a=b");
        assert_eq!((address.host(), address.path()), ("registry.example", "/v2/?a=b"));
        assert_eq!(Address::parse("http://x:80").unwrap().to_string(), "http://x/");
        assert_eq!(Address::parse("https://[::1]:7/").unwrap().authority(), "[::1]:7");
        for bad in [
            "ftp://x/",
            "//x/",
            "https://",
            "https://a b/",
            "https://u:p@x/",
            "https://x:70000/",
            "https://x:/a\u{7}",
            "https://-x/",
            "https://x/\"",
            "https://[::1/",
            "https://x:1x/",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn where_locations_point() {
        let base = Address::parse("https://x.example/v2/a/b?c=d").unwrap();
        for (location, want) in [
            ("/up", "https://x.example/up"),
            ("up?x=1", "https://x.example/v2/a/up?x=1"),
            ("https://y.example/z", "https://y.example/z"),
            ("//y.example/z", "https://y.example/z"),
            ("/r?to=http://q/", "https://x.example/r?to=http://q/"),
        ] {
            assert_eq!(base.join(location).unwrap().to_string(), want);
        }
        assert!(base.join("javascript://alert").is_err());
    }

    #[test]
    fn origins_and_loopback() {
        let address = |text| Address::parse(text).unwrap();
        assert!(address("https://x/a").same_origin(&address("https://X:443/b")));
        for other in ["http://x:443/", "https://x:444/", "https://y/"] {
            assert!(!address("https://x/").same_origin(&address(other)), "{other}");
        }
        for (text, want) in [
            ("http://127.9.9.9/", true),
            ("http://[::1]/", true),
            ("http://localhost:5/", true),
            ("http://localhost.example/", false),
            ("http://128.0.0.1/", false),
        ] {
            assert_eq!(address(text).is_loopback(), want, "{text}");
        }
        assert_eq!(escaped("a b&c=d/e:f+"), "a%20b%26c%3Dd/e:f%2B");
    }
}
