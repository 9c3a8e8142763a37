// SPDX-License-Identifier: Apache-2.0
//! Manifests, indexes, configurations, and the reports of a container's child half.

use oci::manifest::Document;
use oci::{Descriptor, ImageConfig};

/// A JSON document, read as each of the kinds there are.
pub(crate) fn documents(bytes: &[u8]) {
    if let Ok(config) = ImageConfig::parse(bytes) {
        assert_eq!(config.rootfs.kind, "layers");
        assert!(config.config.env.iter().all(|entry| entry.find('=').is_some_and(|at| at > 0)));
    }
    if let Ok(Document::Manifest(manifest)) = Document::parse(bytes) {
        assert_eq!(manifest.schema_version, 2);
        // One document has one meaning (CVE-2021-41190).
        assert!(oci::json::read::<oci::Index>("index", bytes).is_err());
    }
    if let Ok(descriptor) = oci::json::read::<Descriptor>("descriptor", bytes) {
        assert!(descriptor.layer_compression().is_err() || descriptor.media_type.contains("tar"));
    }
    if let Err(error) = oci::json::check("document", bytes) {
        assert!(error.to_string().len() < 2000, "{error}");
        assert!(ImageConfig::parse(bytes).is_err() && Document::parse(bytes).is_err());
    }
    runtime::is_report(bytes);
}
