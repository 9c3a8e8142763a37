// SPDX-License-Identifier: Apache-2.0
//! Lines become JSON.

use std::collections::BTreeMap;
use std::time::SystemTime;

use crate::cut::{Line, Part, Stream};
use crate::reader::Ending;
use crate::time::Time;

/// One line as the file has it.
pub fn encode(stream: Stream, bytes: &[u8], ending: Ending, time: SystemTime) -> Vec<u8> {
    let part = if ending == Ending::Newline { Part::Whole } else { Part::Piece };
    let time = Time::of(time);
    let mut out = Vec::new();
    record(&mut out, &Line { time, stream, bytes, part }, b"", time.rfc3339_nano().as_bytes());
    out
}

/// Adds `line`, with `attributes` as [`attributes`] made them and its time as text.
pub(crate) fn record(out: &mut Vec<u8>, line: &Line<'_>, attributes: &[u8], time: &[u8]) {
    out.push(b'{');
    if !line.bytes.is_empty() || line.part.has_newline() {
        out.extend_from_slice(b"\"log\":\"");
        escape(out, line.bytes);
        if line.part.has_newline() {
            out.extend_from_slice(b"\\n");
        }
        out.extend_from_slice(b"\",");
    }
    out.extend_from_slice(match line.stream {
        Stream::Stdout => b"\"stream\":\"stdout\"",
        Stream::Stderr => b"\"stream\":\"stderr\"",
    });
    if !attributes.is_empty() {
        out.extend_from_slice(b",\"attrs\":");
        out.extend_from_slice(attributes);
    }
    out.extend_from_slice(b",\"time\":\"");
    out.extend_from_slice(time);
    out.extend_from_slice(b"\"}\n");
}

/// The attributes of all lines of a container, or nothing if there are none.
pub(crate) fn attributes(all: &BTreeMap<String, String>) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, value) in all {
        out.extend_from_slice(if out.is_empty() { b"{\"" } else { b",\"" });
        escape(&mut out, name.as_bytes());
        out.extend_from_slice(b"\":\"");
        escape(&mut out, value.as_bytes());
        out.push(b'"');
    }
    if !out.is_empty() {
        out.push(b'}');
    }
    out
}

/// The inside of a JSON string. Most bytes are copied in runs.
fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if PLAIN[usize::from(byte)] {
            at += 1;
            continue;
        }
        let (length, escaped) = if byte < 0x80 { (1, true) } else { character(&bytes[at..]) };
        if escaped {
            out.extend_from_slice(&bytes[start..at]);
            escape_one(out, &bytes[at..at + length]);
            start = at + length;
        }
        at += length;
    }
    out.extend_from_slice(&bytes[start..]);
}

/// How long the character at the front is, and whether it is written as an escape. What begins no
/// character is one byte, as in Go's utf8.DecodeRune.
fn character(bytes: &[u8]) -> (usize, bool) {
    let front = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(front) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&front[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(separator @ ('\u{2028}' | '\u{2029}')) => (separator.len_utf8(), true),
        Some(letter) => (letter.len_utf8(), false),
        None => (1, true),
    }
}

fn escape_one(out: &mut Vec<u8>, character: &[u8]) {
    match *character {
        [byte @ (b'"' | b'\\')] => out.extend([b'\\', byte]),
        [b'\n'] => out.extend_from_slice(b"\\n"),
        [b'\r'] => out.extend_from_slice(b"\\r"),
        [byte @ ..0x80] => {
            out.extend_from_slice(b"\\u00");
            out.extend([HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
        [_, _, last] => {
            out.extend_from_slice(b"\\u202");
            out.push(HEX[usize::from(last & 15)]);
        }
        _ => out.extend_from_slice(b"\\ufffd"),
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Bytes that stand for themselves.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x80 {
        plain[byte] = !matches!(byte as u8, b'"' | b'\\' | b'<' | b'>' | b'&');
        byte += 1;
    }
    plain
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_dockers() {
        for (bytes, want) in [
            (&b"a\"\\/<>&\x7f"[..], r#"a\"\\/\u003c\u003e\u0026"#.to_owned() + "\x7f"),
            (b"\t\r\x00\x1f", r"\u0009\r\u0000\u001f".to_owned()),
            ("é\u{2028}\u{2029}😀\u{fffd}".as_bytes(), r"é\u2028\u2029😀".to_owned() + "\u{fffd}"),
            (b"\xff\xc0\xaf\xe2\x82", r"\ufffd\ufffd\ufffd\ufffd\ufffd".to_owned()),
            (b"\xe2\x82\xac\xe2", "€".to_owned() + r"\ufffd"),
        ] {
            let mut out = Vec::new();
            escape(&mut out, bytes);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
    }

    #[test]
    fn an_empty_piece_has_no_log() {
        let time = SystemTime::UNIX_EPOCH;
        assert_eq!(
            encode(Stream::Stderr, b"", Ending::Open, time),
            b"{\"stream\":\"stderr\",\"time\":\"1970-01-01T00:00:00Z\"}\n"
        );
    }
}
