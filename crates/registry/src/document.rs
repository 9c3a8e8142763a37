// SPDX-License-Identifier: Apache-2.0
//! Manifests as they come: their bytes, what they are, and that all that is said of them agrees.

use oci::descriptor::Descriptor;
use oci::digest::Algorithm;
use oci::manifest::Document;
use oci::{Digest, Hasher, Manifest};

use crate::client::Target;
use crate::error::{Error, Result};

/// A manifest or an index, as it came and checked.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Its very bytes.
    pub bytes: Vec<u8>,
    /// Its type, digest and length.
    pub descriptor: Descriptor,
    /// What it says.
    pub document: Document,
}

impl Fetched {
    /// The image that it is, if it is one and no index.
    pub fn manifest(&self) -> Option<&Manifest> {
        match &self.document {
            Document::Manifest(manifest) => Some(manifest),
            Document::Index(_) => None,
        }
    }
}

/// What came as `thing`: its `Content-Type`, its `Docker-Content-Digest`, and its bytes.
pub(crate) fn checked(
    thing: &str,
    kind: Option<&str>,
    told: Option<&str>,
    target: &Target,
    bytes: Vec<u8>,
) -> Result<Fetched> {
    let digest = check_digest(thing, told, target, &bytes)?;
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim).unwrap_or_default();
    if SCHEMA_1.contains(&kind) {
        return Err(oci::Error::Document {
            what: "manifest",
            reason: "it is of schema 1, which carries no digests of layers; push the image again with a current tool".to_owned(),
        }
        .into());
    }
    let document = Document::parse(&bytes)?;
    let own = match &document {
        Document::Manifest(manifest) => manifest.media_type.clone(),
        Document::Index(index) => index.media_type.clone(),
    };
    // Some registries send JSON as JSON; a type that says more must be the right one.
    let kind = match (kind, own) {
        ("" | "application/json" | "text/plain" | "application/octet-stream", Some(own)) => own,
        (kind, _) => kind.to_owned(),
    };
    Document::parse_as(&kind, &bytes)?;
    let descriptor = descriptor(&kind, digest, bytes.len() as u64)?;
    Ok(Fetched { bytes, descriptor, document })
}

/// A descriptor; its type has been compared with those we know.
pub(crate) fn descriptor(media_type: &str, digest: Digest, size: u64) -> Result<Descriptor> {
    let text = serde_json::json!({ "mediaType": media_type, "digest": digest, "size": size }).to_string();
    Ok(oci::json::read("descriptor", text.as_bytes())?)
}

/// The digest of `bytes` by the algorithm of what was asked for, which it must be. What the server
/// says about it is compared too, so that a wrong server is found out early, but never relied on.
fn check_digest(thing: &str, told: Option<&str>, target: &Target, bytes: &[u8]) -> Result<Digest> {
    let wanted = match target {
        Target::Digest(digest) => Some(digest.clone()),
        Target::Tag(_) => None,
    };
    let told = told.map(Digest::parse).transpose()?;
    let algorithm = wanted.as_ref().or(told.as_ref()).map_or(Algorithm::Sha256, Digest::algorithm);
    let found = digest_of(algorithm, bytes);
    // Debian's registry names the sha256 of what was asked for by its sha512.
    let told = told.filter(|told| told.algorithm() == algorithm);
    match wanted.into_iter().chain(told).find(|promised| *promised != found) {
        Some(promised) => Err(Error::Damaged {
            what: format!("the {thing}"),
            how: format!("its content is {found}, and {promised} was promised"),
        }),
        None => Ok(found),
    }
}

pub(crate) fn digest_of(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(bytes);
    hasher.finish()
}

/// What we can read.
pub(crate) const ACCEPTED: [&str; 4] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
const SCHEMA_1: [&str; 2] = [
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
];
/// distribution specification, "Pushing Manifests": registries take 4 MiB at least, so nobody has more.
pub(crate) const LARGEST: u64 = 4 << 20;
