// SPDX-License-Identifier: Apache-2.0
//! What is said of a manifest agrees, or it is an error.

use oci::Digest;
use registry::{Client, Error, Platform, Target};
use serde_json::json;

use crate::fake::{CONFIG, INDEX, MANIFEST, Reply, Server, describe, manifest};

fn tag() -> Target {
    Target::Tag("1".to_owned())
}

/// The error that a client makes of an answer, and how often it asked.
fn complaint(target: &Target, answer: impl Fn() -> Reply + Send + Sync + 'static) -> String {
    let server = Server::new(move |_| answer());
    let error = server.client().manifest("a", target).unwrap_err().to_string();
    assert_eq!(server.asked().len(), 1, "{error}");
    error
}

fn typed(kind: &str, bytes: impl Into<Vec<u8>>) -> Reply {
    Reply::new(200, bytes).with("Content-Type", kind)
}

#[test]
fn a_manifest_by_tag_and_by_digest() {
    let bytes = manifest(CONFIG, &[b"layer"]);
    let digest = Digest::sha256_of(&bytes);
    let told = digest.to_string();
    let served = bytes.clone();
    let server =
        Server::new(move |_| typed(MANIFEST, served.clone()).with("Docker-Content-Digest", told.clone()));
    for target in [tag(), Target::Digest(digest.clone())] {
        let fetched = server.client().manifest("a/b", &target).unwrap();
        assert_eq!((fetched.bytes.as_slice(), &fetched.descriptor.digest), (bytes.as_slice(), &digest));
        assert_eq!(fetched.descriptor.media_type, MANIFEST);
        assert_eq!(fetched.manifest().unwrap().layers.len(), 1);
    }
    assert_eq!(
        server.lines(),
        ["GET /v2/a/b/manifests/1".to_owned(), format!("GET /v2/a/b/manifests/{digest}")]
    );
    assert!(server.asked()[0].header("accept").unwrap().contains(INDEX));
}

/// By sha512, too, which Debian's registry answers with a sha256.
#[test]
fn digests_of_either_kind_are_computed_and_not_believed() {
    let bytes = manifest(CONFIG, &[b"layer"]);
    let right = Digest::sha256_of(&bytes);
    let wrong = Digest::sha256_of(b"something else");
    let answer = |told: &Digest| {
        let (told, bytes) = (told.to_string(), bytes.clone());
        move || typed(MANIFEST, bytes.clone()).with("Docker-Content-Digest", told.clone())
    };
    let error = complaint(&Target::Digest(wrong.clone()), answer(&wrong));
    assert!(error.contains("is damaged") && error.contains(&right.to_string()), "{error}");
    let error = complaint(&tag(), answer(&wrong));
    assert!(error.contains("is damaged"), "{error}");
    let mut hasher = oci::Hasher::new(oci::digest::Algorithm::Sha512);
    hasher.update(&bytes);
    let long = hasher.finish();
    let served = answer(&right);
    let server = Server::new(move |_| served());
    assert_eq!(server.client().manifest("a", &Target::Digest(long.clone())).unwrap().descriptor.digest, long);
}

#[test]
fn what_it_says_it_is_must_be_one_thing() {
    let bytes = manifest(CONFIG, &[b"layer"]);
    let text = String::from_utf8(bytes.clone()).unwrap();
    for (kind, body, want) in [
        (INDEX, text.clone(), "its descriptor says"),
        ("text/html", text.clone(), "its descriptor says"),
        (MANIFEST, text.replace("\"layers\":", "\"manifests\":[],\"layers\":"), "CVE-2021-41190"),
        (MANIFEST, text.replace("{\"config\"", "{\"schemaVersion\":2,\"config\""), "stands twice"),
        (MANIFEST, text.replace("\"schemaVersion\":2", "\"schemaVersion\":1"), "schema 1"),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", "{}".to_owned(), "schema 1"),
        (MANIFEST, "[".repeat(1_000_000), "nested deeper"),
        (MANIFEST, "<html>".to_owned(), "not valid"),
        (MANIFEST, String::new(), "not valid"),
    ] {
        let error = complaint(&tag(), move || typed(kind, body.clone()));
        assert!(error.to_lowercase().contains(&want.to_lowercase()), "{want}: {error}");
    }
    let plain = Server::new(move |_| typed("application/json; charset=utf-8", bytes.clone()));
    assert!(plain.client().manifest("a", &tag()).is_ok());
}

#[test]
fn a_manifest_is_bounded() {
    let error = complaint(&tag(), || typed(MANIFEST, "{").claiming(1 << 30));
    assert!(error.contains("larger than 4096 KiB"), "{error}");
    let error = complaint(&tag(), || typed(MANIFEST, vec![b' '; 65536]).endless());
    assert!(error.contains("larger than 4096 KiB"), "{error}");
    let layers: Vec<&[u8]> = vec![b"layer"; 10_000];
    let many = manifest(CONFIG, &layers);
    let error = complaint(&tag(), move || typed(MANIFEST, many.clone()));
    assert!(error.contains("more than 499 layers"), "{error}");
}

