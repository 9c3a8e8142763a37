// SPDX-License-Identifier: Apache-2.0
//! The client of one registry: its mirrors and itself, and what may be asked of them.

use std::sync::Arc;

use ureq::http::Method;
use ureq::http::header::{ACCEPT, CONTENT_TYPE};

use oci::{Digest, Reference};

use crate::cancel::Cancel;
use crate::document::{self, Fetched};
use crate::endpoint::{Answer, Ask, Endpoint, Load};
use crate::error::{Error, Result};
use crate::guard::Scope;
use crate::hosts::{self, Capability};
use crate::settings::Settings;

/// The client of one registry. Clones are the same client.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    host: String,
    /// Mirrors first, the registry itself last.
    endpoints: Vec<Endpoint>,
    settings: Arc<Settings>,
    cancel: Cancel,
}

/// What a manifest is asked for by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whatever the tag means now.
    Tag(String),
    /// Exactly this.
    Digest(Digest),
}

impl Target {
    /// The digest when there is one, otherwise the tag.
    pub fn of(reference: &Reference) -> Self {
        match (reference.digest(), reference.tag()) {
            (Some(digest), _) => Self::Digest(digest.clone()),
            (None, tag) => Self::Tag(tag.unwrap_or("latest").to_owned()),
        }
    }

    fn capability(&self) -> Capability {
        match self {
            Self::Tag(_) => Capability::Resolve,
            Self::Digest(_) => Capability::Pull,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => write!(f, "{digest}"),
        }
    }
}

