// SPDX-License-Identifier: Apache-2.0
//! syslog over TLS (RFC 5425).

use std::io::Read;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use logs::{Report, Stream, Writer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use crate::servers::counted;
use crate::{at, driver, who};

#[test]
fn messages_are_counted_whatever_their_format() {
    let place = certificates(&["server"]);
    for format in ["rfc5424", "rfc3164", ""] {
        let (port, go, serving) = serve(place.path(), Asks::Nobody);
        let mut log = open(place.path(), "server", port, &[("syslog-format", format)]).unwrap();
        log.write(Stream::Stdout, b"one\ntwo\n", at(0)).unwrap();
        assert_eq!(log.close(), Report::default());
        go.send(()).unwrap();
        // `close_notify` ends it; without that the server would have an error here.
        let messages = counted(&serving.join().unwrap().unwrap());
        assert_eq!(messages.len(), 2, "{format}");
        assert!(messages[1].starts_with(b"<30>") && messages[1].ends_with(b"two"));
    }
}

#[test]
fn a_server_that_nobody_signed_gets_nothing() {
    let place = certificates(&["server", "other"]);
    let (port, go, serving) = serve(place.path(), Asks::Nobody);
    let error = open(place.path(), "other", port, &[]).unwrap_err();
    assert!(error.contains("cannot send logs") && error.contains("invalid peer certificate"), "{error}");
    drop(go);
    assert!(serving.join().unwrap().is_err());
}

#[test]
fn our_certificate_is_shown() {
    let place = certificates(&["server", "client"]);
    let file = |name: &str| place.path().join(name).display().to_string();
    let (certificate, key) = (file("client.pem"), file("client.key"));
    let (port, go, serving) = serve(place.path(), Asks::Client);
    let ours = [("syslog-tls-cert", &*certificate), ("syslog-tls-key", &*key)];
    let mut log = open(place.path(), "server", port, &ours).unwrap();
    log.write(Stream::Stdout, b"one\n", at(0)).unwrap();
    assert_eq!(log.close(), Report::default());
    go.send(()).unwrap();
    assert_eq!(counted(&serving.join().unwrap().unwrap()).len(), 1);
}

fn open(place: &Path, authority: &str, port: u16, more: &[(&str, &str)]) -> Result<Writer, String> {
    let (address, authority) =
        (format!("tcp+tls://localhost:{port}"), place.join(format!("{authority}.pem")));
    let mut options =
        vec![("syslog-address", &*address), ("syslog-tls-ca-cert", authority.to_str().unwrap())];
    options.extend(more);
    Writer::open(&driver("syslog", &options), place, &who()).map_err(|error| error.to_string())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Nobody,
    Client,
}

/// Takes one connection and all it says until `close_notify`.
fn serve(place: &Path, asks: Asks) -> (u16, Sender<()>, JoinHandle<std::io::Result<Vec<u8>>>) {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = vec![CertificateDer::from_pem_file(place.join("server.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(place.join("server.key")).unwrap();
    let builder =
        ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match asks {
        Asks::Nobody => builder.with_no_client_auth(),
        Asks::Client => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(place.join("client.pem")).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let config = Arc::new(builder.with_single_cert(chain, key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (go, gone) = channel();
    let serving = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept()?;
        let mut server = ServerConnection::new(config).map_err(std::io::Error::other)?;
        while server.is_handshaking() {
            server.complete_io(&mut socket)?;
        }
        // Read only once the client has gone: what it left behind has to be there still.
        gone.recv().map_err(std::io::Error::other)?;
        let mut all = Vec::new();
        rustls::StreamOwned::new(server, socket).read_to_end(&mut all)?;
        Ok(all)
    });
    (port, go, serving)
}

/// `NAME.pem`, each signed by itself, and `NAME.key`.
fn certificates(names: &[&str]) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for name in names {
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", &format!("{name}.key"), "-out", &format!("{name}.pem")])
            .current_dir(place.path())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
    }
    place
}
