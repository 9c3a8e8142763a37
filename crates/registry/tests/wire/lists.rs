// SPDX-License-Identifier: Apache-2.0
//! Listings have an end, or are an error.

use oci::Digest;
use registry::Error;
use serde_json::json;

use crate::fake::{INDEX, Reply, Server, describe};

#[test]
fn tags_page_by_page() {
    let server = Server::new(|asked| match asked.path.as_str() {
        "/v2/a/tags/list" => Reply::new(200, r#"{"name":"a","tags":["1","2"]}"#)
            .with("Link", "</v2/a/tags/list?last=2&n=2>; rel=\"next\""),
        "/v2/a/tags/list?last=2&n=2" => Reply::new(200, r#"{"name":"a","tags":["3"]}"#),
        "/v2/empty/tags/list" => Reply::new(200, r#"{"name":"empty","tags":null}"#),
        "/v2/_catalog" => Reply::new(200, r#"{"repositories":["a","empty"]}"#),
        _ => Reply::new(404, ""),
    });
    let client = server.client();
    assert_eq!(client.tags("a").unwrap(), ["1", "2", "3"]);
    assert!(client.tags("empty").unwrap().is_empty());
    assert_eq!(client.catalog().unwrap(), ["a", "empty"]);
    assert!(matches!(client.tags("b"), Err(Error::NotFound { .. })));
}

#[test]
fn a_list_without_end_is_an_error() {
    let server =
        Server::new(|_| Reply::new(200, r#"{"tags":["x"]}"#).with("Link", "</v2/a/tags/list?n=1>; rel=next"));
    let error = server.client().tags("a").unwrap_err().to_string();
    assert!(error.contains("same again"), "{error}");
    let page = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::new(move |_| {
        let page = page.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Reply::new(200, r#"{"tags":[]}"#).with("Link", format!("</v2/a/tags/list?n={page}>; rel=next"))
    });
    let error = server.client().tags("a").unwrap_err().to_string();
    assert!(error.contains("more than 1000 pages"), "{error}");
    for (link, want) in
        [("<http://127.0.0.1:1/v2/>; rel=next", "is elsewhere"), ("<ftp://x/>; rel=next", "neither https")]
    {
        let server = Server::new(move |_| Reply::new(200, r#"{"tags":[]}"#).with("Link", link));
        let error = server.client().tags("a").unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
    }
    let server = Server::new(|_| Reply::new(200, vec![b' '; 65536]).endless());
    let error = server.client().tags("a").unwrap_err().to_string();
    assert!(error.contains("larger than 4096 KiB"), "{error}");
}

fn referrers() -> Vec<u8> {
    let entry = |content: &[u8], kind: &str| {
        let mut entry = json!(describe("application/vnd.oci.image.manifest.v1+json", content));
        entry["artifactType"] = kind.into();
        entry["annotations"] = json!({ "a": "b" });
        entry
    };
    let entries = [entry(b"1", "application/x-signature"), entry(b"2", "application/x-sbom")];
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": entries }).to_string().into_bytes()
}

#[test]
fn referrers_by_interface_and_by_tag() {
    let subject = Digest::sha256_of(b"subject");
    let path = format!("/v2/a/referrers/{subject}");
    let by_interface = Server::new(move |asked| match asked.path.split('?').next() {
        Some(found) if found == path => Reply::new(200, referrers()).with("Content-Type", INDEX),
        _ => Reply::new(404, ""),
    });
    let tag = format!("/v2/a/manifests/sha256-{}", subject.hex());
    let by_tag = Server::new(move |asked| match asked.path == tag {
        true => Reply::new(200, referrers()).with("Content-Type", INDEX),
        false => Reply::new(404, ""),
    });
    for server in [by_interface, by_tag] {
        let all = server.client().referrers("a", &subject, None).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].descriptor.annotations["a"], "b");
        let some = server.client().referrers("a", &subject, Some("application/x-sbom")).unwrap();
        assert_eq!(some.len(), 1, "{:?}", server.lines());
        assert_eq!(some[0].artifact_type.as_deref(), Some("application/x-sbom"));
    }
    let none = Server::new(|_| Reply::new(404, ""));
    assert!(none.client().referrers("a", &subject, None).unwrap().is_empty());
}
