// SPDX-License-Identifier: Apache-2.0
//! Registries, in the words of the front doors: who asks, whom to trust, and what needs no store.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ::registry::{Client, ConfigFile, Copy, Keyring, Login, Platform, Settings, Target, Which, pool};
use oci::{Danger, Reference};

use crate::error::{Error, Result};
use crate::told::{Progress, Told};

pub use ::registry::{Forgotten, Kept, Proxies};

/// What a front door knows of its caller.
#[derive(Debug, Clone, Default)]
pub struct Access {
    /// The folder of Docker's `config.json`; without one everybody is anonymous.
    pub config: Option<PathBuf>,
    /// Folders of certificates by host in Docker's layout, before the system's.
    pub certificates: Vec<PathBuf>,
    /// Folders of mirrors by host in containerd's layout, before the system's.
    pub mirrors: Vec<PathBuf>,
    /// Files of authorities that are trusted besides the system's.
    pub authorities: Vec<PathBuf>,
    /// The file of the system's authorities, where the caller's environment names another.
    pub system_authorities: Option<PathBuf>,
    /// Registries to speak to without TLS, and who asked for that.
    pub plain_http: BTreeMap<String, Danger>,
    /// Proxies, as the environment has them.
    pub proxies: Proxies,
}

/// Registries, as one caller sees them.
#[derive(Debug, Clone)]
pub struct Registries {
    settings: Settings,
    file: Option<ConfigFile>,
}

/// A manifest or an index.
#[derive(Debug, Clone)]
pub struct RemoteManifest {
    /// `REPOSITORY@DIGEST`, as people write it.
    pub name: String,
    /// Its type.
    pub media_type: String,
    /// Its digest.
    pub digest: String,
    /// Its very bytes.
    pub bytes: Vec<u8>,
}

/// What refers to a manifest.
#[derive(Debug, Clone)]
pub struct Referrer {
    /// Of the referring manifest.
    pub digest: String,
    /// Of the referring manifest.
    pub media_type: String,
    /// What kind of thing it is.
    pub artifact_type: Option<String>,
    /// Bytes of the referring manifest.
    pub size: u64,
    /// Remarks.
    pub annotations: BTreeMap<String, String>,
}

/// What a copy did.
#[derive(Debug, Clone)]
pub struct Copied {
    /// The target's name.
    pub name: String,
    /// What it now stands for.
    pub digest: String,
    /// Blobs that were there.
    pub present: usize,
    /// Blobs that the registry had in another repository.
    pub mounted: usize,
    /// Blobs that were sent.
    pub sent: usize,
}

impl Registries {
    /// As `access` has it.
    pub fn new(access: Access) -> Self {
        let Access { config, certificates, mirrors, authorities, system_authorities, plain_http, proxies } =
            access;
        let mut settings =
            Settings { extra_authorities: authorities, plain_http, proxies, ..Settings::default() };
        settings.docker_certs.splice(0..0, certificates);
        settings.containerd_certs.splice(0..0, mirrors);
        if let Some(file) = system_authorities {
            settings.system_authorities = vec![file];
        }
        let file = config.as_deref().map(ConfigFile::in_folder);
        if let Some(file) = &file {
            settings.keyring = Keyring::File(file.clone());
        }
        Self { settings, file }
    }

    /// A client of `host`, for who moves content between it and a store.
    pub fn client(&self, host: &str) -> Result<Client> {
        Ok(Client::new(host, &self.settings)?)
    }

    /// Shows the registry `host` a name and a password, and keeps them if it takes them.
    pub fn login(&self, host: &str, user: &str, password: &str) -> Result<Kept> {
        Ok(::registry::login(host, Login::password(user, password)?, self.file()?, &self.settings)?)
    }

    /// Forgets what is kept for `host`.
    pub fn logout(&self, host: &str) -> Result<Forgotten> {
        Ok(::registry::logout(host, self.file()?)?)
    }

    /// The manifest or index that `name` stands for, or the manifest in it for `platform`.
    pub fn manifest(&self, name: &str, platform: Option<&str>) -> Result<RemoteManifest> {
        let (reference, client) = self.named(name)?;
        let mut found = client.manifest(reference.path(), &Target::of(&reference))?;
        if let Some(platform) = platform {
            found = client.for_platform(
                reference.path(),
                &found,
                &Platform::parse(platform)?,
                &reference.familiar(),
            )?;
        }
        let digest = found.descriptor.digest.to_string();
        let name = format!("{}@{digest}", reference.familiar_name());
        Ok(RemoteManifest { name, digest, media_type: found.descriptor.media_type, bytes: found.bytes })
    }

