// SPDX-License-Identifier: Apache-2.0
//! Credentials go where they belong, and nowhere else.

use std::io::Read as _;

use registry::{ConfigFile, Error, Keyring, Login, Secret, Start, Target};

use crate::fake::{Asked, CONFIG, MANIFEST, Reply, Server, content, layer, manifest};

const BASIC: &str = "Basic bWU6c2VjcmV0";

fn me() -> Keyring {
    Keyring::Given(Login::password("me", "secret").unwrap())
}

fn tag() -> Target {
    Target::Tag("1".to_owned())
}

fn image() -> Reply {
    Reply::new(200, manifest(CONFIG, &[b"layer"])).with("Content-Type", MANIFEST)
}

/// A registry that wants a token from `realm` and takes `good`.
fn wanting(realm: String, good: &'static str) -> Server {
    Server::new(move |asked| {
        if asked.header("authorization") == Some(&format!("Bearer {good}")) {
            return image();
        }
        let challenge = format!("Bearer realm=\"{realm}\",service=\"s v\",scope=\"repository:a:pull\"");
        Reply::new(401, "").with("WWW-Authenticate", challenge)
    })
}

#[test]
fn a_password_for_those_who_ask_for_one() {
    let server = Server::new(|asked| match asked.header("authorization") {
        Some(BASIC) => image(),
        _ => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""),
    });
    let client = server.client_of(me());
    client.manifest("a", &tag()).unwrap();
    client.manifest("a", &tag()).unwrap();
    let shown: Vec<_> =
        server.asked().iter().map(|asked| asked.header("authorization").map(str::to_owned)).collect();
    assert_eq!(
        shown,
        [None, Some(BASIC.to_owned()), Some(BASIC.to_owned())],
        "asked for once, shown from then on"
    );
    let error = server.client().manifest("a", &tag()).unwrap_err();
    assert!(
        matches!(error, Error::Unauthorized { .. }) && error.hint().unwrap().contains("bulkhead login"),
        "{error}"
    );
    let wrong = Keyring::Given(Login::password("me", "wrong").unwrap());
    let before = server.asked().len();
    assert!(server.client_of(wrong).manifest("a", &tag()).is_err());
    assert_eq!(server.asked().len() - before, 2, "a wrong password is shown once");
}

