// SPDX-License-Identifier: Apache-2.0
//! Being let in (distribution's "Token Authentication Specification" and RFC 7617): what a registry
//! asked for once is shown with every later request to it, and to it only.
//!
//! Tokens are kept in memory, by what they are for, and until they end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ureq::Body;
use ureq::http::Response;
use ureq::http::header::WWW_AUTHENTICATE;

use crate::address::Address;
use crate::challenge::{self, Challenge};
use crate::error::{Error, Result};
use crate::login::Login;
use crate::settings::{Keyring, Settings};
use crate::token::{self, Token};
use crate::wire::Wire;

/// What is shown to one registry.
#[derive(Debug)]
pub(crate) struct Guard {
    /// What the file of credentials knows the registry as.
    host: String,
    keyring: Keyring,
    settings: Arc<Settings>,
    shown: Mutex<Shown>,
    /// Held while a token is fetched, so that those who wait for the same one get that.
    asking: Mutex<()>,
}

/// What a request needs leave for, in the token server's words: `repository:NAME:pull`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Scope(Vec<String>);

impl Scope {
    pub(crate) fn pull(repository: &str) -> Self {
        Self(vec![format!("repository:{repository}:pull")])
    }

    pub(crate) fn push(repository: &str) -> Self {
        Self(vec![format!("repository:{repository}:pull,push")])
    }

    pub(crate) fn delete(repository: &str) -> Self {
        Self(vec![format!("repository:{repository}:delete")])
    }

    /// Pushing to one with what another has.
    pub(crate) fn mount(repository: &str, from: &str) -> Self {
        let mut scope = Self::push(repository);
        scope.0.extend(Self::pull(from).0);
        scope
    }

    pub(crate) fn catalog() -> Self {
        Self(vec!["registry:catalog:*".to_owned()])
    }

    /// These and those of a challenge: a mirror's repositories have other names than ours.
    fn with_those_of(&self, challenge: &Challenge) -> Vec<String> {
        let theirs =
            challenge.parameter("scope").unwrap_or_default().split(' ').filter(|scope| !scope.is_empty());
        let theirs: Vec<String> = theirs.map(str::to_owned).collect();
        match (theirs.is_empty(), self.0.len()) {
            (true, _) => self.0.clone(),
            // What they ask for is what this request needs.
            (false, 0 | 1) => theirs,
            (false, _) => {
                let more = self.0.iter().filter(|scope| !theirs.contains(scope)).cloned().collect::<Vec<_>>();
                theirs.into_iter().chain(more).collect()
            }
        }
    }
}

#[derive(Debug, Default)]
struct Shown {
    login: Option<Option<Login>>,
    basic: Option<String>,
    tokens: HashMap<Scope, Token>,
}

impl Guard {
    /// `itself`: a login that was given is for the registry itself and not for its mirrors.
    pub(crate) fn new(host: String, itself: bool, settings: &Arc<Settings>) -> Self {
        let keyring = match &settings.keyring {
            Keyring::Given(_) if !itself => Keyring::Nobody,
            keyring => keyring.clone(),
        };
        Self { host, keyring, settings: settings.clone(), shown: Mutex::default(), asking: Mutex::default() }
    }

    /// What to show with a request, as far as it is known by now.
    pub(crate) fn authorization(&self, scope: &Scope) -> Option<String> {
        let mut shown = self.shown();
        let now = Instant::now();
        shown.tokens.retain(|_, token| token.is_good_at(now));
        let token = shown.tokens.get(scope).map(|token| format!("Bearer {}", token.text()));
        token.or_else(|| shown.basic.clone())
    }

    /// Answers a 401 to a request that showed `was`: whether it is worth sending again.
    pub(crate) fn admit(
        &self,
        wire: &Wire,
        registry: &Address,
        response: &Response<Body>,
        scope: &Scope,
        was: Option<&str>,
        what: &str,
    ) -> Result<bool> {
        let _one_at_a_time = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        // Another request may have been let in meanwhile.
        if self.authorization(scope).as_deref() != was {
            return Ok(true);
        }
        let fields = response.headers().get_all(WWW_AUTHENTICATE);
        let challenges: Vec<Challenge> =
            fields.iter().filter_map(|field| field.to_str().ok()).flat_map(challenge::parse).collect();
        let of = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let login = self.login()?;
        if let (Some(Login::Bearer(token)), Some(_)) = (&login, of("bearer")) {
            self.shown().tokens.insert(scope.clone(), Token::given(token));
            return Ok(was.is_none());
        }
        if let Some(bearer) = of("bearer") {
            let scopes = scope.with_those_of(bearer);
            let token = token::fetch(wire, registry, bearer, &scopes, login.as_ref(), &self.settings, what)?;
            self.shown().tokens.insert(scope.clone(), token);
            return Ok(true);
        }
        let (Some(_), Some(login)) = (of("basic"), login) else { return Ok(false) };
        let Some(basic) = login.basic() else {
            return Err(Error::refused(format!(
                "{} wants a password, and what is kept for it is a token",
                self.host
            )));
        };
        let worthwhile = was != Some(basic.as_str());
        self.shown().basic = Some(basic);
        Ok(worthwhile)
    }

    /// Who asks; looked up once, and only when the registry wants to know.
    fn login(&self) -> Result<Option<Login>> {
        if let Some(login) = &self.shown().login {
            return Ok(login.clone());
        }
        // Not while the lock is held: a helper may take its time.
        let login = match &self.keyring {
            Keyring::Nobody => None,
            Keyring::Given(login) => Some(login.clone()),
            Keyring::File(file) => file.login(&self.host)?,
        };
        self.shown().login = Some(login.clone());
        Ok(login)
    }

    /// The refresh token that the token server gave out for a password, if it did.
    pub(crate) fn identity(&self) -> Option<String> {
        self.shown().tokens.values().find_map(|token| token.refresh().map(str::to_owned))
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_the_challenge_count() {
        let parse = |text: &str| challenge::parse(text).remove(0);
        let bare = parse("Bearer realm=x");
        let theirs = parse("Bearer realm=x,scope=\"repository:proxy/a:pull repository:b:pull\"");
        assert_eq!(Scope::pull("a").with_those_of(&bare), ["repository:a:pull"]);
        assert_eq!(Scope::pull("a").with_those_of(&theirs), ["repository:proxy/a:pull", "repository:b:pull"]);
        assert_eq!(
            Scope::mount("c", "b").with_those_of(&theirs),
            ["repository:proxy/a:pull", "repository:b:pull", "repository:c:pull,push"]
        );
    }
}