    /// The tags of a repository, sorted.
    pub fn tags(&self, repository: &str) -> Result<Vec<String>> {
        let (reference, client) = self.named(repository)?;
        let mut tags = client.tags(reference.path())?;
        tags.sort();
        Ok(tags)
    }

    /// The repositories of the registry `host`, sorted.
    pub fn catalog(&self, host: &str) -> Result<Vec<String>> {
        let mut names = self.client(host)?.catalog()?;
        names.sort();
        Ok(names)
    }

    /// What refers to the manifest that `name` stands for; only of one kind, if that is given.
    pub fn referrers(&self, name: &str, artifact_type: Option<&str>) -> Result<Vec<Referrer>> {
        let (reference, client) = self.named(name)?;
        let subject = match reference.digest() {
            Some(digest) => digest.clone(),
            None => client.manifest(reference.path(), &Target::of(&reference))?.descriptor.digest,
        };
        let found = client.referrers(reference.path(), &subject, artifact_type)?;
        let told = found.into_iter().map(|::registry::Referrer { descriptor, artifact_type }| Referrer {
            digest: descriptor.digest.to_string(),
            media_type: descriptor.media_type,
            artifact_type,
            size: descriptor.size,
            annotations: descriptor.annotations,
        });
        Ok(told.collect())
    }

    /// Removes a tag, or what a digest stands for with all its tags; what was removed.
    pub fn delete(&self, name: &str) -> Result<String> {
        let (reference, client) = self.named(name)?;
        if reference.digest().is_none() && !names_a_tag(name) {
            let (what, reason) = (
                name.to_owned(),
                "it names neither a tag nor a digest, and `latest` is not meant by leaving it out".to_owned(),
            );
            return Err(Error::Invalid { what, reason });
        }
        match client.delete_manifest(reference.path(), &Target::of(&reference)) {
            Ok(()) => Ok(reference.familiar()),
            Err(::registry::Error::Answer { status: status @ (400 | 405), .. })
                if reference.digest().is_none() =>
            {
                Err(Error::NoTagsRemoved { name: reference.familiar(), status })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Brings an image from one registry to another, or to another name on it: all of an index, or
    /// only what is for `platform`.
    pub fn copy(
        &self,
        source: &str,
        target: &str,
        platform: Option<&str>,
        progress: &mut (dyn FnMut(Progress<'_>) + Send),
    ) -> Result<Copied> {
        let ((source, from), (target, to)) = (self.named(source)?, self.named(target)?);
        let which = platform.map(Platform::parse).transpose()?.map_or(Which::All, Which::One);
        let watch = Told::new("copying", progress);
        let copy = Copy {
            from: &from,
            source: &source,
            to: &to,
            target: &target,
            which,
            width: pool::USUAL_WIDTH,
            watch: &watch,
        };
        let ::registry::Copied { descriptor, present, mounted, sent } = copy.make()?;
        Ok(Copied { name: target.familiar(), digest: descriptor.digest.to_string(), present, mounted, sent })
    }

    fn named(&self, name: &str) -> Result<(Reference, Client)> {
        let reference = Reference::parse(name)?;
        let client = self.client(reference.host())?;
        Ok((reference, client))
    }

    fn file(&self) -> Result<&ConfigFile> {
        self.file.as_ref().ok_or_else(|| Error::Invalid {
            what: "there is no place to keep credentials".to_owned(),
            reason: "neither DOCKER_CONFIG nor HOME is set".to_owned(),
        })
    }
}

/// Whether a tag was typed.
fn names_a_tag(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|last| last.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_named_is_deleted() {
        for (name, want) in [("a/b:1", true), ("h:5000/b", false), ("b", false), ("h:5000/b:1", true)] {
            assert_eq!(names_a_tag(name), want, "{name}");
        }
        let registries = Registries::new(Access::default());
        let error = registries.delete("127.0.0.1:1/a").unwrap_err().to_string();
        assert!(error.contains("neither a tag nor a digest"), "{error}");
    }

    #[test]
    fn without_a_home_nothing_is_kept() {
        let error =
            Registries::new(Access::default()).login("127.0.0.1:1", "me", "secret").unwrap_err().to_string();
        assert!(error.contains("DOCKER_CONFIG"), "{error}");
    }
}
