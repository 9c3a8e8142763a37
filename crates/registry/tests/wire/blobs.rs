// SPDX-License-Identifier: Apache-2.0
//! A blob is right or it is an error, however it comes.

use std::io::Read as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::fake::{Reply, Server, content, layer, settings};
use registry::{Cancel, Client, Error, Patience, Settings, Start, pool};

/// Reads the blob that `answer` serves; what came, or the error.
fn fetched(server: &Server, start: Start) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let mut reader = server.client().blob("a/b", &layer(&content()), start);
    reader.read_to_end(&mut bytes).map_err(|error| registry::failure(error, "test"))?;
    Ok(bytes)
}

fn complaint(answer: impl Fn(&crate::fake::Asked) -> Reply + Send + Sync + 'static) -> (String, usize) {
    let server = Server::new(answer);
    let error = fetched(&server, Start::Beginning).unwrap_err().to_string();
    (error, server.asked().len())
}

#[test]
fn a_whole_blob() {
    let server = Server::new(|_| Reply::new(200, content()));
    assert_eq!(fetched(&server, Start::Beginning).unwrap(), content());
    let digest = layer(&content()).digest;
    assert_eq!(server.lines(), [format!("GET /v2/a/b/blobs/{digest}")]);
    assert_eq!(server.asked()[0].header("range"), None);
}

#[test]
fn wrong_content_is_an_error_at_once() {
    let mut wrong = content();
    wrong[77] ^= 1;
    let (error, requests) = complaint(move |_| Reply::new(200, wrong.clone()));
    assert!(error.contains("is damaged: its content is sha256:"), "{error}");
    assert_eq!(requests, 1);
}

/// Also one who reads the length and never to the end has seen a verified blob.
#[test]
fn the_last_piece_is_held_back_until_all_is_right() {
    let mut wrong = content();
    wrong[0] ^= 1;
    let server = Server::new(move |_| Reply::new(200, wrong.clone()));
    let mut buffer = vec![0; content().len()];
    let mut reader = server.client().blob("a", &layer(&content()), Start::Beginning);
    assert!(reader.read_exact(&mut buffer).is_err());
    assert!(reader.read(&mut buffer).is_err(), "a reader that failed goes on");
}

#[test]
fn another_length_is_an_error() {
    let (error, _) = complaint(|_| Reply::new(200, &content()[1..]));
    assert!(error.contains("399999 bytes, and 400000 were promised"), "{error}");
    let longer: Vec<u8> = content().into_iter().chain([0]).collect();
    let (error, _) = complaint(move |_| Reply::new(200, longer.clone()));
    assert!(error.contains("400001 bytes, and 400000 were promised"), "{error}");
    // Without a length, as chunked answers have it.
    let (error, requests) = complaint(|_| Reply::new(200, content()).endless());
    assert!(error.contains("goes on after the 400000 bytes"), "{error}");
    assert_eq!(requests, 1);
}

#[test]
fn a_broken_connection_is_picked_up_where_it_broke() {
    let server = Server::new(|asked| match asked.from() {
        None => Reply::new(200, &content()[..100_000]).claiming(400_000),
        Some(from) => Reply::range(&content(), from),
    });
    assert_eq!(fetched(&server, Start::Beginning).unwrap(), content());
    assert_eq!(server.asked()[1].header("range"), Some("bytes=100000-"));
}

#[test]
fn a_server_without_ranges_is_read_again_from_its_beginning() {
    let server = Server::new(|asked| match asked.before {
        0 => Reply::new(200, &content()[..100_000]).claiming(400_000),
        _ => Reply::new(200, content()),
    });
    assert_eq!(fetched(&server, Start::Beginning).unwrap(), content());
    assert_eq!(server.asked().len(), 2);
}

#[test]
fn a_blob_that_is_partly_here_goes_on_behind_it() {
    let server = Server::new(|asked| Reply::range(&content(), asked.from().unwrap()));
    let whole = content();
    let start = Start::behind(&layer(&whole).digest, &whole[..300_000]).unwrap();
    assert_eq!(fetched(&server, start).unwrap(), &whole[300_000..]);
    // All of it is here already: nothing is asked, and it is checked all the same.
    let start = Start::behind(&layer(&whole).digest, &whole[..]).unwrap();
    assert_eq!(fetched(&server, start).unwrap(), b"");
    assert_eq!(server.asked().len(), 1);
    let mut wrong = whole.clone();
    wrong[5] ^= 1;
    let start = Start::behind(&layer(&whole).digest, &wrong[..]).unwrap();
    assert!(matches!(fetched(&server, start), Err(Error::Damaged { .. })));
}

