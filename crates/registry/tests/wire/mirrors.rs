// SPDX-License-Identifier: Apache-2.0
//! Mirrors come first, the registry itself is always there, and TLS is never given up.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use oci::Danger;
use registry::{Client, Keyring, Login, Patience, Settings, Start, Target};

use crate::fake::{CONFIG, MANIFEST, Reply, Server, content, layer, manifest, settings};

fn tag() -> Target {
    Target::Tag("1".to_owned())
}

fn image() -> Reply {
    Reply::new(200, manifest(CONFIG, &[b"layer"])).with("Content-Type", MANIFEST)
}

/// Settings whose hosts.toml for `host` is `text`.
fn with_hosts(folder: &Path, host: &str, text: &str) -> Settings {
    let place = folder.join(host);
    std::fs::create_dir_all(&place).unwrap();
    std::fs::write(place.join("hosts.toml"), text).unwrap();
    Settings { containerd_certs: vec![folder.to_owned()], ..settings() }
}

#[test]
fn mirrors_are_asked_first_and_the_registry_last() {
    let folder = tempfile::tempdir().unwrap();
    let (broken, without, good) = (
        Server::new(|_| Reply::new(503, "")),
        Server::new(|_| Reply::new(404, "")),
        Server::new(|_| image()),
    );
    let registry = Server::new(|_| image());
    let text = format!(
        "server = \"{}\"\n[host.\"{}\"]\n[host.\"{}\"]\n[host.\"{}/cache\"]\noverride_path = true\n",
        registry.url(""),
        broken.url(""),
        without.url(""),
        good.url("")
    );
    let client =
        Client::new("registry.example", &with_hosts(folder.path(), "registry.example", &text)).unwrap();
    client.manifest("a", &tag()).unwrap();
    assert_eq!(broken.lines(), ["GET /v2/a/manifests/1?ns=registry.example"], "once, and without waiting");
    assert_eq!(without.asked().len(), 1);
    assert_eq!(good.lines(), ["GET /cache/a/manifests/1?ns=registry.example"]);
    assert_eq!(registry.asked().len(), 0);
    // Nothing is pushed to a mirror, and nothing removed there.
    client.delete_manifest("a", &tag()).unwrap();
    assert_eq!(registry.lines(), ["DELETE /v2/a/manifests/1"]);
}

#[test]
fn a_mirror_is_asked_only_what_it_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = Server::new(|_| Reply::new(200, content()));
    let registry = Server::new(|_| image());
    let text = format!(
        "server = \"{}\"\n[host.\"{}\"]\ncapabilities = [\"pull\"]\n",
        registry.url(""),
        mirror.url("")
    );
    let client =
        Client::new("registry.example", &with_hosts(folder.path(), "registry.example", &text)).unwrap();
    client.manifest("a", &tag()).unwrap();
    assert!(mirror.asked().is_empty(), "what a tag means is the registry's word");
    let mut bytes = Vec::new();
    client.blob("a", &layer(&content()), Start::Beginning).read_to_end(&mut bytes).unwrap();
    assert_eq!((mirror.asked().len(), registry.asked().len()), (1, 1));
}

#[test]
fn credentials_of_a_registry_are_not_its_mirrors() {
    let folder = tempfile::tempdir().unwrap();
    let mirror = Server::new(|_| Reply::new(401, "").with("WWW-Authenticate", "Basic realm=x"));
    let registry = Server::new(|asked| match asked.header("authorization") {
        Some(_) => image(),
        None => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=x"),
    });
    let text = format!("server = \"{}\"\n[host.\"{}\"]\n", registry.url(""), mirror.url(""));
    let keyring = Keyring::Given(Login::password("me", "secret").unwrap());
    let settings = Settings { keyring, ..with_hosts(folder.path(), "registry.example", &text) };
    Client::new("registry.example", &settings).unwrap().manifest("a", &tag()).unwrap();
    assert!(mirror.asked().iter().all(|asked| asked.header("authorization").is_none()));
}

/// CVE-2014-5277: whatever TLS leads to, nothing is sent in the clear.
#[test]
fn there_is_no_falling_back_from_tls() {
    let server = Server::new(|_| image());
    let folder = tempfile::tempdir().unwrap();
    let host = folder.path().join(server.host());
    std::fs::create_dir(&host).unwrap();
    std::fs::write(host.join("ca.crt"), include_str!("ca.pem")).unwrap();
    // Both wait for the other to speak.
    let patience = Patience { stall: Duration::from_millis(300), ..settings().patience };
    let settings = Settings { docker_certs: vec![folder.path().to_owned()], patience, ..settings() };
    let error =
        Client::new(&server.host(), &settings).unwrap().manifest("a", &tag()).unwrap_err().to_string();
    assert!(error.contains("cannot reach"), "{error}");
    assert!(server.asked().is_empty(), "a plain request was seen");
}

#[test]
fn plain_http_is_for_this_machine_or_for_whom_a_person_named() {
    // 203.0.113.0/24 is nobody's (RFC 5737); nothing is sent there.
    let folder = tempfile::tempdir().unwrap();
    let settings = with_hosts(folder.path(), "registry.example", "server = \"http://203.0.113.1\"\n");
    let error = Client::new("registry.example", &settings).unwrap_err();
    assert!(error.to_string().contains("plain HTTP to 203.0.113.1"), "{error}");
    assert!(error.hint().unwrap().contains("--plain-http 203.0.113.1"));
    let mut settings = settings;
    settings.plain_http.insert("203.0.113.1".to_owned(), Danger::asked_by("--plain-http"));
    assert!(Client::new("registry.example", &settings).is_ok());
}

#[test]
fn this_machine_is_never_asked_for_through_a_proxy() {
    let proxy = Server::new(|_| Reply::new(200, "{}"));
    let server = Server::new(|_| Reply::new(200, "{}"));
    let mut settings = settings();
    settings.proxies.http = Some(proxy.url(""));
    settings.proxies.https = Some(proxy.url(""));
    Client::new(&server.host(), &settings).unwrap().ping().unwrap();
    assert!(proxy.asked().is_empty());
    // Others are: a name that nobody has is the proxy's to look up.
    settings.plain_http.insert("registry.invalid".to_owned(), Danger::asked_by("--plain-http"));
    let client = Client::new("registry.invalid", &settings).unwrap();
    client.ping().unwrap_or_default();
    assert_eq!(proxy.asked().len(), 1, "{:?}", proxy.lines());
    // Within TLS it only passes bytes on, and sees no request.
    let client = Client::new("tls.invalid", &settings).unwrap();
    client.ping().unwrap_err();
    let asked = proxy.asked().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("CONNECT", "tls.invalid:443"));
    let before = proxy.asked().len();
    settings.proxies.except = "registry.invalid".to_owned();
    Client::new("registry.invalid", &settings).unwrap().ping().unwrap_err();
    assert_eq!(proxy.asked().len(), before);
}
