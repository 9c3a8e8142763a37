// SPDX-License-Identifier: Apache-2.0
//! What is sent arrives whole, or it is an error that says whose.

use std::io::{Cursor, Read};

use oci::Digest;
use registry::{Arrival, Cancel, Client, Error, Listed, Settings, Target};

use crate::fake::{CONFIG, MANIFEST, Reply, Server, content, layer, manifest, settings};

fn push(client: &Client, from: Option<&str>, content: Vec<u8>) -> Result<Arrival, Error> {
    let source = || -> std::io::Result<Box<dyn Read + Send>> { Ok(Box::new(Cursor::new(content.clone()))) };
    client.push_blob("a", &layer(&self::content()), from, &source, &Cancel::default())
}

/// A registry that lacks the blob and takes it.
fn taking(asked: &crate::fake::Asked) -> Reply {
    match asked.method.as_str() {
        "HEAD" => Reply::new(404, ""),
        "POST" => Reply::new(202, "").with("Location", "/upload/1?state=x"),
        _ => Reply::new(201, ""),
    }
}

#[test]
fn a_blob_in_one_request() {
    let server = Server::new(taking);
    assert_eq!(push(&server.client(), None, content()).unwrap(), Arrival::Sent);
    let digest = layer(&content()).digest;
    assert_eq!(
        server.lines(),
        [
            format!("HEAD /v2/a/blobs/{digest}"),
            "POST /v2/a/blobs/uploads/".to_owned(),
            format!("PUT /upload/1?state=x&digest={digest}")
        ]
    );
    assert_eq!(server.asked()[2].body, content());
}

#[test]
fn what_is_there_or_beside_is_not_sent() {
    let server = Server::new(|_| Reply::new(200, content()));
    assert_eq!(push(&server.client(), None, Vec::new()).unwrap(), Arrival::WasThere);
    let server =
        Server::new(|asked| if asked.method == "HEAD" { Reply::new(404, "") } else { Reply::new(201, "") });
    assert_eq!(push(&server.client(), Some("b/c"), Vec::new()).unwrap(), Arrival::Mounted);
    let digest = layer(&content()).digest;
    assert_eq!(server.lines()[1], format!("POST /v2/a/blobs/uploads/?mount={digest}&from=b/c"));
    // A registry that cannot mount opens an upload instead.
    let server = Server::new(taking);
    assert_eq!(push(&server.client(), Some("b/c"), content()).unwrap(), Arrival::Sent);
    // One that has something else under the digest is broken.
    let server = Server::new(|_| Reply::new(200, "other"));
    assert!(push(&server.client(), None, content()).unwrap_err().to_string().contains("has 5 bytes of it"));
}

#[test]
fn a_blob_in_parts_survives_a_broken_one() {
    let server = Server::new(|asked| match (asked.method.as_str(), asked.before) {
        ("HEAD", _) => Reply::new(404, ""),
        ("POST", _) => Reply::new(202, "").with("Location", "/u"),
        // The first part arrives, and the answer does not.
        ("PATCH", 0) => Reply::new(503, ""),
        ("GET", _) => Reply::new(204, "").with("Range", "0-149999").with("Location", "/u"),
        ("PATCH", _) => Reply::new(202, "").with("Location", "/u"),
        _ => Reply::new(201, ""),
    });
    let client = Client::new(&server.host(), &Settings { part: Some(150_000), ..settings() }).unwrap();
    assert_eq!(push(&client, None, content()).unwrap(), Arrival::Sent);
    let parts: Vec<_> = server.asked().into_iter().filter(|asked| asked.method == "PATCH").collect();
    let ranges: Vec<_> = parts.iter().map(|part| part.header("content-range").unwrap().to_owned()).collect();
    assert_eq!(ranges, ["0-149999", "150000-299999", "300000-399999"]);
    let sent: Vec<u8> = parts.into_iter().flat_map(|part| part.body).collect();
    assert_eq!(sent, content());
}

