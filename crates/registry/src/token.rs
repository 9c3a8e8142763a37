// SPDX-License-Identifier: Apache-2.0
//! Token servers (distribution's "Token Authentication Specification" and "OAuth2 Token
//! Authentication"): who we are goes in, a token for some scopes comes out.
//!
//! A token server is named by whoever answers for the registry. So credentials go to it over TLS
//! only, or within this machine; it may not send us on; its answer is bounded and must be what the
//! specification says.

use std::time::{Duration, Instant};

use serde::Deserialize;
use ureq::SendBody;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{Method, Request, Response};

use crate::address::{Address, Scheme, escaped};
use crate::challenge::Challenge;
use crate::endpoint::{complaint, header};
use crate::error::{Again, Error, Result};
use crate::login::{Login, Secret, basic};
use crate::pace::Paced;
use crate::patience::retry_after;
use crate::settings::Settings;
use crate::wire::{Peer, Wire, broken};

/// A token and when it ends.
#[derive(Debug)]
pub(crate) struct Token {
    text: Secret,
    ends: Option<Instant>,
    refresh: Option<Secret>,
}

impl Token {
    /// One that somebody else got, and who knows when it ends.
    pub(crate) fn given(text: &Secret) -> Self {
        Self { text: text.clone(), ends: None, refresh: None }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text.0
    }

    pub(crate) fn refresh(&self) -> Option<&str> {
        self.refresh.as_ref().map(|secret| secret.0.as_str())
    }

    pub(crate) fn is_good_at(&self, now: Instant) -> bool {
        self.ends.is_none_or(|ends| now < ends)
    }
}

/// Gets a token for `scopes` from the server that `challenge`, an answer of `registry`, names.
pub(crate) fn fetch(
    wire: &Wire,
    registry: &Address,
    challenge: &Challenge,
    scopes: &[String],
    login: Option<&Login>,
    settings: &Settings,
    what: &str,
) -> Result<Token> {
    let realm = realm(registry, challenge, settings)?;
    let service = challenge.parameter("service").unwrap_or_default();
    let server = Server { wire, registry, realm, service, scopes, settings, what };
    let (first, second) = match login {
        // Each way is the other one's fallback, for servers that know only one of them.
        Some(Login::Identity(_)) => (Way::Post, Some(Way::Get)),
        Some(_) => (Way::Get, Some(Way::Post)),
        None => (Way::Get, None),
    };
    let asked = Instant::now();
    let answer = server.ask(first, login)?;
    let unknown = matches!(answer.status().as_u16(), 404 | 405 | 501);
    let answer = match second.filter(|_| unknown) {
        Some(second) => server.ask(second, login)?,
        None => answer,
    };
    server.read(answer, asked)
}

/// The address of the token server, if it may be asked at all.
fn realm(registry: &Address, challenge: &Challenge, settings: &Settings) -> Result<Address> {
    let wrong = |how: &str| Error::protocol(&registry.authority(), how);
    let realm =
        challenge.parameter("realm").ok_or_else(|| wrong("it wants a token and does not say from where"))?;
    let realm = Address::parse(realm)?;
    let downgraded = registry.scheme() == Scheme::Https && realm.scheme() == Scheme::Http;
    if downgraded {
        return Err(Error::refused(format!(
            "{} has its tokens given out over plain HTTP ({})",
            registry.authority(),
            realm.authority()
        )));
    }
    crate::hosts::check_scheme(&realm, settings)?;
    Ok(realm)
}

#[derive(Debug, Clone, Copy)]
enum Way {
    Get,
    Post,
}

struct Server<'a> {
    wire: &'a Wire,
    registry: &'a Address,
    realm: Address,
    service: &'a str,
    scopes: &'a [String],
    settings: &'a Settings,
    what: &'a str,
}