#[test]
fn whether_it_is_there() {
    let server = Server::new(|asked| Reply::new(if asked.path.ends_with("/1") { 200 } else { 404 }, ""));
    assert!(server.client().manifest_exists("a", &tag()).unwrap());
    assert!(!server.client().manifest_exists("a", &Target::Tag("2".to_owned())).unwrap());
    assert_eq!(server.asked()[0].method, "HEAD");
    let error = server.client().manifest("a", &Target::Tag("2".to_owned())).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
}

#[test]
fn deleting() {
    let server = Server::new(|asked| match asked.path.as_str() {
        "/v2/a/manifests/1" => Reply::new(202, ""),
        _ => Reply::new(405, r#"{"errors":[{"code":"UNSUPPORTED"}]}"#),
    });
    server.client().delete_manifest("a", &tag()).unwrap();
    let error = server.client().delete_blob("a", &Digest::sha256_of(b"")).unwrap_err().to_string();
    assert!(error.contains("answers 405") && error.contains("UNSUPPORTED"), "{error}");
    assert_eq!(server.asked()[0].method, "DELETE");
}

/// A registry with these documents and blobs, each under its digest, the first also as the tag `1`.
fn serving(contents: Vec<(&'static str, Vec<u8>)>) -> Server {
    Server::new(move |asked| {
        let wanted = asked.path.rsplit('/').next().unwrap();
        let found = contents.iter().find(|(_, content)| Digest::sha256_of(content).to_string() == wanted);
        match found.or_else(|| contents.first().filter(|_| wanted == "1")) {
            Some((kind, content)) => typed(kind, content.clone()),
            None => Reply::new(404, ""),
        }
    })
}

fn plan(client: &Client, platform: &str) -> Result<registry::PullPlan, Error> {
    let name = oci::Reference::parse(&format!("{}/a:1", client.host())).unwrap();
    client.plan(&name, &Platform::parse(platform).unwrap(), &|_| None)
}

fn index(entries: &[(&[u8], &str, &str)]) -> Vec<u8> {
    let entries: Vec<_> = entries
        .iter()
        .map(|(content, kind, architecture)| {
            let mut entry = json!(describe(kind, content));
            entry["platform"] = json!({ "os": "linux", "architecture": architecture });
            entry
        })
        .collect();
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string().into_bytes()
}

#[test]
fn a_plan_goes_through_an_index() {
    let (arm, amd) = (manifest(CONFIG, &[b"arm"]), manifest(CONFIG, &[b"amd", b"two"]));
    let inner = index(&[(&amd, MANIFEST, "amd64")]);
    let outer = index(&[(&arm, MANIFEST, "arm64"), (&inner, INDEX, "amd64")]);
    let named = Digest::sha256_of(&outer);
    let server = serving(vec![
        (INDEX, outer),
        (INDEX, inner),
        (MANIFEST, arm),
        (MANIFEST, amd.clone()),
        ("x/y", CONFIG.to_vec()),
    ]);
    let client = server.client();
    let plan = plan(&client, "linux/amd64").unwrap();
    assert_eq!((&plan.named.descriptor.digest, plan.manifest.bytes.as_slice()), (&named, amd.as_slice()));
    assert_eq!((plan.config.as_slice(), plan.layers().len()), (CONFIG, 2));
    let error = self::plan(&client, "linux/riscv64").unwrap_err();
    assert!(
        error.to_string().contains("no image for linux/riscv64, only for linux/amd64, linux/arm64"),
        "{error}"
    );
}

#[test]
fn an_index_that_lies_or_never_ends_is_an_error() {
    let image = manifest(CONFIG, &[b"layer"]);
    let lies = String::from_utf8(index(&[(&image, MANIFEST, "amd64")])).unwrap();
    let lies = lies.replace(&format!("\"size\":{}", image.len()), "\"size\":7").into_bytes();
    let server = serving(vec![(INDEX, lies), (MANIFEST, image.clone())]);
    let error = plan(&server.client(), "linux/amd64").unwrap_err().to_string();
    assert!(error.contains("of 7 bytes"), "{error}");
    let mut documents = vec![(MANIFEST, image.clone())];
    let mut last = (image, MANIFEST);
    for _ in 0..6 {
        last = (index(&[(&last.0, last.1, "amd64")]), INDEX);
        documents.insert(0, (INDEX, last.0.clone()));
    }
    let server = serving(documents);
    let error = plan(&server.client(), "linux/amd64").unwrap_err().to_string();
    assert!(error.contains("nested deeper"), "{error}");
}

#[test]
fn what_is_no_image_is_not_pulled() {
    let artifact = manifest(CONFIG, &[b"layer"]);
    let artifact = String::from_utf8(artifact)
        .unwrap()
        .replace("application/vnd.oci.image.config.v1+json", "application/x-chart");
    let server = serving(vec![(MANIFEST, artifact.into_bytes()), ("x/y", CONFIG.to_vec())]);
    let error = plan(&server.client(), "linux/amd64").unwrap_err().to_string();
    assert!(error.contains("it is no image"), "{error}");
    let large = String::from_utf8(manifest(CONFIG, &[b"layer"])).unwrap();
    let large = large.replace(&format!("\"size\":{}", CONFIG.len()), "\"size\":1073741824");
    let server = serving(vec![(MANIFEST, large.into_bytes())]);
    let error = plan(&server.client(), "linux/amd64").unwrap_err().to_string();
    assert!(error.contains("1073741824 bytes"), "{error}");
}
