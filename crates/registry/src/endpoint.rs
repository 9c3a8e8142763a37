// SPDX-License-Identifier: Apache-2.0
//! One place that answers for a registry: requests with whatever it takes to be let in, redirects
//! within bounds, and answers that are read within bounds.

use std::io::Read;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderName, LOCATION, RETRY_AFTER};
use ureq::http::{Method, Request, Response};
use ureq::{Body, SendBody};

use crate::address::{Address, Scheme};
use crate::error::{Error, Result};
use crate::guard::{Guard, Scope};
use crate::hosts::{self, Capability, Site};
use crate::pace::{Pace, Paced, TooSlow};
use crate::patience::retry_after;
use crate::settings::{Patience, Settings};
use crate::wire::{Peer, Wire, broken};

/// One place that answers for a registry.
#[derive(Debug)]
pub(crate) struct Endpoint {
    base: Address,
    capabilities: Vec<Capability>,
    mirrors: Option<String>,
    wire: Wire,
    guard: Guard,
    settings: Arc<Settings>,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) method: Method,
    pub(crate) address: Address,
    pub(crate) headers: Vec<(HeaderName, String)>,
    pub(crate) scope: Scope,
    /// To do what, for errors: "read the manifest debian:12".
    pub(crate) what: &'a str,
}

/// What a request carries.
pub(crate) enum Load<'a> {
    Nothing,
    Bytes(&'a [u8]),
    /// So many bytes of a reader, which can be made once more when the request has to be sent again.
    Stream(u64, &'a mut dyn FnMut() -> Result<Box<dyn Read + 'a>>),
}

/// An answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    response: Response<Body>,
    /// Where it came from in the end.
    pub(crate) address: Address,
    patience: Patience,
}

impl Endpoint {
    pub(crate) fn new(host: &str, site: Site, settings: &Arc<Settings>) -> Self {
        let Site { base, capabilities, trust, mirrors } = site;
        // The file of credentials knows a registry by the name that people use.
        let known_as = if mirrors.is_some() { base.authority() } else { host.to_owned() };
        let guard = Guard::new(known_as, mirrors.is_none(), settings);
        Self {
            wire: Wire::new(trust, settings.clone()),
            guard,
            base,
            capabilities,
            mirrors,
            settings: settings.clone(),
        }
    }

    pub(crate) fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    pub(crate) fn registry(&self) -> String {
        self.base.authority()
    }

    /// The address of what is at `path` below the base.
    pub(crate) fn at(&self, path: &str) -> Address {
        let address = self.base.at(format!("{}{path}", self.base.path()));
        match &self.mirrors {
            // As containerd does it, for mirrors of several registries.
            Some(host) => address.with("ns", host),
            None => address,
        }
    }