impl Server<'_> {
    fn ask(&self, way: Way, login: Option<&Login>) -> Result<Response<ureq::Body>> {
        let request = Request::builder();
        let peer = if self.realm.same_origin(self.registry) { Peer::Registry } else { Peer::Other };
        let stall = self.settings.patience.stall;
        match way {
            Way::Get => {
                let mut request = request.method(Method::GET).uri(self.query(login).to_string());
                let shown = login.and_then(|login| match login {
                    // Docker's name for somebody who has a token only.
                    Login::Identity(token) => Some(basic("<token>", &token.0)),
                    other => other.basic(),
                });
                if let Some(shown) = shown {
                    request = request.header(AUTHORIZATION, shown);
                }
                let request =
                    request.body(SendBody::none()).map_err(|error| self.lies(&error.to_string()))?;
                self.wire.exchange(peer, &self.realm, request, stall)
            }
            Way::Post => {
                let form = self.form(login);
                let mut bytes = form.as_bytes();
                let request = request.method(Method::POST).uri(self.realm.to_string());
                let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                let request =
                    request.header(CONTENT_LENGTH, form.len()).body(SendBody::from_reader(&mut bytes));
                let request = request.map_err(|error| self.lies(&error.to_string()))?;
                self.wire.exchange(peer, &self.realm, request, stall)
            }
        }
    }

    fn query(&self, login: Option<&Login>) -> Address {
        let mut address = self.realm.clone();
        if !self.service.is_empty() {
            address = address.with("service", self.service);
        }
        for scope in self.scopes {
            address = address.with("scope", scope);
        }
        match login {
            Some(Login::Password { user, .. }) => {
                let address = address.with("account", user).with("client_id", CLIENT);
                // Who logs in asks for nothing but to be known, and keeps a refresh token if there is one.
                if self.scopes.is_empty() { address.with("offline_token", "true") } else { address }
            }
            _ => address,
        }
    }

    fn form(&self, login: Option<&Login>) -> String {
        let mut fields = vec![("client_id", CLIENT.to_owned()), ("service", self.service.to_owned())];
        fields.push(("scope", self.scopes.join(" ")));
        match login {
            Some(Login::Identity(token)) => {
                fields
                    .extend([("grant_type", "refresh_token".to_owned()), ("refresh_token", token.0.clone())]);
            }
            Some(Login::Password { user, password }) => fields.extend([
                ("grant_type", "password".to_owned()),
                ("access_type", "offline".to_owned()),
                ("username", user.clone()),
                ("password", password.0.clone()),
            ]),
            _ => {}
        }
        let pair = |(name, value): (&str, String)| format!("{name}={}", escaped(&value));
        fields.into_iter().map(pair).collect::<Vec<_>>().join("&")
    }

    fn read(&self, answer: Response<ureq::Body>, asked: Instant) -> Result<Token> {
        let status = answer.status().as_u16();
        let after = header(&answer, RETRY_AFTER).and_then(|text| retry_after(&text));
        let body = self.body(answer);
        match status {
            200 => {}
            300..=399 => return Err(self.lies("it sends us elsewhere, and credentials are not sent after")),
            401 | 403 => {
                let (registry, what) = (self.registry.authority(), self.what.to_owned());
                let said = body.map(|body| complaint(&body)).unwrap_or_default();
                return Err(Error::Unauthorized { registry, what, said });
            }
            _ => {
                let (registry, what) = (self.realm.authority(), "give out a token".to_owned());
                let said = body.map(|body| complaint(&body)).unwrap_or_default();
                return Err(Error::Answer { registry, what, status, said, after });
            }
        }
        let text: Text = oci::json::read("token", &body?).map_err(|error| self.lies(&error.to_string()))?;
        let token = text.token.or(text.access_token).filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| self.lies("there is no token in its answer"))?;
        if token.len() > LONGEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self.lies("its token is too long or not one word"));
        }
        // distribution: 60 seconds unless it says otherwise; a tenth is left for the way and the clocks.
        let seconds = text.expires_in.unwrap_or(60.0).clamp(10.0, 86_400.0);
        let ends = asked + Duration::from_secs_f64(seconds * 0.9);
        let refresh = text.refresh_token.filter(|token| !token.is_empty()).map(Secret);
        Ok(Token { text: Secret(token), ends: Some(ends), refresh })
    }

    fn body(&self, answer: Response<ureq::Body>) -> Result<Vec<u8>> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        let body = Paced::new(answer.into_body().into_reader(), &self.settings.patience);
        let mut body = body.take(LARGEST + 1);
        let read = body.read_to_end(&mut bytes).map_err(|error| broken(&self.realm.authority(), &error));
        match read {
            Err(error) if error.again() == Again::Worthwhile => return Err(error),
            Err(error) => return Err(self.lies(&error.to_string())),
            Ok(_) => {}
        }
        if bytes.len() as u64 > LARGEST {
            Err(self.lies("its answer is larger than 1 MiB"))
        } else {
            Ok(bytes)
        }
    }

    fn lies(&self, how: &str) -> Error {
        Error::protocol(&format!("the token server {}", self.realm.authority()), how)
    }
}

#[derive(Deserialize)]
struct Text {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
    refresh_token: Option<String>,
}

const CLIENT: &str = "bulkhead";
const LARGEST: u64 = 1 << 20;
const LONGEST: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_is_at_least_as_safe_as_its_registry() {
        let settings = Settings::default();
        let realm_of = |registry: &str, realm: &str| {
            let challenge = crate::challenge::parse(&format!("Bearer realm=\"{realm}\"")).remove(0);
            super::realm(&Address::parse(registry).unwrap(), &challenge, &settings)
                .map_err(|error| error.to_string())
        };
        assert!(realm_of("https://r.example/", "https://auth.example/token").is_ok());
        assert!(realm_of("http://127.0.0.1:5000/", "http://127.0.0.1:5001/token").is_ok());
        for realm in ["http://auth.example/", "http://127.0.0.1/", "http://r.example/"] {
            let error = realm_of("https://r.example/", realm).unwrap_err();
            assert!(error.contains("plain HTTP"), "{error}");
        }
        assert!(realm_of("http://127.0.0.1:5000/", "http://auth.example/").is_err());
    }
}