impl Client {
    /// A client of the registry `host[:port]`. Nothing is sent yet.
    ///
    /// # Errors
    /// A file of mirrors or certificates for it that cannot be honoured.
    pub fn new(host: &str, settings: &Settings) -> Result<Self> {
        let settings = Arc::new(settings.clone());
        let sites = hosts::sites(host, &settings)?;
        let endpoints = sites.into_iter().map(|site| Endpoint::new(host, site, &settings)).collect();
        let inner = Inner { host: host.to_owned(), endpoints, settings, cancel: Cancel::default() };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The registry's `host[:port]`.
    pub fn host(&self) -> &str {
        &self.inner.host
    }

    /// Whether both speak to the same registry.
    pub fn is_of_the_same(&self, other: &Self) -> bool {
        self.host() == other.host()
    }

    /// What ends all this client does.
    pub fn cancel(&self) -> &Cancel {
        &self.inner.cancel
    }

    /// Ends all connections, so that whoever waits on one hears of a [`Cancel`] at once. They are made
    /// again when they are needed again.
    pub fn hang_up(&self) {
        self.inner.endpoints.iter().for_each(Endpoint::hang_up);
    }

    /// Whether the registry is there, and lets us in.
    ///
    /// # Errors
    /// It is not there, is no registry, or wants other credentials.
    pub fn ping(&self) -> Result<()> {
        let what = "log in";
        self.of_itself(self.cancel(), |endpoint| {
            let address = endpoint.at("");
            let ask =
                Ask { method: Method::GET, address, headers: Vec::new(), scope: Scope::default(), what };
            let answer = endpoint.send(&ask, Load::Nothing)?;
            match answer.status() {
                200 => Ok(()),
                404 => Err(Error::protocol(self.host(), "there is no registry at /v2/")),
                _ => Err(answer.refusal(what, "registry at /v2/")),
            }
        })
    }

    /// The refresh token that the token server gave out for the password, if it did.
    pub(crate) fn identity(&self) -> Option<String> {
        self.itself().guard().identity()
    }

    /// Reads the manifest or index of `target`.
    ///
    /// # Errors
    /// It is not there; it is not what its digest says; its type, its fields and what the registry says
    /// about it are not one thing (CVE-2021-41190); it is of schema 1.
    pub fn manifest(&self, repository: &str, target: &Target) -> Result<Fetched> {
        let thing = thing("manifest", repository, target);
        let what = format!("read the {thing}");
        self.reading(target.capability(), self.cancel(), |endpoint| {
            let answer = self.ask_manifest(endpoint, Method::GET, repository, target, &what)?;
            if answer.status() != 200 {
                return Err(answer.refusal(&what, &thing));
            }
            let kind = answer.header(CONTENT_TYPE);
            let told = answer.named(CONTENT_DIGEST);
            let bytes = answer.bytes(document::LARGEST, "the manifest")?;
            document::checked(&thing, kind.as_deref(), told.as_deref(), target, bytes)
        })
    }

    /// Whether `target` is there, by the registry's word.
    ///
    /// # Errors
    /// The registry does not say.
    pub fn manifest_exists(&self, repository: &str, target: &Target) -> Result<bool> {
        let thing = thing("manifest", repository, target);
        let what = format!("look for the {thing}");
        self.reading(target.capability(), self.cancel(), |endpoint| {
            let answer = self.ask_manifest(endpoint, Method::HEAD, repository, target, &what)?;
            match answer.status() {
                200 => Ok(true),
                404 => Ok(false),
                _ => Err(answer.refusal(&what, &thing)),
            }
        })
    }

    fn ask_manifest(
        &self,
        endpoint: &Endpoint,
        method: Method,
        repository: &str,
        target: &Target,
        what: &str,
    ) -> Result<Answer> {
        let ask = Ask {
            method,
            address: endpoint.at(&format!("{repository}/manifests/{target}")),
            headers: vec![(ACCEPT, document::ACCEPTED.join(", "))],
            scope: Scope::pull(repository),
            what,
        };
        endpoint.send(&ask, Load::Nothing)
    }

    /// Removes a tag, or a manifest with all its tags.
    ///
    /// # Errors
    /// It is not there, or the registry does not do that.
    pub fn delete_manifest(&self, repository: &str, target: &Target) -> Result<()> {
        let thing = thing("manifest", repository, target);
        self.delete(repository, &format!("manifests/{target}"), &thing)
    }

    /// Removes a blob, whoever refers to it.
    ///
    /// # Errors
    /// It is not there, or the registry does not do that.
    pub fn delete_blob(&self, repository: &str, digest: &Digest) -> Result<()> {
        self.delete(repository, &format!("blobs/{digest}"), &format!("blob {repository}@{digest}"))
    }

    fn delete(&self, repository: &str, path: &str, thing: &str) -> Result<()> {
        let what = format!("delete the {thing}");
        self.of_itself(self.cancel(), |endpoint| {
            let address = endpoint.at(&format!("{repository}/{path}"));
            let scope = Scope::delete(repository);
            let ask = Ask { method: Method::DELETE, address, headers: Vec::new(), scope, what: &what };
            let answer = endpoint.send(&ask, Load::Nothing)?;
            match answer.status() {
                200 | 202 | 204 => Ok(()),
                _ => Err(answer.refusal(&what, thing)),
            }
        })
    }

    /// Calls `attempt` for each place that can do it, until one does: mirrors once, the registry itself
    /// with patience. Its answer is the one that counts.
    pub(crate) fn reading<T>(
        &self,
        capability: Capability,
        cancel: &Cancel,
        mut attempt: impl FnMut(&Endpoint) -> Result<T>,
    ) -> Result<T> {
        let patience = &self.inner.settings.patience;
        let (itself, mirrors) = (self.itself(), self.mirrors());
        for mirror in mirrors.iter().filter(|mirror| mirror.can(capability)) {
            // A mirror is a convenience: whatever is wrong with it, the next place is asked at once.
            if let Ok(value) = attempt(mirror) {
                return Ok(value);
            }
            cancel.check()?;
        }
        patience.retry(cancel, || attempt(itself))
    }

    /// Calls `attempt` for the registry itself, with patience.
    pub(crate) fn of_itself<T>(
        &self,
        cancel: &Cancel,
        mut attempt: impl FnMut(&Endpoint) -> Result<T>,
    ) -> Result<T> {
        self.inner.settings.patience.retry(cancel, || attempt(self.itself()))
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    fn itself(&self) -> &Endpoint {
        // `hosts::sites` always ends with it.
        &self.inner.endpoints[self.inner.endpoints.len() - 1]
    }

    fn mirrors(&self) -> &[Endpoint] {
        &self.inner.endpoints[..self.inner.endpoints.len() - 1]
    }
}

pub(crate) fn thing(kind: &str, repository: &str, target: &Target) -> String {
    match target {
        Target::Tag(tag) => format!("{kind} {repository}:{tag}"),
        Target::Digest(digest) => format!("{kind} {repository}@{digest}"),
    }
}

/// What the server says that it is sending. Never trusted alone.
pub(crate) const CONTENT_DIGEST: &str = "docker-content-digest";
