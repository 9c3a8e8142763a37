// SPDX-License-Identifier: Apache-2.0
//! containerd's `hosts.toml`: the mirrors of a registry in the order of the file, then the registry
//! itself.
//!
//! ```text
//! server = "https://registry.example"       # the registry itself; its host when left out
//! [host."https://mirror.example/path"]      # tried first
//!   capabilities = ["pull", "resolve"]      # by digest; by tag
//!   ca = "mirror.crt"                       # or a list
//!   client = [["client.cert", "client.key"]]
//!   override_path = true                    # no /v2/ behind the address
//! ```
//!
//! A key that we cannot honour is an error and not ignored: a mirror that wanted a header or a proxy
//! would be asked without it. `skip_verify` is never honoured.

use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::error::{Error, Result};

/// A whole file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostsFile {
    /// In the order of the file.
    pub mirrors: Vec<Entry>,
    /// The registry itself.
    pub itself: Entry,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As it is written.
    pub address: Option<String>,
    /// What it may be asked.
    pub capabilities: Vec<Capability>,
    /// Files of authorities, relative to the folder of the file.
    pub authorities: Vec<String>,
    /// Files of a certificate and its key, or one of both.
    pub clients: Vec<(String, Option<String>)>,
    /// What its path is.
    pub path: PathIs,
}

/// What a mirror may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Content by its digest.
    Pull,
    /// What a tag means.
    Resolve,
    /// To take content in.
    Push,
}

impl Capability {
    pub(crate) const ALL: [Self; 3] = [Self::Pull, Self::Resolve, Self::Push];
}

/// What the path of an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathIs {
    /// What `/v2/` comes behind.
    Prefix,
    /// The whole of it.
    Whole,
}

/// Reads the file at `path`.
pub(crate) fn read(path: &Path) -> Result<HostsFile> {
    let text = std::fs::read(path).map_err(|error| Error::io("read the mirrors", path, error))?;
    if text.len() > LARGEST {
        return Err(Error::settings(path, "it is larger than 1 MiB"));
    }
    let text = std::str::from_utf8(&text).map_err(|_| Error::settings(path, "it is not UTF-8"))?;
    parse(text).map_err(|reason| Error::settings(path, reason))
}

/// Reads the text of a file; the error says in a sentence what is wrong with it.
pub fn parse(text: &str) -> Result<HostsFile, String> {
    let file: FileText = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let FileText { server, capabilities, ca, client, skip_verify, override_path, dial_timeout, host } = file;
    let own = EntryText { capabilities, ca, client, skip_verify, override_path, dial_timeout };
    let mirrors = host.0.into_iter().map(|(address, entry)| entry.checked(Some(address)));
    Ok(HostsFile { mirrors: mirrors.collect::<Result<_, _>>()?, itself: own.checked(server)? })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText {
    server: Option<String>,
    capabilities: Option<Vec<Capability>>,
    ca: Option<OneOrMore>,
    client: Option<Clients>,
    #[serde(default)]
    skip_verify: bool,
    #[serde(default)]
    override_path: bool,
    dial_timeout: Option<String>,
    #[serde(default)]
    host: InOrder,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryText {
    capabilities: Option<Vec<Capability>>,
    ca: Option<OneOrMore>,
    client: Option<Clients>,
    #[serde(default)]
    skip_verify: bool,
    #[serde(default)]
    override_path: bool,
    dial_timeout: Option<String>,
}

impl EntryText {
    fn checked(self, address: Option<String>) -> Result<Entry, String> {
        let name = address.as_deref().unwrap_or("the registry itself");
        if self.skip_verify {
            return Err(format!(
                "skip_verify of {}: a certificate that nobody checks protects from nobody; put the authority that signed it into `ca`",
                oci::shown(name)
            ));
        }
        if self.dial_timeout.is_some_and(|timeout| timeout.starts_with('-')) {
            return Err(format!("dial_timeout of {} is negative", oci::shown(name)));
        }
        Ok(Entry {
            address,
            capabilities: self.capabilities.unwrap_or_else(|| Capability::ALL.to_vec()),
            authorities: self.ca.map(OneOrMore::all).unwrap_or_default(),
            clients: self.client.map(Clients::all).transpose()?.unwrap_or_default(),
            path: if self.override_path { PathIs::Whole } else { PathIs::Prefix },
        })
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn all(self) -> Vec<String> {
        match self {
            Self::One(one) => vec![one],
            Self::More(more) => more,
        }
    }
}

/// A file of both, or a list of such files and of pairs.
#[derive(Deserialize)]
#[serde(untagged)]
enum Clients {
    One(String),
    More(Vec<OneOrMore>),
}

impl Clients {
    fn all(self) -> Result<Vec<(String, Option<String>)>, String> {
        let parts = match self {
            Self::One(one) => vec![OneOrMore::One(one)],
            Self::More(parts) => parts,
        };
        let pair = |part: OneOrMore| match part {
            OneOrMore::One(both) => Ok((both, None)),
            OneOrMore::More(pair) => match <[String; 2]>::try_from(pair) {
                Ok([certificate, key]) => Ok((certificate, Some(key).filter(|key| !key.is_empty()))),
                Err(_) => Err("client: a list in it must be of a certificate and its key".to_owned()),
            },
        };
        parts.into_iter().map(pair).collect()
    }
}

/// A table whose order counts.
#[derive(Default)]
struct InOrder(Vec<(String, EntryText)>);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrderVisitor)
    }
}

struct InOrderVisitor;

impl<'de> Visitor<'de> for InOrderVisitor {
    type Value = InOrder;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of mirrors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(InOrder(entries))
    }
}

const LARGEST: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_file() {
        let text = r#"
            server = "https://upstream.example"
            ca = "own.crt"
            [host."https://z.example"]
              capabilities = ["pull", "resolve"]
              client = [["a.cert", "a.key"], "both.pem"]
              dial_timeout = "3s"
            [host."https://a.example/x"]
              ca = ["1.crt", "2.crt"]
              override_path = true
        "#;
        let file = parse(text).unwrap();
        assert_eq!(file.itself.address.as_deref(), Some("https://upstream.example"));
        assert_eq!(file.itself.authorities, ["own.crt"]);
        let addresses: Vec<_> =
            file.mirrors.iter().map(|mirror| mirror.address.as_deref().unwrap()).collect();
        assert_eq!(addresses, ["https://z.example", "https://a.example/x"]);
        assert_eq!(file.mirrors[0].capabilities, [Capability::Pull, Capability::Resolve]);
        assert_eq!(
            file.mirrors[0].clients,
            [("a.cert".to_owned(), Some("a.key".to_owned())), ("both.pem".to_owned(), None)]
        );
        assert_eq!(file.mirrors[1].path, PathIs::Whole);
    }

    #[test]
    fn what_cannot_be_honoured_is_refused() {
        for (text, want) in [
            ("skip_verify = true", "skip_verify"),
            ("[host.\"https://x\"]\nskip_verify = true", "skip_verify of https://x"),
            ("[host.\"https://x\".header]\na = \"b\"", "header"),
            ("capabilities = [\"fly\"]", "fly"),
            ("client = [[\"a\"]]", "certificate and its key"),
            ("server = 1", "string"),
            ("= x", "key"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
