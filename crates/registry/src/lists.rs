// SPDX-License-Identifier: Apache-2.0
//! Listings, page by page within bounds: tags, repositories, referrers.

use std::collections::BTreeMap;

use serde::Deserialize;
use ureq::http::Method;
use ureq::http::header::{ACCEPT, LINK};

use oci::Digest;
use oci::descriptor::Descriptor;

use crate::address::Address;
use crate::client::{Client, Target};
use crate::endpoint::{Answer, Ask, Endpoint, Load};
use crate::error::{Error, Result};
use crate::guard::Scope;
use crate::link;

/// What refers to a manifest: a signature, a bill of materials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrer {
    /// The referring manifest.
    pub descriptor: Descriptor,
    /// What kind of thing it is.
    pub artifact_type: Option<String>,
}

impl Client {
    /// The tags of a repository, in the registry's order, which not all sort.
    ///
    /// # Errors
    /// There is no such repository, or its list has no end.
    pub fn tags(&self, repository: &str) -> Result<Vec<String>> {
        let scope = Scope::pull(repository);
        let mut tags = Vec::new();
        let first = format!("{repository}/tags/list");
        self.pages(&first, &scope, "list the tags", &format!("repository {repository}"), &mut |body| {
            let page: Tags = oci::json::read("list of tags", body)?;
            tags.extend(page.tags.unwrap_or_default());
            Ok(tags.len())
        })?;
        Ok(tags)
    }

    /// The repositories of the registry, of those that it shows.
    ///
    /// # Errors
    /// The registry does not list them, or its list has no end.
    pub fn catalog(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        self.pages("_catalog", &Scope::catalog(), "list its repositories", "catalog", &mut |body| {
            let page: Catalog = oci::json::read("list of repositories", body)?;
            names.extend(page.repositories.unwrap_or_default());
            Ok(names.len())
        })?;
        Ok(names)
    }

    /// What refers to the manifest `subject`; of the kind `artifact_type` only, if one is given. A
    /// registry without the interface is asked for the tag that stands in for it (distribution
    /// specification, "Referrers Tag Schema").
    pub fn referrers(
        &self,
        repository: &str,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Referrer>> {
        let mut found = Vec::new();
        let mut path = format!("{repository}/referrers/{subject}");
        if let Some(kind) = artifact_type {
            path = format!("{path}?artifactType={}", crate::address::escaped(kind));
        }
        let listed = self.pages(
            &path,
            &Scope::pull(repository),
            "list what refers to it",
            "list of referrers",
            &mut |body| {
                found.extend(entries(body)?);
                Ok(found.len())
            },
        );
        match listed {
            Ok(()) => {}
            Err(Error::NotFound { .. }) => found = self.referrers_by_tag(repository, subject)?,
            Err(error) => return Err(error),
        }
        // A registry may leave the choice to us.
        found.retain(|referrer| {
            artifact_type.is_none_or(|kind| referrer.artifact_type.as_deref() == Some(kind))
        });
        Ok(found)
    }

    /// The referrers that pushing tools keep in an index of their own.
    pub(crate) fn referrers_by_tag(&self, repository: &str, subject: &Digest) -> Result<Vec<Referrer>> {
        match self.manifest(repository, &referrers_tag(subject)) {
            Ok(index) => entries(&index.bytes),
            Err(Error::NotFound { .. }) => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Reads page after page; `take` says how many entries there are by now.
    fn pages(
        &self,
        first: &str,
        scope: &Scope,
        what: &str,
        thing: &str,
        take: &mut dyn FnMut(&[u8]) -> Result<usize>,
    ) -> Result<()> {
        let mut next: Option<Address> = None;
        for _ in 0..MOST_PAGES {
            let (body, following) = self.of_itself(self.cancel(), |endpoint| {
                let address = next.clone().unwrap_or_else(|| endpoint.at(first));
                page(endpoint, address, scope, what, thing)
            })?;
            if take(&body)? > MOST_ENTRIES {
                return Err(Error::protocol(
                    self.host(),
                    format!("its list has more than {MOST_ENTRIES} entries"),
                ));
            }
            match following {
                Some(following) if next.as_ref() != Some(&following) => next = Some(following),
                Some(_) => {
                    return Err(Error::protocol(self.host(), "the next page of its list is the same again"));
                }
                None => return Ok(()),
            }
        }
        Err(Error::protocol(self.host(), format!("its list has more than {MOST_PAGES} pages")))
    }
}

fn page(
    endpoint: &Endpoint,
    address: Address,
    scope: &Scope,
    what: &str,
    thing: &str,
) -> Result<(Vec<u8>, Option<Address>)> {
    let headers = vec![(ACCEPT, "application/json, application/vnd.oci.image.index.v1+json".to_owned())];
    let ask = Ask { method: Method::GET, address, headers, scope: scope.clone(), what };
    let answer = endpoint.send(&ask, Load::Nothing)?;
    if answer.status() != 200 {
        return Err(answer.refusal(what, thing));
    }
    let following = following(endpoint, &answer)?;
    Ok((answer.bytes(LARGEST_PAGE, "a page of the list")?, following))
}

/// The next page, which must be the registry's own.
fn following(endpoint: &Endpoint, answer: &Answer) -> Result<Option<Address>> {
    let Some(field) = answer.header(LINK) else { return Ok(None) };
    let Some(target) = link::next(&field) else { return Ok(None) };
    let address = endpoint.next(&answer.address, target)?;
    if address.same_origin(&answer.address) {
        return Ok(Some(address));
    }
    Err(Error::protocol(
        &endpoint.registry(),
        format!("the next page of its list is elsewhere ({})", address.authority()),
    ))
}

/// The tag that an index of referrers has.
pub(crate) fn referrers_tag(subject: &Digest) -> Target {
    let tag: String = format!("{}-{}", subject.algorithm().name(), subject.hex());
    Target::Tag(tag.chars().take(LONGEST_TAG).collect())
}

fn entries(body: &[u8]) -> Result<Vec<Referrer>> {
    let index: Index = oci::json::read("list of referrers", body)?;
    index.manifests.into_iter().map(Entry::checked).collect()
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Catalog {
    repositories: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    media_type: String,
    digest: Digest,
    size: u64,
    artifact_type: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Entry {
    fn checked(self) -> Result<Referrer> {
        let mut descriptor = crate::document::descriptor(&self.media_type, self.digest, self.size)?;
        descriptor.annotations = self.annotations;
        Ok(Referrer { descriptor, artifact_type: self.artifact_type })
    }
}

const MOST_PAGES: usize = 1000;
const MOST_ENTRIES: usize = 1_000_000;
const LARGEST_PAGE: u64 = 4 << 20;
/// distribution specification, "Referrers Tag Schema": what is longer is cut.
const LONGEST_TAG: usize = 97;
