// SPDX-License-Identifier: Apache-2.0
//! The `syslog` driver: RFC 5424 and RFC 3164, over UDP, TCP, TLS and Unix sockets.
//!
//! ```text
//! syslog-format   a message is                                              on a stream it ends
//! (none)          <PRI>Nov 28 08:07:16 TAG[PID]: LINE                       with a newline
//! rfc3164         <PRI>Nov 28 08:07:16 HOST TAG[PID]: LINE                  with a newline
//! rfc5424         <PRI>1 2026-11-28T08:07:16Z HOST TAG PID TAG - LINE       by its length before it
//! rfc5424micro    the same with six digits of the second                    by its length before it
//! ```
//!
//! Over TLS all of them are counted (RFC 5425, section 4.3). Unlike Docker, counting is used for RFC 5424
//! over plain TCP as well (RFC 6587, section 3.4.1), and times are in UTC. As in Docker, an empty line
//! is not sent.
//!
//! syslog has no answers: what a server had not read when it went is lost and cannot be counted. What
//! was not handed to the network yet is sent again over the next connection.

mod connection;
mod message;
mod tls;

use std::path::PathBuf;

use crate::attributes::{Details, Identity};
use crate::error::{Error, Result};
use crate::sink::Sink;

use connection::Connection;
use message::{Format, Frame};
use tls::Tls;

/// Where to and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Syslog {
    address: Address,
    facility: u8,
    format: Format,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// Whatever this machine has.
    Here,
    Udp(Peer),
    Tcp(Peer),
    Tls(Peer, Tls),
    Unix(PathBuf),
    Unixgram(PathBuf),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl Syslog {
    /// `take` gives the value of an option, once.
    pub(crate) fn parse(take: &mut dyn FnMut(&str) -> Option<String>) -> Result<Self> {
        let mut text = |name| take(name).unwrap_or_default();
        let (address, facility, format) =
            (text("syslog-address"), text("syslog-facility"), text("syslog-format"));
        let tls = Tls::parse(
            &text("syslog-tls-ca-cert"),
            &text("syslog-tls-cert"),
            &text("syslog-tls-key"),
            &text("syslog-tls-skip-verify"),
        )?;
        Ok(Self {
            address: Address::parse(&address, tls)?,
            facility: facility_of(&facility)?,
            format: Format::parse(&format)?,
        })
    }

    /// Reaches the server; one that does not answer is an error now, and waited for later.
    pub(crate) fn connect(&self, who: &Identity, details: &Details) -> Result<Box<dyn Sink>> {
        let mut connection = Connection::new(self.address.clone())?;
        connection.open()?;
        let message = message::Writer::new(self.format, self.facility, self.frame(), &details.tag_or_id(who));
        Ok(Box::new(connection::Sender::new(connection, message)))
    }

    fn frame(&self) -> Frame {
        let modern = matches!(self.format, Format::Rfc5424 | Format::Rfc5424Micro);
        match self.address {
            Address::Tls(..) => Frame::Counted,
            Address::Tcp(_) if modern => Frame::Counted,
            // What this machine has may be a stream, and a newline does no harm in its datagrams.
            Address::Tcp(_) | Address::Unix(_) | Address::Here => Frame::Newline,
            Address::Udp(_) | Address::Unixgram(_) => Frame::Datagram,
        }
    }
}

impl Address {
    fn parse(text: &str, tls: Option<Tls>) -> Result<Self> {
        let refused =
            |reason: &str| Error::option("syslog-address", format!("`{}`: {reason}", oci::shown(text)));
        if tls.is_some() && !text.starts_with("tcp+tls://") {
            return Err(refused("the syslog-tls options are for tcp+tls://"));
        }
        if text.is_empty() {
            return Ok(Self::Here);
        }
        let form = "syslog-address should be in form proto://address";
        let (scheme, rest) = text.split_once("://").ok_or_else(|| refused(form))?;
        let path = || {
            let path = PathBuf::from(rest);
            if path.is_absolute() { Ok(path) } else { Err(refused("a socket is named by its whole path")) }
        };
        let peer = || Peer::parse(rest).ok_or_else(|| refused("write HOST or HOST:PORT"));
        match scheme {
            "udp" => Ok(Self::Udp(peer()?)),
            "tcp" => Ok(Self::Tcp(peer()?)),
            "tcp+tls" => Ok(Self::Tls(peer()?, tls.unwrap_or_default())),
            "unix" => Ok(Self::Unix(path()?)),
            "unixgram" => Ok(Self::Unixgram(path()?)),
            _ => Err(refused("udp, tcp, tcp+tls, unix and unixgram are known")),
        }
    }
}

impl Peer {
    /// `host`, `host:port`, `[address]:port`; the port is 514 unless told.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_end_matches('/');
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, rest.strip_prefix(':').or(rest.is_empty().then_some(USUAL_PORT))?)
            }
            None => text.rsplit_once(':').unwrap_or((text, USUAL_PORT)),
        };
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "-._:%".contains(letter);
        if host.is_empty() || !host.chars().all(plain) || (host.contains(':') && !text.starts_with('[')) {
            return None;
        }
        Some(Self { host: host.to_owned(), port: port.parse().ok().filter(|port| *port > 0)? })
    }
}

fn facility_of(text: &str) -> Result<u8> {
    if text.is_empty() {
        return Ok(DAEMON);
    }
    let named = FACILITIES.iter().find(|(name, _)| *name == text).map(|(_, number)| *number);
    let number = named.or_else(|| text.parse().ok().filter(|number| *number <= HIGHEST_FACILITY));
    number.ok_or_else(|| {
        Error::option("syslog-facility", format!("invalid syslog facility `{}`", oci::shown(text)))
    })
}

/// RFC 3164, section 4.1.1, by syslog(3)'s names.
const FACILITIES: &[(&str, u8)] = &[
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", DAEMON),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", HIGHEST_FACILITY),
];
const DAEMON: u8 = 3;
const HIGHEST_FACILITY: u8 = 23;
const USUAL_PORT: &str = "514";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let peer = |host: &str, port| Peer { host: host.to_owned(), port };
        for (text, want) in [
            ("", Address::Here),
            ("udp://a.example", Address::Udp(peer("a.example", 514))),
            ("tcp://127.0.0.1:1514/", Address::Tcp(peer("127.0.0.1", 1514))),
            ("tcp://[::1]:99", Address::Tcp(peer("::1", 99))),
            ("tcp://[::1]", Address::Tcp(peer("::1", 514))),
            ("tcp+tls://a:6514", Address::Tls(peer("a", 6514), Tls::default())),
            ("unix:///dev/log", Address::Unix("/dev/log".into())),
            ("unixgram:///dev/log", Address::Unixgram("/dev/log".into())),
        ] {
            assert_eq!(Address::parse(text, None).unwrap(), want, "{text}");
        }
        for text in [
            "a.example",
            "udp://",
            "udp://a:b",
            "udp://a:0",
            "udp://::1",
            "http://a",
            "unix://dev/log",
            "udp://a b",
        ] {
            assert!(Address::parse(text, None).is_err(), "{text}");
        }
    }

    #[test]
    fn facilities() {
        for (text, want) in [("", Some(3)), ("local7", Some(23)), ("0", Some(0)), ("24", None), ("x", None)] {
            assert_eq!(facility_of(text).ok(), want, "{text}");
        }
    }
}
