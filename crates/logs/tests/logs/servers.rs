// SPDX-License-Identifier: Apache-2.0
//! syslog and journald, by servers of the test's own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};

use logs::{Identity, Report, Stream, Writer};

use crate::{at, driver, who};

#[test]
fn udp_in_all_formats() {
    for (format, out, err) in [
        ("", "<134>Nov 18 11:06:40 0123456789ab[PID]: out", "<131>Nov 18 11:06:40 0123456789ab[PID]: err"),
        ("rfc3164", "<134>Nov 18 11:06:40 HOST 0123456789ab[PID]: out", ""),
        ("rfc5424", "<134>1 2026-11-18T11:06:40Z HOST 0123456789ab PID 0123456789ab - out", ""),
        ("rfc5424micro", "<134>1 2026-11-18T11:06:40.000000Z HOST 0123456789ab PID 0123456789ab - out", ""),
    ] {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = format!("udp://{}", server.local_addr().unwrap());
        let mut log =
            syslog(&[("syslog-address", &address), ("syslog-facility", "local0"), ("syslog-format", format)]);
        // The empty line is not sent.
        log.write(Stream::Stdout, b"\nout\n", at(0)).unwrap();
        log.write(Stream::Stderr, b"err\n", at(0)).unwrap();
        assert_eq!(log.close(), Report::default());
        let receive = || {
            let mut bytes = [0; 2048];
            let length = server.recv(&mut bytes).unwrap();
            named(&bytes[..length])
        };
        assert_eq!(receive(), out, "{format}");
        let second = receive();
        assert!(err.is_empty() || second == err, "{second}");
        assert!(second.ends_with("err") && second.starts_with("<131>"), "{second}");
    }
}

#[test]
fn streams_are_counted_or_end_with_newlines() {
    for (format, want) in [
        ("rfc5424", "72 <30>1 2026-11-18T11:06:40Z HOST tag PID tag - one"),
        ("rfc3164", "<30>Nov 18 11:06:40 HOST tag[PID]: one\n"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let mut log = syslog(&[("syslog-address", &address), ("syslog-format", format), ("tag", "tag")]);
        let (mut stream, _) = listener.accept().unwrap();
        log.write(Stream::Stdout, b"one\ntwo\n", at(0)).unwrap();
        assert_eq!(log.close(), Report::default());
        let mut all = Vec::new();
        stream.read_to_end(&mut all).unwrap();
        let messages = if format == "rfc5424" { counted(&all) } else { lines(&all) };
        assert_eq!(messages.len(), 2);
        let want = want.strip_prefix("72 ").unwrap_or(want).trim_end();
        assert_eq!(named(&messages[0]), want);
        assert!(messages[1].ends_with(b"two"));
    }
}

#[test]
fn unix_sockets() {
    let place = tempfile::tempdir().unwrap();
    let (stream_path, datagram_path) = (place.path().join("stream"), place.path().join("datagram"));
    let listener = UnixListener::bind(&stream_path).unwrap();
    let mut log = syslog(&[("syslog-address", &format!("unix://{}", stream_path.display()))]);
    log.write(Stream::Stdout, b"one\n", at(0)).unwrap();
    assert_eq!(log.close(), Report::default());
    let mut all = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut all).unwrap();
    assert_eq!(named(&all), "<30>Nov 18 11:06:40 0123456789ab[PID]: one\n");
    let server = UnixDatagram::bind(&datagram_path).unwrap();
    let mut log = syslog(&[("syslog-address", &format!("unixgram://{}", datagram_path.display()))]);
    log.write(Stream::Stdout, b"one\n", at(0)).unwrap();
    assert_eq!(log.close(), Report::default());
    let mut bytes = [0; 2048];
    let length = server.recv(&mut bytes).unwrap();
    assert_eq!(named(&bytes[..length]), "<30>Nov 18 11:06:40 0123456789ab[PID]: one");
}

/// A server that goes and comes again misses what it had not read, and nothing after that.
#[test]
fn a_server_that_was_away_gets_what_waited() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut log = syslog(&[("syslog-address", &format!("tcp://{address}"))]);
    let (first, _) = listener.accept().unwrap();
    log.write(Stream::Stdout, b"one\n", at(0)).unwrap();
    let mut line = String::new();
    BufReader::new(&first).read_line(&mut line).unwrap();
    assert!(line.ends_with("one\n"), "{line}");
    drop(first);
    log.write(Stream::Stdout, b"two\nthree\n", at(1)).unwrap();
    let (second, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(&second);
    for want in ["two\n", "three\n"] {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert!(line.ends_with(want), "{line}");
    }
    assert_eq!(log.close().lost, 0);
}