#[test]
fn a_range_that_is_not_the_asked_one_is_an_error() {
    for wrong in ["bytes 99999-399999/400000", "bytes 100000-399999/400001", "bytes */400000", ""] {
        let server = Server::new(move |asked| match asked.from() {
            None => Reply::new(200, &content()[..100_000]).claiming(400_000),
            Some(from) => Reply::new(206, &content()[from..]).with("Content-Range", wrong),
        });
        let error = fetched(&server, Start::Beginning).unwrap_err().to_string();
        assert!(error.contains("breaks the protocol"), "{wrong}: {error}");
    }
    let server = Server::new(|asked| match asked.from() {
        None => Reply::new(200, &content()[..100_000]).claiming(400_000),
        Some(_) => Reply::new(416, ""),
    });
    let error = fetched(&server, Start::Beginning).unwrap_err().to_string();
    assert!(error.contains("ends before byte 100000"), "{error}");
}

#[test]
fn a_connection_that_always_breaks_is_given_up() {
    let (error, requests) = complaint(|asked| match asked.from() {
        None => Reply::new(200, &content()[..100]).claiming(400_000),
        Some(from) => Reply::range(&content()[..400_000], from).claiming(1_000_000),
    });
    // The second answer says another length than the range has.
    assert!(error.contains("sends 1000000 bytes, and 399900 were promised"), "{error}");
    assert_eq!(requests, 2);
    let (error, requests) = complaint(|_| Reply::new(200, "").claiming(400_000));
    assert!(error.contains("cannot reach"), "{error}");
    assert_eq!(requests, 3, "as often as the settings say");
}

#[test]
fn a_server_that_stalls_is_given_up() {
    let server = Server::new(|asked| match asked.from() {
        None => Reply::new(200, content()).stalling_after(1000),
        Some(from) => Reply::range(&content(), from).stalling_after(0),
    });
    let patience = Patience { stall: Duration::from_millis(300), ..settings().patience };
    let client = Client::new(&server.host(), &Settings { patience, ..settings() }).unwrap();
    let mut reader = client.blob("a", &layer(&content()), Start::Beginning);
    let error = std::io::copy(&mut reader, &mut std::io::sink()).unwrap_err().to_string();
    assert!(error.contains("nothing came for too long"), "{error}");
    // Three times a body and each of them asked for at most three times, should this machine be slow.
    assert!((3..=9).contains(&server.asked().len()), "{:?}", server.lines());
}

