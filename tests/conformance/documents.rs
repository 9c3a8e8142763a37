// SPDX-License-Identifier: Apache-2.0
//! The image specification's own test documents, each accepted or refused as its schema says, and a
//! smaller set of ours.

use std::path::Path;

use oci::manifest::Document;
use oci::{Descriptor, ImageConfig};
use serde_json::Value;

/// What the specification allows and we do not: content under an algorithm that it does not register
/// cannot be checked.
fn is_beyond_us(document: &str) -> bool {
    ["sha256+", "sha256.", "multihash+"].iter().any(|algorithm| document.contains(algorithm))
}

#[test]
fn the_specifications_own_documents() {
    let vectors = Path::new("/work/shared/reference/oci-image-spec-schema/vectors.json");
    if !vectors.exists() {
        return tests::skip("the image specification's test documents are not here");
    }
    let vectors: Vec<Value> = serde_json::from_slice(&std::fs::read(vectors).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (at, vector) in vectors.iter().enumerate() {
        let (schema, document) = (vector["schema"].as_str().unwrap(), vector["doc"].as_str().unwrap());
        let wanted = !vector["expect_invalid"].as_bool().unwrap() && !is_beyond_us(document);
        let accepted = accepts(schema, document);
        if accepted.is_ok() != wanted {
            wrong.push(format!("{at} ({schema}): wanted {wanted}, got {accepted:?}\n{document}"));
        }
    }
    assert!(vectors.len() >= 70 && wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The same rules, in documents of our own.
#[test]
fn documents_of_ours() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let described = format!(r#"{{"mediaType":"a/b","size":1,"digest":"{digest}"}}"#);
    let rootfs = format!(r#""rootfs":{{"type":"layers","diff_ids":["{digest}"]}}"#);
    let swapped = |from: &str, to: &str| described.replace(from, to);
    let manifest = |config: &str, layers: &str| {
        format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layers}]}}"#)
    };
    for (schema, document, good) in [
        (DESCRIPTOR, described.clone(), true),
        (DESCRIPTOR, swapped("a/b", "a"), false),
        (DESCRIPTOR, swapped("a/b", ".a/b"), false),
        (DESCRIPTOR, swapped(":1", ":-1"), false),
        (DESCRIPTOR, swapped(":1", r#":"1""#), false),
        (DESCRIPTOR, swapped("sha256:", "SHA256:"), false),
        (DESCRIPTOR, swapped("sha256:", "md5:"), false),
        (DESCRIPTOR, swapped("00\"", "0\""), false),
        (DESCRIPTOR, swapped("\"size\"", r#""urls":["https://a/b"],"size""#), true),
        (DESCRIPTOR, swapped("\"size\"", r#""urls":["value"],"size""#), false),
        (DESCRIPTOR, swapped("\"size\"", r#""artifactType":"x","size""#), false),
        (DESCRIPTOR, swapped("\"size\"", r#""data":"eA==","size""#), false),
        (MANIFEST, manifest(&described, &described), true),
        (MANIFEST, manifest(&described, ""), false),
        (MANIFEST, manifest(&swapped("a/b", "a"), &described), false),
        (MANIFEST, manifest(&described, &described).replace(":2", ":1"), false),
        (INDEX, format!(r#"{{"schemaVersion":2,"manifests":[{described}]}}"#), true),
        (INDEX, format!(r#"{{"schemaVersion":2,"manifests":[{described}],"subject":"no"}}"#), false),
        (CONFIG, format!(r#"{{"architecture":"amd64","os":"linux",{rootfs}}}"#), true),
        (CONFIG, format!(r#"{{"architecture":"amd64","os":1,{rootfs}}}"#), false),
        (CONFIG, format!(r#"{{"config":{{"Env":["A"]}},{rootfs}}}"#), false),
        (CONFIG, format!(r#"{{"config":{{"Volumes":["/v"]}},{rootfs}}}"#), false),
        (CONFIG, format!(r#"{{"created":"yesterday",{rootfs}}}"#), false),
        (CONFIG, "{}".to_owned(), false),
    ] {
        let accepted = accepts(schema, &document);
        assert_eq!(accepted.is_ok(), good, "{accepted:?}\n{document}");
    }
}

fn accepts(schema: &str, document: &str) -> Result<(), String> {
    let bytes = document.as_bytes();
    match schema {
        DESCRIPTOR => oci::json::read::<Descriptor>("descriptor", bytes).map(drop),
        CONFIG => ImageConfig::parse(bytes).map(drop),
        MANIFEST | INDEX => match Document::parse(bytes) {
            Ok(Document::Manifest(_)) if schema == MANIFEST => Ok(()),
            Ok(Document::Index(_)) if schema == INDEX => Ok(()),
            Ok(_) => return Err("it is of the other kind".into()),
            Err(error) => Err(error),
        },
        // What reads it belongs to the store, which members.rs asks.
        "image-layout-schema.json" => oci::json::read::<Value>("layout", bytes).map(drop),
        other => panic!("no parser for {other}"),
    }
    .map_err(|error| error.to_string())
}

const DESCRIPTOR: &str = "content-descriptor.json";
const MANIFEST: &str = "image-manifest-schema.json";
const INDEX: &str = "image-index-schema.json";
const CONFIG: &str = "config-schema.json";
