// SPDX-License-Identifier: Apache-2.0
//! Images in both forms of archive, from layers that a test made.

use std::path::{Path, PathBuf};

use oci::Digest;
use serde_json::{Value, json};

use crate::tarball;

/// A layer: what its tar is, how it lies in the archive, and what the documents say of it.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) blob: Vec<u8>,
    pub(crate) media_type: &'static str,
    pub(crate) diff_id: String,
}

impl Layer {
    /// An honest one, not compressed.
    pub(crate) fn plain(tar: Vec<u8>) -> Self {
        let diff_id = digest(&tar);
        Self { blob: tar, media_type: "application/vnd.oci.image.layer.v1.tar", diff_id }
    }

    /// An honest one of these entries.
    pub(crate) fn of(entries: &[Vec<u8>]) -> Self {
        Self::plain([entries.concat(), tarball::end()].concat())
    }

    pub(crate) fn gzip(self) -> Self {
        let blob = gzip(&self.blob);
        Self { blob, media_type: "application/vnd.oci.image.layer.v1.tar+gzip", ..self }
    }

    pub(crate) fn zstd(self) -> Self {
        let blob = zstd::encode_all(&self.blob[..], 3).unwrap();
        Self { blob, media_type: "application/vnd.oci.image.layer.v1.tar+zstd", ..self }
    }
}

/// An OCI layout: its blobs by digest, and its index.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) blobs: Vec<Vec<u8>>,
    pub(crate) index: Value,
}

impl Layout {
    /// One image called `name`.
    pub(crate) fn of(name: &str, layers: &[Layer]) -> Self {
        let config = config(layers);
        let described: Vec<Value> =
            layers.iter().map(|layer| descriptor(layer.media_type, &layer.blob)).collect();
        let manifest = bytes(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, &config),
            "layers": described,
        }));
        let mut entry = descriptor(MANIFEST, &manifest);
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        let mut blobs: Vec<Vec<u8>> = layers.iter().map(|layer| layer.blob.clone()).collect();
        blobs.extend([config, manifest]);
        Self { blobs, index: json!({ "schemaVersion": 2, "manifests": [entry] }) }
    }

    /// Writes it below `folder`.
    pub(crate) fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
        for (name, content) in self.members() {
            std::fs::write(folder.join(name), content).unwrap();
        }
    }

    /// The same as a tar.
    pub(crate) fn tar(&self) -> Vec<u8> {
        let members = self.members().into_iter().map(|(name, content)| tarball::file(name, content));
        [members.collect::<Vec<_>>().concat(), tarball::end()].concat()
    }

    /// Names and contents of its files.
    pub(crate) fn members(&self) -> Vec<(String, Vec<u8>)> {
        let mut members = vec![
            ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()),
            ("index.json".to_owned(), bytes(&self.index)),
        ];
        let mut blobs = self.blobs.clone();
        blobs.sort();
        blobs.dedup();
        members.extend(blobs.into_iter().map(|blob| (blob_name(&blob), blob)));
        members
    }
}

/// What `docker save` writes, in its older form.
pub(crate) fn docker_archive(name: &str, layers: &[Layer]) -> Vec<(String, Vec<u8>)> {
    let config = config(layers);
    let config_name = format!("{}.json", Digest::sha256_of(&config).hex());
    let names: Vec<String> = (0..layers.len()).map(|at| format!("{at}/layer.tar")).collect();
    let manifest = json!([{ "Config": config_name, "RepoTags": [name], "Layers": names }]);
    let mut members: Vec<(String, Vec<u8>)> =
        names.into_iter().zip(layers.iter().map(|layer| layer.blob.clone())).collect();
    members.extend([(config_name, config), ("manifest.json".to_owned(), bytes(&manifest))]);
    members
}

/// A tar of these files.
pub(crate) fn tar_of(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let files = members.iter().map(|(name, content)| match name.len() {
        ..=100 => tarball::file(name, content),
        _ => [tarball::gnu_long(b'L', name.as_bytes()), tarball::file(name, content)].concat(),
    });
    [files.collect::<Vec<_>>().concat(), tarball::end()].concat()
}

/// The configuration of an image of these layers.
pub(crate) fn config(layers: &[Layer]) -> Vec<u8> {
    let diff_ids: Vec<&str> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    bytes(&json!({
        "created": "2026-01-01T00:00:00Z",
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "config": { "Env": ["PATH=/bin:/usr/bin"], "Cmd": ["/bin/sh"] },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
    }))
}

pub(crate) fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(content), "size": content.len() })
}

pub(crate) fn digest(content: &[u8]) -> String {
    Digest::sha256_of(content).to_string()
}

/// Where a blob lies in a layout.
pub(crate) fn blob_name(content: &[u8]) -> String {
    PathBuf::from("blobs/sha256").join(Digest::sha256_of(content).hex()).display().to_string()
}

pub(crate) fn gzip(content: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn bytes(document: &Value) -> Vec<u8> {
    serde_json::to_vec(document).unwrap()
}

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