    pub(crate) fn hang_up(&self) {
        self.wire.hang_up();
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Sends a request, once more when the registry wants to know who asks, and follows where it sends
    /// us if nothing is changed by that.
    pub(crate) fn send(&self, ask: &Ask<'_>, mut load: Load<'_>) -> Result<Answer> {
        let mut address = ask.address.clone();
        let (mut redirects, mut asked) = (0, false);
        loop {
            let home = address.same_origin(&self.base);
            // Credentials are the registry's and nobody else's (CVE-2020-15157).
            let shown = if home { self.guard.authorization(&ask.scope) } else { None };
            let response = self.exchange(ask, &address, home, shown.as_deref(), &mut load)?;
            let status = response.status().as_u16();
            if status == 401 && home && !asked {
                asked = true;
                if self.guard.admit(
                    &self.wire,
                    &self.base,
                    &response,
                    &ask.scope,
                    shown.as_deref(),
                    ask.what,
                )? {
                    continue;
                }
            }
            let moved = matches!(status, 301 | 302 | 303 | 307 | 308);
            if !moved {
                let patience = self.settings.patience.clone();
                return Ok(Answer { response, address, patience });
            }
            redirects += 1;
            if redirects > MOST_REDIRECTS {
                return Err(Error::protocol(
                    &self.registry(),
                    format!("it redirects more than {MOST_REDIRECTS} times"),
                ));
            }
            address = self.moved_to(&response, &address, &ask.method)?;
        }
    }

    fn exchange(
        &self,
        ask: &Ask<'_>,
        address: &Address,
        home: bool,
        shown: Option<&str>,
        load: &mut Load<'_>,
    ) -> Result<Response<Body>> {
        let mut request = Request::builder().method(&ask.method).uri(address.to_string());
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if let Some(shown) = shown {
            request = request.header(AUTHORIZATION, shown);
        }
        let (length, mut content) = match load {
            Load::Nothing => return self.run(ask, address, home, request.body(SendBody::none())),
            Load::Bytes(bytes) => (bytes.len() as u64, self.watched(Box::new(*bytes))),
            Load::Stream(length, open) => (*length, self.watched(open()?)),
        };
        let request = request.header(CONTENT_LENGTH, length).body(SendBody::from_reader(&mut content));
        let outcome = self.run(ask, address, home, request);
        match content.failure {
            Some(error) if error.get_ref().is_some_and(|inner| inner.is::<TooSlow>()) => {
                Err(broken(&address.authority(), &error))
            }
            // What we could not read is the cause of what the connection then said.
            Some(error) => Err(crate::blob::failure(error, ask.what)),
            None => outcome,
        }
    }

    fn watched<'a>(&self, inner: Box<dyn Read + 'a>) -> Watched<'a> {
        Watched { inner, failure: None, pace: Pace::new(&self.settings.patience), given: None }
    }

    fn run(
        &self,
        ask: &Ask<'_>,
        address: &Address,
        home: bool,
        request: ureq::http::Result<Request<SendBody<'_>>>,
    ) -> Result<Response<Body>> {
        let request =
            request.map_err(|error| Error::refused(format!("the request to {}: {error}", ask.what)))?;
        let peer = if home { Peer::Registry } else { Peer::Other };
        self.wire.exchange(peer, address, request, self.stall(&ask.method))
    }

    /// Whoever takes content in may look at all of it before answering.
    fn stall(&self, method: &Method) -> Duration {
        match *method {
            Method::PUT => self.settings.patience.commit,
            _ => self.settings.patience.stall,
        }
    }

    fn moved_to(&self, response: &Response<Body>, from: &Address, method: &Method) -> Result<Address> {
        let refused = |how: String| Err(Error::protocol(&self.registry(), how));
        if !matches!(*method, Method::GET | Method::HEAD) {
            return refused(format!("it redirects a {method}"));
        }
        let Some(location) = header(response, LOCATION) else {
            return refused("it redirects to nowhere".to_owned());
        };
        self.next(from, &location)
    }

    /// Where `location`, that an answer from `from` gave us, is; never from TLS to plain HTTP.
    pub(crate) fn next(&self, from: &Address, location: &str) -> Result<Address> {
        let to = from.join(location)?;
        if from.scheme() == Scheme::Https && to.scheme() == Scheme::Http {
            let what = format!("{} sends us from https to http ({})", self.registry(), to.authority());
            return Err(Error::refused(what));
        }
        hosts::check_scheme(&to, &self.settings)?;
        Ok(to)
    }
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn header(&self, name: HeaderName) -> Option<String> {
        header(&self.response, name)
    }

    pub(crate) fn named(&self, name: &'static str) -> Option<String> {
        self.header(HeaderName::from_static(name))
    }

    /// How long the body is, as the header has it.
    pub(crate) fn length(&self) -> Option<u64> {
        self.header(CONTENT_LENGTH).and_then(|length| length.parse().ok())
    }

    /// The whole body, which must not be longer than `most`.
    pub(crate) fn bytes(self, most: u64, what: &str) -> Result<Vec<u8>> {
        let registry = self.address.authority();
        let too_long = || Error::protocol(&registry, format!("{what} is larger than {} KiB", most >> 10));
        if self.length().is_some_and(|length| length > most) {
            return Err(too_long());
        }
        let mut bytes = Vec::new();
        let mut body = self.reader().take(most + 1);
        body.read_to_end(&mut bytes).map_err(|error| broken(&registry, &error))?;
        if bytes.len() as u64 > most { Err(too_long()) } else { Ok(bytes) }
    }

    pub(crate) fn reader(self) -> Box<dyn Read + Send> {
        Box::new(Paced::new(self.response.into_body().into_reader(), &self.patience))
    }

    /// The error that an answer is which is no success: `what` was to be done, `thing` is what would
    /// not be there.
    pub(crate) fn refusal(self, what: &str, thing: &str) -> Error {
        let (status, registry) = (self.status(), self.address.authority());
        let after = self.header(RETRY_AFTER).and_then(|text| retry_after(&text));
        // An answer whose words cannot be read is still that answer.
        let said =
            self.bytes(LONGEST_COMPLAINT, "the error").map(|body| complaint(&body)).unwrap_or_default();
        let what = what.to_owned();
        match status {
            401 => Error::Unauthorized { registry, what, said },
            403 => Error::Denied { registry, what, said },
            404 => Error::NotFound { registry, what: thing.to_owned() },
            _ => Error::Answer { registry, what, status, said, after },
        }
    }
}