#[test]
fn a_container_without_its_server_does_not_start() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    drop(listener);
    let place = tempfile::tempdir().unwrap();
    let gone = format!("unix://{}", place.path().join("gone").display());
    for address in [address, gone] {
        let driver = driver("syslog", &[("syslog-address", &address)]);
        let error = Writer::open(&driver, place.path(), &who()).unwrap_err().to_string();
        assert!(error.contains(&address) && error.contains("nothing listens there"), "{error}");
    }
    let socket = place.path().join("no-journal");
    let driver = driver("journald", &[("journald-socket", socket.to_str().unwrap())]);
    let error = Writer::open(&driver, place.path(), &who()).unwrap_err().to_string();
    assert!(error.contains("nothing listens there"), "{error}");
}

#[test]
fn journald_gets_dockers_fields() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("journal");
    let server = UnixDatagram::bind(&path).unwrap();
    let options = [
        ("journald-socket", path.to_str().unwrap()),
        ("labels", "com.example.x,MESSAGE"),
        ("tag", "{{.Name}}"),
    ];
    let labels = BTreeMap::from([
        ("com.example.x".to_owned(), "a\nPRIORITY=0".to_owned()),
        ("MESSAGE".to_owned(), "pretended".to_owned()),
    ]);
    let who = Identity { labels, ..who() };
    let mut log = Writer::open(&driver("journald", &options), place.path(), &who).unwrap();
    let reading = std::thread::spawn(move || {
        let receive = |_| {
            let mut bytes = vec![0; 1 << 16];
            let length = server.recv(&mut bytes).unwrap();
            fields(&bytes[..length])
        };
        (0..3).map(receive).collect::<Vec<_>>()
    });
    log.write(Stream::Stderr, b"one\n", at(0)).unwrap();
    log.write(Stream::Stdout, &[&[b'x'; 16384][..], b"y\n"].concat(), at(0)).unwrap();
    assert_eq!(log.close(), Report::default());
    let messages = reading.join().unwrap();
    let get = |message: usize, name: &str| messages[message].get(name).map(String::as_str);
    for (name, want) in [
        ("MESSAGE", "one"),
        ("PRIORITY", "3"),
        ("CONTAINER_ID", "0123456789ab"),
        ("CONTAINER_ID_FULL", crate::ID),
        ("CONTAINER_NAME", "web"),
        ("CONTAINER_TAG", "web"),
        ("SYSLOG_IDENTIFIER", "web"),
        ("IMAGE_NAME", "debian:12"),
        ("COM_EXAMPLE_X", "a\nPRIORITY=0"),
        ("SYSLOG_TIMESTAMP", "2026-11-18T11:06:40Z"),
    ] {
        assert_eq!(get(0, name), Some(want), "{name}");
    }
    assert_eq!(get(0, "CONTAINER_PARTIAL_MESSAGE"), None);
    assert_eq!((get(1, "CONTAINER_PARTIAL_MESSAGE"), get(1, "PRIORITY")), (Some("true"), Some("6")));
    assert_eq!((get(2, "CONTAINER_PARTIAL_MESSAGE"), get(2, "MESSAGE")), (None, Some("y")));
}

pub(crate) fn syslog(options: &[(&str, &str)]) -> Writer {
    let options: Vec<_> = options.iter().copied().filter(|(_, value)| !value.is_empty()).collect();
    Writer::open(&driver("syslog", &options), std::path::Path::new("/nonexistent"), &who()).unwrap()
}

/// A message without what differs from machine to machine.
fn named(message: &[u8]) -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let text = String::from_utf8(message.to_vec()).unwrap();
    let text = text.replace(&format!(" {} ", host.trim()), " HOST ");
    let pid = std::process::id();
    text.replace(&format!("[{pid}]"), "[PID]").replace(&format!(" {pid} "), " PID ")
}

/// `LENGTH MESSAGE` again and again (RFC 6587, section 3.4.1).
pub(crate) fn counted(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        messages.push(bytes[space + 1..space + 1 + length].to_vec());
        bytes = &bytes[space + 1 + length..];
    }
    messages
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Both forms of journald's protocol.
fn fields(mut bytes: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|byte| *byte == b'\n').unwrap();
        let (name, rest) = (&bytes[..end], &bytes[end + 1..]);
        let name = std::str::from_utf8(name).unwrap();
        if let Some((name, value)) = name.split_once('=') {
            assert!(fields.insert(name.to_owned(), value.to_owned()).is_none());
            bytes = rest;
            continue;
        }
        let (length, rest) = rest.split_at(8);
        let length = usize::try_from(u64::from_le_bytes(length.try_into().unwrap())).unwrap();
        let value = String::from_utf8(rest[..length].to_vec()).unwrap();
        assert_eq!(rest[length], b'\n');
        assert!(fields.insert(name.to_owned(), value).is_none(), "{name} stands twice");
        bytes = &rest[length + 1..];
    }
    fields
}
