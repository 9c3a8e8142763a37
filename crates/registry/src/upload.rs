// SPDX-License-Identifier: Apache-2.0
//! Content on its way to a registry (distribution specification, "Push").

use std::io::{self, Read};

use ureq::http::Method;
use ureq::http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};

use oci::descriptor::Descriptor;
use oci::{Digest, Hasher};

use crate::address::Address;
use crate::blob;
use crate::cancel::Cancel;
use crate::client::{CONTENT_DIGEST, Client, Target, thing};
use crate::document;
use crate::endpoint::{Answer, Ask, Endpoint, Load};
use crate::error::{Again, Error, Result};
use crate::guard::Scope;

/// Opens a blob's content at its first byte; called again when it has to be sent again.
pub type Source<'a> = dyn Fn() -> io::Result<Box<dyn Read + Send + 'a>> + Sync + 'a;

/// How a blob came to be where it was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Arrival {
    WasThere,
    Mounted,
    Sent,
}

/// What a registry made of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What can be pulled now.
    pub descriptor: Descriptor,
    /// Whether the registry itself lists it among the referrers of its subject.
    pub listed: Listed,
}

/// Whether a registry keeps the list of referrers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Listed {
    ByRegistry,
    No,
}

impl Client {
    /// Brings the blob to `repository`, unless it is there: from the repository `from` of the same
    /// registry, if that has it, otherwise from `source`. `cancel` ends it.
    ///
    /// # Errors
    /// Besides the registry's: `source` cannot be read, or does not give what `descriptor` says.
    pub fn push_blob(
        &self,
        repository: &str,
        descriptor: &Descriptor,
        from: Option<&str>,
        source: &Source<'_>,
        cancel: &Cancel,
    ) -> Result<Arrival> {
        let scope = from.map_or_else(|| Scope::push(repository), |from| Scope::mount(repository, from));
        let thing = thing("blob", repository, &Target::Digest(descriptor.digest.clone()));
        let push = Push { client: self, repository, descriptor, scope, cancel, thing };
        if push.is_there()? {
            return Ok(Arrival::WasThere);
        }
        push.send(from, source)
    }

    /// Makes `bytes` the manifest `target` of `repository`.
    ///
    /// # Errors
    /// The registry lacks what the manifest names, or keeps something else than it was sent.
    pub fn push_manifest(
        &self,
        repository: &str,
        target: &Target,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<Accepted> {
        let thing = thing("manifest", repository, target);
        let what = format!("store the {thing}");
        if let Target::Digest(digest) = target
            && document::digest_of(digest.algorithm(), bytes) != *digest
        {
            return Err(Error::Damaged {
                what: format!("the {thing}"),
                how: "its digest is another".to_owned(),
            });
        }
        self.of_itself(self.cancel(), |endpoint| {
            let address = endpoint.at(&format!("{repository}/manifests/{target}"));
            let headers = vec![(CONTENT_TYPE, media_type.to_owned())];
            let ask =
                Ask { method: Method::PUT, address, headers, scope: Scope::push(repository), what: &what };
            let answer = endpoint.send(&ask, Load::Bytes(bytes))?;
            if answer.status() != 201 {
                return Err(answer.refusal(&what, &format!("repository {repository}")));
            }
            let digest = kept(&answer, target, bytes)?;
            let listed = if answer.named("oci-subject").is_some() { Listed::ByRegistry } else { Listed::No };
            Ok(Accepted { descriptor: document::descriptor(media_type, digest, bytes.len() as u64)?, listed })
        })
    }
}

/// The digest of what the registry keeps, which must be what it was sent.
fn kept(answer: &Answer, target: &Target, bytes: &[u8]) -> Result<Digest> {
    let told = answer.named(CONTENT_DIGEST).map(|told| Digest::parse(&told)).transpose()?;
    if let Some(told) = &told
        && document::digest_of(told.algorithm(), bytes) != *told
    {
        return Err(Error::protocol(
            &answer.address.authority(),
            format!("it keeps {told}, which is not what it was sent"),
        ));
    }
    match target {
        Target::Digest(digest) => Ok(digest.clone()),
        Target::Tag(_) => Ok(Digest::sha256_of(bytes)),
    }
}

/// One blob on its way.
struct Push<'a> {
    client: &'a Client,
    repository: &'a str,
    descriptor: &'a Descriptor,
    scope: Scope,
    cancel: &'a Cancel,
    thing: String,
}