#[test]
fn a_busy_server_is_asked_again_and_a_final_answer_is_final() {
    for status in [429, 500, 502, 503, 504] {
        let server = Server::new(move |asked| match asked.before {
            0 => Reply::new(status, "").with("Retry-After", "0"),
            _ => Reply::new(200, content()),
        });
        assert_eq!(fetched(&server, Start::Beginning).unwrap(), content(), "{status}");
    }
    for (status, want) in [
        (404, "has no blob"),
        (403, "does not let this account"),
        (400, "answers 400"),
        (410, "answers 410"),
        (501, "answers 501"),
    ] {
        let (error, requests) =
            complaint(move |_| Reply::new(status, r#"{"errors":[{"code":"X","message":"its words"}]}"#));
        assert!(error.contains(want), "{error}");
        assert_eq!(requests, 1, "{status}");
    }
}

#[test]
fn retry_after_is_honoured_within_bounds() {
    let (error, requests) = complaint(|_| Reply::new(429, "later").with("Retry-After", "86400"));
    assert!(error.contains("answers 429") && error.contains("later"), "{error}");
    assert_eq!(requests, 1, "nobody waits a day");
    let server = Server::new(|asked| match asked.before {
        0 => Reply::new(503, "").with("Retry-After", "1"),
        _ => Reply::new(200, content()),
    });
    let begun = Instant::now();
    fetched(&server, Start::Beginning).unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_redirect_is_followed_to_storage_elsewhere() {
    let storage = Server::new(|asked| match asked.from() {
        None => Reply::new(200, &content()[..100_000]).claiming(400_000),
        Some(from) => Reply::range(&content(), from),
    });
    let url = storage.url("/signed?x=%2F");
    let server = Server::new(move |_| Reply::new(307, "").with("Location", url.clone()));
    assert_eq!(fetched(&server, Start::Beginning).unwrap(), content());
    assert_eq!(storage.lines(), ["GET /signed?x=%2F", "GET /signed?x=%2F"]);
    assert_eq!(storage.asked()[1].from(), Some(100_000), "the range goes along");
}

#[test]
fn redirects_are_bounded_and_stay_within_policy() {
    let (error, requests) = complaint(|asked| Reply::new(302, "").with("Location", asked.path.clone()));
    assert!(error.contains("redirects more than 5 times"), "{error}");
    assert_eq!(requests, 6);
    for (location, want) in [
        ("http://203.0.113.1/x", "plain HTTP to 203.0.113.1"),
        ("ftp://127.0.0.1/x", "neither https:// nor http://"),
        ("file:///etc/passwd", "neither https:// nor http://"),
        ("http://user:password@127.0.0.1/", "its host is not"),
    ] {
        let (error, requests) = complaint(move |_| Reply::new(302, "").with("Location", location));
        assert!(error.contains(want), "{location}: {error}");
        assert_eq!(requests, 1);
    }
    let (error, _) = complaint(|_| Reply::new(302, ""));
    assert!(error.contains("redirects to nowhere"), "{error}");
}

#[test]
fn an_answer_that_is_no_http_is_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let garbage = std::thread::spawn(move || {
        use std::io::Write as _;
        let (mut connection, _) = listener.accept().unwrap();
        connection.read_exact(&mut [0; 16]).unwrap();
        connection.write_all(&[0xff; 300]).unwrap_or_default();
    });
    let client = Client::new(&host, &settings()).unwrap();
    let error = client.blob("a", &layer(b"x"), Start::Beginning).read(&mut [0]).unwrap_err().to_string();
    assert!(error.contains("cannot reach"), "{error}");
    garbage.join().unwrap();
    let error = client.blob("a", &layer(b"x"), Start::Beginning).read(&mut [0]).unwrap_err().to_string();
    assert!(error.contains("nothing listens there"), "{error}");
}

/// Keeps what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<u64>>);

impl registry::Watch for Notes {
    fn came(&self, blob: &oci::Descriptor, done: u64) {
        assert_eq!(blob.size, 400_000);
        self.0.lock().unwrap().push(done);
    }
}

#[test]
fn progress_is_told() {
    let server = Server::new(|_| Reply::new(200, content()));
    let notes = Notes::default();
    let mut reader = server.client().blob("a", &layer(&content()), Start::Beginning).watched(&notes);
    std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
    let told = notes.0.lock().unwrap();
    assert!(told.is_sorted() && told.last() == Some(&400_000), "{told:?}");
}

/// Lets the other side go on once something came.
struct Signal(Arc<std::sync::Barrier>);

impl registry::Watch for Signal {
    fn came(&self, _: &oci::Descriptor, _: u64) {
        self.0.wait();
    }
}

/// One of two fails while the other hangs; nobody waits for the one that hangs.
#[test]
fn one_failure_ends_all_transfers() {
    let good = layer(&content());
    let bad = layer(b"not there");
    let path = format!("/v2/a/blobs/{}", bad.digest);
    let hanging = Arc::new(std::sync::Barrier::new(2));
    let signal = Signal(hanging.clone());
    let elsewhere = Server::new(|_| Reply::new(200, "{}"));
    let server = Server::new(move |asked| {
        if asked.path != path {
            return Reply::new(200, content()).stalling_after(1000);
        }
        hanging.wait();
        // Something to do while the other one goes from its first piece into its next read.
        for _ in 0..50 {
            elsewhere.client().ping().unwrap();
        }
        Reply::new(404, "")
    });
    let patience = Patience { stall: Duration::from_secs(3600), ..settings().patience };
    let client = Client::new(&server.host(), &Settings { patience, ..settings() }).unwrap();
    let begun = Instant::now();
    let outcome = pool::each(&[good, bad], 4, &[&client], |blob, cancel: &Cancel| {
        let reader = client.blob("a", blob, Start::Beginning).stopped_by(cancel);
        std::io::copy(&mut reader.watched(&signal), &mut std::io::sink())
            .map_err(|error| registry::failure(error, "test"))
    });
    assert!(matches!(outcome, Err(Error::NotFound { .. })), "{outcome:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
}