pub(crate) fn header(response: &Response<Body>, name: HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

/// The first error of a registry's own form (distribution specification, "Error Codes"), otherwise a
/// short text as it is; with a colon before it.
pub(crate) fn complaint(body: &[u8]) -> String {
    let words = match oci::json::read::<Errors>("error", body) {
        Ok(Errors { errors, details }) => match errors.into_iter().next() {
            Some(OneError { code, message }) => {
                [code, message].into_iter().flatten().collect::<Vec<_>>().join(", ")
            }
            None => details.unwrap_or_default(),
        },
        Err(_) => match std::str::from_utf8(body) {
            Ok(text) if !text.trim_start().starts_with('<') => text.trim().to_owned(),
            _ => String::new(),
        },
    };
    if words.is_empty() { String::new() } else { format!(": {}", oci::shown(&words)) }
}

#[derive(serde::Deserialize)]
struct Errors {
    #[serde(default)]
    errors: Vec<OneError>,
    /// Where some token servers put it.
    details: Option<String>,
}

#[derive(serde::Deserialize)]
struct OneError {
    code: Option<String>,
    message: Option<String>,
}

/// Keeps the failure of a reader, which the connection would tell as one of its own. Whoever takes what is
/// read too slowly is such a failure.
struct Watched<'a> {
    inner: Box<dyn Read + 'a>,
    failure: Option<std::io::Error>,
    pace: Pace,
    /// When it gave how much the last time.
    given: Option<(Instant, u64)>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        // In pieces, because how fast one is taken is known only behind it.
        let room = buffer.len().min(PIECE);
        let taken = self.given.take().map_or(Ok(()), |(then, count)| self.pace.moved(count, then.elapsed()));
        let read = taken.map_err(std::io::Error::other).and_then(|()| self.inner.read(&mut buffer[..room]));
        let count = read.map_err(|error| {
            let kind = error.kind();
            if kind != std::io::ErrorKind::Interrupted {
                self.failure = Some(error);
            }
            std::io::Error::from(kind)
        })?;
        self.given = Some((Instant::now(), count as u64));
        Ok(count)
    }
}

const MOST_REDIRECTS: u32 = 5;
const PIECE: usize = 32 << 10;
const LONGEST_COMPLAINT: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_registries_say() {
        for (body, want) in [
            (r#"{"errors":[{"code":"DENIED","message":"no \u001b[2J"}]}"#, r": DENIED, no \u{1b}[2J"),
            (r#"{"errors":[]}"#, ""),
            (r#"{"details":"incorrect username or password"}"#, ": incorrect username or password"),
            ("busy\n", ": busy"),
            ("<html>", ""),
            ("", ""),
        ] {
            assert_eq!(complaint(body.as_bytes()), want);
        }
    }

    /// Where a redirect, an upload or the next page of a list may lead.
    #[test]
    fn nothing_leads_from_tls_to_plain_http() {
        let settings = Arc::new(Settings {
            docker_certs: Vec::new(),
            containerd_certs: Vec::new(),
            ..Settings::default()
        });
        let site = hosts::sites("registry.example", &settings).unwrap().remove(0);
        let endpoint = Endpoint::new("registry.example", site, &settings);
        let here = Address::parse("https://registry.example/v2/").unwrap();
        for location in ["http://registry.example/v2/", "http://127.0.0.1/", "http://storage.example/"] {
            let error = endpoint.next(&here, location).unwrap_err().to_string();
            assert!(error.contains("from https to http"), "{error}");
        }
        for location in ["/x", "https://storage.example/x", "//storage.example/x"] {
            assert!(endpoint.next(&here, location).is_ok(), "{location}");
        }
    }
}