/// What asking for an upload leads to.
enum Begun {
    Mounted,
    At(Address),
}

impl Push<'_> {
    fn is_there(&self) -> Result<bool> {
        let what = format!("look for the {}", self.thing);
        let length = self.client.of_itself(self.cancel, |endpoint| {
            blob::head(endpoint, self.repository, &self.descriptor.digest, self.scope.clone(), &what)
        })?;
        match length {
            Some(length) if length != self.descriptor.size => Err(Error::Damaged {
                what: format!("the {}", self.thing),
                how: format!("the registry has {length} bytes of it, and it has {}", self.descriptor.size),
            }),
            found => Ok(found.is_some()),
        }
    }

    /// From the beginning each time: what a registry keeps of a broken request is not defined.
    fn send(&self, from: Option<&str>, source: &Source<'_>) -> Result<Arrival> {
        let what = format!("store the {}", self.thing);
        self.client.of_itself(self.cancel, |endpoint| match self.begin(endpoint, from, &what)? {
            Begun::Mounted => Ok(Arrival::Mounted),
            Begun::At(address) => {
                match self.client.settings().part {
                    None => self.whole(endpoint, &address, source, &what)?,
                    Some(part) => self.in_parts(endpoint, address, source, part.max(1), &what)?,
                }
                Ok(Arrival::Sent)
            }
        })
    }

    fn begin(&self, endpoint: &Endpoint, from: Option<&str>, what: &str) -> Result<Begun> {
        let mut address = endpoint.at(&format!("{}/blobs/uploads/", self.repository));
        if let Some(from) = from {
            address = address.with("mount", &self.descriptor.digest.to_string()).with("from", from);
        }
        let answer = endpoint.send(&self.ask(Method::POST, address, what), Load::Bytes(&[]))?;
        match answer.status() {
            201 if from.is_some() => Ok(Begun::Mounted),
            202 => location(endpoint, &answer).map(Begun::At),
            _ => Err(answer.refusal(what, &format!("repository {}", self.repository))),
        }
    }

    fn whole(&self, endpoint: &Endpoint, address: &Address, source: &Source<'_>, what: &str) -> Result<()> {
        let mut ask =
            self.ask(Method::PUT, address.with("digest", &self.descriptor.digest.to_string()), what);
        ask.headers.push((CONTENT_TYPE, "application/octet-stream".to_owned()));
        let answer = endpoint.send(&ask, Load::Stream(self.descriptor.size, &mut || self.open(source)))?;
        self.arrived(answer, what)
    }

    fn in_parts(
        &self,
        endpoint: &Endpoint,
        mut address: Address,
        source: &Source<'_>,
        part: usize,
        what: &str,
    ) -> Result<()> {
        let mut content = self.open(source)?;
        let (mut sent, mut buffer) = (0, Vec::new());
        while sent < self.descriptor.size {
            buffer.clear();
            content
                .by_ref()
                .take(part as u64)
                .read_to_end(&mut buffer)
                .map_err(|error| blob::failure(error, &self.thing))?;
            address = self.part(endpoint, &address, sent, &buffer, what)?;
            sent += buffer.len() as u64;
        }
        let ask = self.ask(Method::PUT, address.with("digest", &self.descriptor.digest.to_string()), what);
        self.arrived(endpoint.send(&ask, Load::Bytes(&[]))?, what)
    }

    /// One part, and where the next one goes. After a broken connection the registry says how much of
    /// it came.
    fn part(
        &self,
        endpoint: &Endpoint,
        address: &Address,
        sent: u64,
        bytes: &[u8],
        what: &str,
    ) -> Result<Address> {
        let end = sent + bytes.len() as u64;
        let (mut address, mut failures) = (address.clone(), 0);
        loop {
            let mut ask = self.ask(Method::PATCH, address.clone(), what);
            ask.headers.push((CONTENT_TYPE, "application/octet-stream".to_owned()));
            ask.headers.push((CONTENT_RANGE, format!("{sent}-{}", end.saturating_sub(1))));
            let error = match endpoint.send(&ask, Load::Bytes(bytes)) {
                Ok(answer) if answer.status() == 202 => return location(endpoint, &answer),
                Ok(answer) => answer.refusal(what, "upload"),
                Err(error) => error,
            };
            if error.again() == Again::Useless {
                return Err(error);
            }
            failures += 1;
            self.client.settings().patience.pause(failures, error, self.cancel)?;
            let answer = endpoint.send(&self.ask(Method::GET, address.clone(), what), Load::Nothing)?;
            let there = answer.header(RANGE).as_deref().and_then(arrived_bytes);
            match (answer.status(), there) {
                (204, there) => {
                    address = location(endpoint, &answer).unwrap_or(address);
                    if there == Some(end) {
                        return Ok(address);
                    }
                    if there.unwrap_or(0) != sent {
                        // Half of a part: only a new upload helps.
                        return Err(broken_off(endpoint));
                    }
                }
                _ => return Err(broken_off(endpoint)),
            }
        }
    }

    fn arrived(&self, answer: Answer, what: &str) -> Result<()> {
        if answer.status() != 201 {
            return Err(answer.refusal(what, "upload"));
        }
        Ok(())
    }

    /// The content, which turns into an error as soon as it is not what was promised.
    fn open<'b>(&self, source: &'b Source<'_>) -> Result<Box<dyn Read + 'b>> {
        let inner = source().map_err(|error| blob::failure(error, &self.thing))?;
        let hasher = Some(Hasher::new(self.descriptor.digest.algorithm()));
        let (wanted, left) = (self.descriptor.digest.clone(), self.descriptor.size);
        Ok(Box::new(Promised { inner, hasher, wanted, left, cancel: self.cancel.clone() }))
    }

    fn ask<'b>(&self, method: Method, address: Address, what: &'b str) -> Ask<'b> {
        Ask { method, address, headers: Vec::new(), scope: self.scope.clone(), what }
    }
}