/// Several requests are refused before the first one knows what to show.
#[test]
fn requests_side_by_side_are_all_let_in() {
    let together = std::sync::Barrier::new(4);
    let server = Server::new(move |asked| match asked.header("authorization") {
        Some(BASIC) => image(),
        _ => {
            together.wait();
            Reply::new(401, "").with("WWW-Authenticate", "Basic realm=x")
        }
    });
    let client = server.client_of(me());
    let outcome = registry::pool::each(&[0; 4], 4, &[], |_, _| client.manifest("a", &tag()).map(|_| ()));
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[test]
fn a_token_for_nobody_and_for_somebody() {
    for (keyring, shown) in [(Keyring::Nobody, None), (me(), Some(BASIC))] {
        let tokens = Server::new(|_| Reply::new(200, r#"{"token":"good","expires_in":300}"#));
        let server = wanting(tokens.url("/token?fixed=1"), "good");
        let client = server.client_of(keyring);
        client.manifest("a", &tag()).unwrap();
        client.manifest("a", &tag()).unwrap();
        let asked = tokens.asked();
        assert_eq!(asked.len(), 1, "a token is used until it ends");
        assert!(
            asked[0].path.starts_with("/token?fixed=1&service=s%20v&scope=repository:a:pull"),
            "{}",
            asked[0].path
        );
        assert_eq!(asked[0].header("authorization"), shown);
        // The registry is shown the token and never the password.
        assert!(server.asked().iter().all(|asked| asked.header("authorization") != Some(BASIC)));
    }
}

#[test]
fn a_token_that_has_ended_is_replaced() {
    let tokens = Server::new(|asked| {
        Reply::new(200, format!(r#"{{"access_token":"t{}","expires_in":300}}"#, asked.before))
    });
    let realm = tokens.url("/token");
    // The registry takes each token once only, as if it had ended.
    let server = Server::new(move |asked| match asked.header("authorization") {
        Some(_) if asked.before % 2 == 1 => image(),
        _ => Reply::new(401, "").with("WWW-Authenticate", format!("Bearer realm=\"{realm}\"")),
    });
    let client = server.client();
    client.manifest("a", &tag()).unwrap();
    client.manifest("a", &tag()).unwrap();
    assert_eq!(tokens.asked().len(), 2);
}

#[test]
fn an_identity_token_is_exchanged() {
    let identity = || Keyring::Given(Login::Identity(Secret::new("refresh+me")));
    let tokens = Server::new(|asked| match asked.method.as_str() {
        "POST" => Reply::new(200, r#"{"access_token":"good"}"#),
        _ => Reply::new(500, ""),
    });
    wanting(tokens.url("/t"), "good").client_of(identity()).manifest("a", &tag()).unwrap();
    let form = String::from_utf8(tokens.asked()[0].body.clone()).unwrap();
    assert!(form.contains("grant_type=refresh_token&refresh_token=refresh%2Bme"), "{form}");
    assert!(form.contains("service=s%20v&scope=repository:a:pull"), "{form}");
    // A server that knows only the older way.
    let tokens = Server::new(|asked| match asked.method.as_str() {
        "GET" => Reply::new(200, r#"{"token":"good"}"#),
        _ => Reply::new(405, ""),
    });
    wanting(tokens.url("/t"), "good").client_of(identity()).manifest("a", &tag()).unwrap();
    assert_eq!(tokens.asked().len(), 2);
    // And one that knows only the newer way, asked with a password.
    let tokens = Server::new(|asked| match asked.method.as_str() {
        "POST" => Reply::new(200, r#"{"access_token":"good"}"#),
        _ => Reply::new(404, ""),
    });
    wanting(tokens.url("/t"), "good").client_of(me()).manifest("a", &tag()).unwrap();
    let form = String::from_utf8(tokens.asked()[1].body.clone()).unwrap();
    assert!(form.contains("grant_type=password") && form.contains("username=me&password=secret"), "{form}");
}

#[test]
fn a_token_server_that_lies_is_told() {
    type Answer = fn(&Asked) -> Reply;
    let answers: [(Answer, &str); 9] = [
        (|_| Reply::new(200, "<html>"), "the token is not valid"),
        (|_| Reply::new(200, "{}"), "there is no token"),
        (|_| Reply::new(200, r#"{"token":""}"#), "there is no token"),
        (|_| Reply::new(200, r#"{"token":"a\r\nHost: evil"}"#), "not one word"),
        (|_| Reply::new(200, "[".repeat(100_000)), "nested deeper"),
        (|_| Reply::new(200, vec![b' '; 65536]).endless(), "larger than 1 MiB"),
        (|_| Reply::new(302, "").with("Location", "/elsewhere"), "sends us elsewhere"),
        (|_| Reply::new(401, r#"{"details":"scope refused"}"#), "scope refused"),
        (|_| Reply::new(418, "teapot"), "answers 418"),
    ];
    for (answer, want) in answers {
        let tokens = Server::new(answer);
        let server = wanting(tokens.url("/t"), "good");
        let error = server.client_of(me()).manifest("a", &tag()).unwrap_err().to_string();
        assert!(error.contains(want), "{want}: {error}");
        assert_eq!(tokens.asked().len(), 1, "{want}");
    }
    // A token that the registry does not take is no reason to go on for ever.
    let tokens = Server::new(|_| Reply::new(200, r#"{"token":"bad"}"#));
    let server = wanting(tokens.url("/t"), "good");
    assert!(matches!(server.client().manifest("a", &tag()), Err(Error::Unauthorized { .. })));
    assert_eq!((tokens.asked().len(), server.asked().len()), (1, 2));
}

#[test]
fn a_realm_that_cannot_be_trusted_is_not_asked() {
    for (realm, want) in [
        ("http://203.0.113.1/token", "plain HTTP to 203.0.113.1"),
        ("file:///etc/shadow", "neither https:// nor http://"),
        ("/token", "neither https:// nor http://"),
    ] {
        let server = wanting(realm.to_owned(), "good");
        let error = server.client_of(me()).manifest("a", &tag()).unwrap_err().to_string();
        assert!(error.contains(want), "{realm}: {error}");
    }
    let server = Server::new(|_| Reply::new(401, "").with("WWW-Authenticate", "Bearer service=\"x\""));
    let error = server.client().manifest("a", &tag()).unwrap_err().to_string();
    assert!(error.contains("does not say from where"), "{error}");
}

/// CVE-2020-15157.
#[test]
fn credentials_are_for_the_registry_alone() {
    let elsewhere = Server::new(|_| Reply::new(200, content()));
    let url = elsewhere.url("/storage");
    let server = Server::new(move |asked| match asked.header("authorization") {
        Some(BASIC) => Reply::new(307, "").with("Location", url.clone()),
        _ => Reply::new(401, "").with("WWW-Authenticate", "Basic realm=x"),
    });
    let mut bytes = Vec::new();
    server.client_of(me()).blob("a", &layer(&content()), Start::Beginning).read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, content());
    assert_eq!(elsewhere.asked().len(), 1);
    assert_eq!(elsewhere.asked()[0].header("authorization"), None);
    // One that asks for them, too, gets none, and neither does whom it names.
    let tokens = Server::new(|_| Reply::new(200, r#"{"token":"good"}"#));
    for challenge in ["Basic realm=x".to_owned(), format!("Bearer realm=\"{}\"", tokens.url("/t"))] {
        let elsewhere = Server::new(move |_| Reply::new(401, "").with("WWW-Authenticate", challenge.clone()));
        let url = elsewhere.url("/storage");
        let server = Server::new(move |_| Reply::new(307, "").with("Location", url.clone()));
        let mut reader = server.client_of(me()).blob("a", &layer(&content()), Start::Beginning);
        assert!(reader.read(&mut [0]).is_err());
        assert!(elsewhere.asked().iter().all(|asked| asked.header("authorization").is_none()));
    }
    assert!(tokens.asked().is_empty());
}

#[test]
fn logging_in_keeps_what_was_proved() {
    let folder = tempfile::tempdir().unwrap();
    let file = ConfigFile::in_folder(folder.path());
    let server = Server::new(|asked| match asked.header("authorization") {
        Some(BASIC) => Reply::new(200, "{}"),
        _ => Reply::new(401, r#"{"errors":[{"code":"UNAUTHORIZED","message":"wrong"}]}"#)
            .with("WWW-Authenticate", "Basic realm=x"),
    });
    let log_in = |password: &str| {
        registry::login(
            &server.host(),
            Login::password("me", password).unwrap(),
            &file,
            &crate::fake::settings(),
        )
    };
    let error = log_in("wrong").unwrap_err().to_string();
    assert!(error.contains("without valid credentials: UNAUTHORIZED, wrong"), "{error}");
    assert!(!file.path().exists(), "nothing is kept of a login that failed");
    log_in("secret").unwrap();
    let client = server.client_of(Keyring::File(file.clone()));
    client.ping().unwrap();
    registry::logout(&server.host(), &file).unwrap();
    assert!(server.client_of(Keyring::File(file.clone())).ping().is_err());
    // A file that cannot be read is not nobody (CVE-2021-41092).
    std::fs::write(file.path(), "{").unwrap();
    let error = server.client_of(Keyring::File(file)).ping().unwrap_err().to_string();
    assert!(error.contains("config.json"), "{error}");
    let server = Server::new(|_| Reply::new(404, "not found"));
    assert!(server.client().ping().unwrap_err().to_string().contains("no registry"));
}

#[test]
fn a_login_keeps_a_refresh_token_rather_than_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let file = ConfigFile::in_folder(folder.path());
    let tokens = Server::new(|_| Reply::new(200, r#"{"token":"good","refresh_token":"again"}"#));
    let realm = tokens.url("/t");
    let server = Server::new(move |asked| match asked.header("authorization") {
        Some("Bearer good") if asked.path == "/v2/" => Reply::new(200, "{}"),
        Some("Bearer good") => image(),
        _ => Reply::new(401, "").with("WWW-Authenticate", format!("Bearer realm=\"{realm}\"")),
    });
    let login = || Login::password("me", "secret").unwrap();
    registry::login(&server.host(), login(), &file, &crate::fake::settings()).unwrap();
    assert!(tokens.asked()[0].path.contains("offline_token=true"));
    assert_eq!(file.login(&server.host()).unwrap(), Some(Login::Identity(Secret::new("again"))));
    // Whoever only pulls leaves no refresh token behind.
    server.client_of(me()).manifest("a", &tag()).unwrap();
    assert!(!tokens.asked()[1].path.contains("offline_token"), "{:?}", tokens.lines());
}

/// Four transfers begin at once; one of them asks for the token.
#[test]
fn a_token_is_fetched_once_for_all_who_wait_for_it() {
    let together = std::sync::Barrier::new(4);
    let tokens = Server::new(|_| Reply::new(200, r#"{"token":"good"}"#));
    let realm = tokens.url("/t");
    let server = Server::new(move |asked| match asked.header("authorization") {
        Some("Bearer good") => image(),
        _ => {
            together.wait();
            Reply::new(401, "").with("WWW-Authenticate", format!("Bearer realm=\"{realm}\""))
        }
    });
    let client = server.client();
    let outcome = registry::pool::each(&[0; 4], 4, &[], |_, _| client.manifest("a", &tag()).map(|_| ()));
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(tokens.asked().len(), 1);
}

#[test]
fn a_busy_token_server_is_asked_again() {
    let tokens = Server::new(|asked| match asked.before {
        0 => Reply::new(503, "").with("Retry-After", "0"),
        _ => Reply::new(200, r#"{"token":"good"}"#),
    });
    wanting(tokens.url("/t"), "good").client().manifest("a", &tag()).unwrap();
    assert_eq!(tokens.asked().len(), 2);
}

#[test]
fn each_repository_has_a_token_of_its_own() {
    // What lets us read one is not shown for another.
    let tokens = Server::new(|asked| {
        let name = if asked.path.contains("repository:a:") { "for-a" } else { "for-b" };
        Reply::new(200, format!(r#"{{"token":"{name}"}}"#))
    });
    let realm = tokens.url("/t");
    let server = Server::new(move |asked| match asked.header("authorization") {
        Some(_) => image(),
        None => Reply::new(401, "").with("WWW-Authenticate", format!("Bearer realm=\"{realm}\"")),
    });
    let client = server.client();
    for repository in ["a", "b", "a"] {
        client.manifest(repository, &tag()).unwrap();
    }
    for asked in server.asked().iter().filter(|asked| asked.header("authorization").is_some()) {
        let want = if asked.path.contains("/a/") { "Bearer for-a" } else { "Bearer for-b" };
        assert_eq!(asked.header("authorization"), Some(want), "{}", asked.path);
    }
    assert_eq!(tokens.asked().len(), 2);
}