#[test]
fn a_busy_registry_is_asked_again() {
    let server = Server::new(|asked| match (asked.method.as_str(), asked.before) {
        ("PUT", 0) => Reply::new(503, ""),
        _ => taking(asked),
    });
    assert_eq!(push(&server.client(), None, content()).unwrap(), Arrival::Sent);
    assert_eq!(
        server.asked().iter().filter(|asked| asked.method == "POST").count(),
        2,
        "a new upload each time"
    );
    let server =
        Server::new(|asked| if asked.method == "PUT" { Reply::new(400, "no") } else { taking(asked) });
    let error = push(&server.client(), None, content()).unwrap_err().to_string();
    assert!(error.contains("answers 400") && error.contains("no"), "{error}");
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn damage_here_is_not_blamed_on_the_registry() {
    let mut wrong = content();
    wrong[0] ^= 1;
    for (bytes, want) in [(wrong, "another digest"), (content()[1..].to_vec(), "too short")] {
        let server = Server::new(taking);
        let error = push(&server.client(), None, bytes).unwrap_err().to_string();
        assert!(error.contains("what is here of it") && error.contains(want), "{error}");
    }
    let server = Server::new(taking);
    let failing =
        || -> std::io::Result<Box<dyn Read + Send>> { Err(std::io::Error::other("the disk is gone")) };
    let error =
        server.client().push_blob("a", &layer(&content()), None, &failing, &Cancel::default()).unwrap_err();
    assert!(matches!(error, Error::Source { .. }), "{error}");
}

#[test]
fn an_upload_goes_where_policy_lets_it() {
    let elsewhere = Server::new(|_| Reply::new(201, ""));
    let url = elsewhere.url("/up");
    let server = Server::new(move |asked| match (asked.method.as_str(), asked.header("authorization")) {
        ("HEAD", _) => Reply::new(404, ""),
        (_, None) => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=x"),
        _ => Reply::new(202, "").with("Location", url.clone()),
    });
    let keyring = registry::Keyring::Given(registry::Login::password("me", "secret").unwrap());
    push(&server.client_of(keyring), None, content()).unwrap();
    assert_eq!(elsewhere.asked()[0].header("authorization"), None);
    for location in ["http://203.0.113.1/up", "ftp://127.0.0.1/"] {
        let server = Server::new(move |asked| {
            if asked.method == "HEAD" {
                Reply::new(404, "")
            } else {
                Reply::new(202, "").with("Location", location)
            }
        });
        assert!(matches!(push(&server.client(), None, content()), Err(Error::Refused { .. })));
    }
    let server =
        Server::new(|asked| if asked.method == "HEAD" { Reply::new(404, "") } else { Reply::new(202, "") });
    assert!(push(&server.client(), None, content()).unwrap_err().to_string().contains("does not say where"));
    // What changes something is not sent on.
    let server = Server::new(|asked| {
        if asked.method == "HEAD" { Reply::new(404, "") } else { Reply::new(307, "").with("Location", "/x") }
    });
    assert!(push(&server.client(), None, content()).unwrap_err().to_string().contains("redirects a POST"));
}

#[test]
fn a_manifest_is_kept_as_it_was_sent() {
    let bytes = manifest(CONFIG, &[b"layer"]);
    let digest = Digest::sha256_of(&bytes);
    let told = digest.to_string();
    let server = Server::new(move |_| {
        Reply::new(201, "").with("Docker-Content-Digest", told.clone()).with("OCI-Subject", "x")
    });
    let accepted =
        server.client().push_manifest("a", &Target::Tag("1".to_owned()), MANIFEST, &bytes).unwrap();
    assert_eq!((accepted.descriptor.digest, accepted.listed), (digest, Listed::ByRegistry));
    assert_eq!(
        (server.asked()[0].header("content-type"), server.asked()[0].body.as_slice()),
        (Some(MANIFEST), bytes.as_slice())
    );
    let wrong = Digest::sha256_of(b"x");
    let told = wrong.to_string();
    let server = Server::new(move |_| Reply::new(201, "").with("Docker-Content-Digest", told.clone()));
    let error = server
        .client()
        .push_manifest("a", &Target::Tag("1".to_owned()), MANIFEST, &bytes)
        .unwrap_err()
        .to_string();
    assert!(error.contains("not what it was sent"), "{error}");
    assert!(server.client().push_manifest("a", &Target::Digest(wrong), MANIFEST, &bytes).is_err());
    assert_eq!(server.asked().len(), 1);
}