/// Where the upload goes on.
fn location(endpoint: &Endpoint, answer: &Answer) -> Result<Address> {
    let location = answer.header(LOCATION);
    let location = location
        .ok_or_else(|| Error::protocol(&endpoint.registry(), "it takes an upload and does not say where"))?;
    endpoint.next(&answer.address, &location)
}

/// `Range: 0-9` of an upload: ten bytes are there.
fn arrived_bytes(text: &str) -> Option<u64> {
    let end: u64 = text.trim().trim_start_matches("bytes=").strip_prefix("0-")?.parse().ok()?;
    // distribution writes `0-0` for nothing at all.
    if end == 0 { Some(0) } else { end.checked_add(1) }
}

fn broken_off(endpoint: &Endpoint) -> Error {
    let why = "it lost the upload".to_owned();
    Error::Connection { registry: endpoint.registry(), why, again: Again::Worthwhile }
}

/// Content that is checked on its way out, so that a damaged disk is not blamed on the registry.
struct Promised<'a> {
    inner: Box<dyn Read + Send + 'a>,
    hasher: Option<Hasher>,
    wanted: Digest,
    left: u64,
    cancel: Cancel,
}

impl Read for Promised<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.cancel.check().map_err(io::Error::other)?;
        let room = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.inner.read(&mut buffer[..room])?;
        let damaged = |how: &str| {
            let what = format!("the blob {}", self.wanted);
            io::Error::other(Error::Damaged { what, how: how.to_owned() })
        };
        if count == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(damaged("what is here of it is too short"));
        }
        self.left -= count as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..count]);
        }
        if self.left == 0
            && let Some(hasher) = self.hasher.take()
            && hasher.finish() != self.wanted
        {
            return Err(damaged("what is here of it has another digest"));
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_much_of_an_upload_is_there() {
        for (text, want) in [
            ("0-9", Some(10)),
            ("0-0", Some(0)),
            ("bytes=0-4", Some(5)),
            ("5-9", None),
            ("", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(arrived_bytes(text), want, "{text}");
        }
    }
}
