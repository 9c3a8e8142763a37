// SPDX-License-Identifier: Apache-2.0
//! Servers that never stall and are never done: a byte now and then.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use registry::{Cancel, Client, Patience, Settings, Start, Target};

use crate::fake::{CONFIG, Reply, Server, content, layer, manifest, settings};

/// The fakes make half a kilobyte in a second; ten are wanted. Nobody stalls.
fn patience() -> Patience {
    let (rate_window, never) = (Duration::from_millis(200), Duration::from_secs(3600));
    Patience { least_rate: 10_000, rate_window, stall: never, commit: never, ..settings().patience }
}

fn client(host: &str) -> Client {
    Client::new(host, &Settings { patience: patience(), ..settings() }).unwrap()
}

#[test]
fn a_blob_that_trickles_is_given_up_after_some_attempts() {
    let server = Server::new(|asked| match asked.from() {
        None => Reply::new(200, content()).trickling_after(NEARLY_ALL),
        Some(from) => Reply::range(&content(), from).trickling_after(200),
    });
    let mut reader = client(&server.host()).blob("a", &layer(&content()), Start::Beginning);
    let error = io::copy(&mut reader, &mut io::sink()).unwrap_err().to_string();
    assert!(error.contains("too slow: less than 10000 bytes in a second"), "{error}");
    assert_eq!(server.asked().len(), 3, "as often as the settings say: {:?}", server.lines());
    assert!(server.asked()[1].from().is_some_and(|from| from > 0), "and each time where it was");
}

#[test]
fn a_blob_that_trickled_once_is_picked_up() {
    let server = Server::new(|asked| match asked.from() {
        None => Reply::new(200, content()).trickling_after(NEARLY_ALL),
        Some(from) => Reply::range(&content(), from),
    });
    let mut bytes = Vec::new();
    let mut reader = client(&server.host()).blob("a", &layer(&content()), Start::Beginning);
    reader.read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, content());
    assert_eq!(server.asked().len(), 2);
}

/// Whoever reads slowly waits for nobody but themselves.
#[test]
fn a_slow_reader_is_no_slow_server() {
    let server = Server::new(|_| Reply::new(200, content()));
    let mut reader = client(&server.host()).blob("a", &layer(&content()), Start::Beginning);
    let (mut buffer, mut bytes, begun) = (vec![0; 1000], Vec::<u8>::new(), Instant::now());
    let mut pause = 40_000;
    loop {
        let count = reader.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        bytes.extend(&buffer[..count]);
        if bytes.len() >= pause {
            pause += 40_000;
            std::thread::sleep(Duration::from_millis(100));
        }
    }
    assert_eq!(bytes, content());
    assert_eq!(server.asked().len(), 1);
    // Otherwise it would have been no slow reader.
    assert!(begun.elapsed() > Duration::from_millis(400));
}

#[test]
fn documents_and_heads_that_trickle_are_given_up() {
    for (after, want) in [(20, "its answer takes too long"), (150, "too slow")] {
        let server = Server::new(move |_| {
            let mut bytes = manifest(CONFIG, &[b"x"]);
            bytes.splice(1..1, vec![b' '; 1000]);
            // A head of a few hundred bytes, so that one is cut in it and one behind it.
            let reply = Reply::new(200, bytes).with("Content-Type", crate::fake::MANIFEST);
            let head = "x".repeat(if after == 20 { 1000 } else { 0 });
            reply.with("X", head).trickling_after(after)
        });
        let patience = Patience { stall: Duration::from_millis(400), ..patience() };
        let client = Client::new(&server.host(), &Settings { patience, ..settings() }).unwrap();
        let error = client.manifest("a", &Target::Tag("1".to_owned())).unwrap_err().to_string();
        assert!(error.contains(want), "{after}: {error}");
        assert_eq!(server.asked().len(), 3, "{after}");
    }
}

#[test]
fn an_upload_that_is_taken_too_slowly_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let slow = std::thread::spawn(move || serve_uploads(&listener));
    // More than all buffers between here and there.
    let size = 64 << 20;
    let zeros = || -> io::Result<Box<dyn io::Read + Send>> { Ok(Box::new(io::repeat(0).take(size))) };
    let blob = oci::Descriptor { size, ..layer(b"") };
    let patience = Patience { least_rate: 50_000_000, commit: Duration::from_secs(5), ..patience() };
    let client = Client::new(&host, &Settings { patience, ..settings() }).unwrap();
    let error = client.push_blob("a", &blob, None, &zeros, &Cancel::default()).unwrap_err().to_string();
    assert!(error.contains("too slow: less than 50000000 bytes in a second"), "{error}");
    TcpStream::connect(&host).unwrap();
    assert_eq!(slow.join().unwrap(), 3, "attempts");
}

/// Lacks every blob, opens every upload, and takes what comes then slowly; until somebody says nothing. The
/// number of uploads.
fn serve_uploads(listener: &TcpListener) -> usize {
    let mut taking = Vec::new();
    let ended = Arc::new(AtomicBool::new(false));
    loop {
        let (mut connection, _) = listener.accept().unwrap();
        let mut method = [0; 4];
        if connection.read_exact(&mut method).is_err() {
            ended.store(true, Ordering::SeqCst);
            return taking.into_iter().map(|thread: JoinHandle<()>| thread.join().unwrap()).count();
        }
        let (status, more) = match &method {
            b"HEAD" => (404, ""),
            b"POST" => (202, "Location: /upload/1\r\n"),
            _ => {
                let ended = ended.clone();
                taking.push(std::thread::spawn(move || take_slowly(&connection, &ended)));
                continue;
            }
        };
        let head =
            format!("HTTP/1.1 {status} Whatever\r\nConnection: close\r\nContent-Length: 0\r\n{more}\r\n");
        connection.write_all(head.as_bytes()).unwrap();
        // Closed with the request unread it would be reset, and the answer lost.
        connection.shutdown(Shutdown::Write).unwrap();
        io::copy(&mut connection, &mut io::sink()).unwrap();
    }
}

/// Until the other side leaves, or the server ends.
fn take_slowly(mut connection: &TcpStream, ended: &AtomicBool) {
    let mut buffer = vec![0; 64 << 10];
    while !ended.load(Ordering::SeqCst) && connection.read(&mut buffer).is_ok_and(|count| count > 0) {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What is left trickles in for two seconds.
const NEARLY_ALL: usize = 399_000;
