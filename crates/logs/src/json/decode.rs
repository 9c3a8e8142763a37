// SPDX-License-Identifier: Apache-2.0
//! JSON becomes lines.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::cut::Stream;
use crate::reader::{Decoder, Ending, Entry, Step};
use crate::time::Clock;

/// Lines of a json-file.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    clock: Clock,
    /// In the middle of a line that is too long to be one.
    overlong: bool,
}

impl Decoder for Lines {
    fn step(&mut self, window: &[u8]) -> Step {
        match memchr::memchr(b'\n', window) {
            Some(at) if self.overlong => {
                self.overlong = false;
                Step::Damaged(at + 1)
            }
            Some(at) => match object(&window[..at], &mut self.clock) {
                Some(entry) => Step::Entry(at + 1, entry),
                None => Step::Damaged(at + 1),
            },
            None if window.len() > LONGEST => {
                self.overlong = true;
                Step::Damaged(window.len())
            }
            None => Step::More,
        }
    }

    fn last_step(&mut self, window: &[u8]) -> Step {
        Step::Damaged(window.len())
    }
}

/// Reads one line of a json-file, without its newline; none if it is damaged.
pub fn decode(line: &[u8]) -> Option<Entry> {
    object(line, &mut Clock::default())
}

fn object(line: &[u8], clock: &mut Clock) -> Option<Entry> {
    let mut text = Text { bytes: line };
    let (mut log, mut stream, mut time) = (None, None, None);
    let mut attributes = Vec::new();
    text.token(b'{')?;
    loop {
        let key = text.short_string()?;
        text.token(b':')?;
        match key {
            b"log" => log = Some(text.string()?),
            b"stream" => {
                stream = match text.short_string()? {
                    b"stdout" => Some(Stream::Stdout),
                    b"stderr" => Some(Stream::Stderr),
                    _ => return None,
                };
            }
            b"time" => time = clock.read(text.short_string()?),
            b"attrs" => attributes = text.value::<BTreeMap<String, String>>()?.into_iter().collect(),
            _ => {
                text.value::<IgnoredAny>()?;
            }
        }
        match text.next()? {
            b',' => {}
            b'}' => break,
            _ => return None,
        }
    }
    if text.next().is_some() {
        return None;
    }
    let mut bytes = log.unwrap_or_default();
    let ending = if bytes.last() == Some(&b'\n') { Ending::Newline } else { Ending::Open };
    if ending == Ending::Newline {
        bytes.pop();
    }
    Some(Entry { time: time?.system(), stream: stream?, bytes, ending, attributes })
}

/// What is left of a line.
struct Text<'a> {
    bytes: &'a [u8],
}

impl<'a> Text<'a> {
    /// The next byte that is no space.
    fn next(&mut self) -> Option<u8> {
        loop {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            if !matches!(byte, b' ' | b'\t' | b'\r') {
                return Some(*byte);
            }
        }
    }

    fn token(&mut self, token: u8) -> Option<()> {
        (self.next()? == token).then_some(())
    }

    /// A string without escapes, which keys, streams and times have none of.
    fn short_string(&mut self) -> Option<&'a [u8]> {
        self.token(b'"')?;
        let end = memchr::memchr2(b'"', b'\\', self.bytes)?;
        let (string, rest) = self.bytes.split_at(end);
        self.bytes = rest.strip_prefix(b"\"")?;
        Some(string)
    }

    /// A string. Bytes that stand in it as they are, are taken as they are.
    fn string(&mut self) -> Option<Vec<u8>> {
        self.token(b'"')?;
        let mut out = Vec::new();
        loop {
            let end = memchr::memchr2(b'"', b'\\', self.bytes)?;
            let (run, rest) = self.bytes.split_at(end);
            if out.is_empty() {
                // Mostly the whole line but for the escape of its newline.
                out.reserve(run.len() + 1);
            }
            out.extend_from_slice(run);
            let (mark, rest) = rest.split_first()?;
            self.bytes = rest;
            if *mark == b'"' {
                return Some(out);
            }
            self.escape(&mut out)?;
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, out: &mut Vec<u8>) -> Option<()> {
        let (letter, rest) = self.bytes.split_first()?;
        self.bytes = rest;
        let byte = match letter {
            b'"' | b'\\' | b'/' => *letter,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'b' => 8,
            b'f' => 12,
            b'u' => {
                let unit = self.unit()?;
                let letter = self.character(unit);
                out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            _ => return None,
        };
        out.push(byte);
        Some(())
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u32> {
        let (digits, rest) = self.bytes.split_at_checked(4)?;
        self.bytes = rest;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    }

    /// Takes the second half of a surrogate pair if it follows; half a pair is no character.
    fn character(&mut self, unit: u32) -> char {
        if (0xd800..0xdc00).contains(&unit) && self.bytes.starts_with(b"\\u") {
            let before = self.bytes;
            self.bytes = &self.bytes[2..];
            if let Some(low @ 0xdc00..0xe000) = self.unit() {
                let both = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                return char::from_u32(both).unwrap_or(char::REPLACEMENT_CHARACTER);
            }
            self.bytes = before;
        }
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// Any JSON value. Its depth is bounded by the parser.
    fn value<'v, T: Deserialize<'v>>(&mut self) -> Option<T>
    where
        'a: 'v,
    {
        let mut values = serde_json::Deserializer::from_slice(self.bytes).into_iter::<T>();
        let value = values.next()?.ok()?;
        self.bytes = self.bytes.get(values.byte_offset()..)?;
        Some(value)
    }
}

/// No line that an engine writes is longer: 16 KiB of which each byte is six letters, and attributes.
const LONGEST: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(line: &str) -> Option<(Vec<u8>, Ending)> {
        decode(line.as_bytes()).map(|entry| (entry.bytes, entry.ending))
    }

    #[test]
    fn what_is_a_line() {
        let tail = r#","stream":"stdout","time":"2026-11-28T08:07:16.396487093Z"}"#;
        for (log, want, ending) in [
            (r#""a\n""#, "a", Ending::Newline),
            (r#""a""#, "a", Ending::Open),
            (r#""\u00e9\ud83d\ude00\ud800\"\\\/\t\b\f\r""#, "é😀\u{fffd}\"\\/\t\u{8}\u{c}\r", Ending::Open),
            (r#""\ud83d\u0041""#, "\u{fffd}A", Ending::Open),
            (r#""""#, "", Ending::Open),
        ] {
            let found = bytes(&format!("{{\"log\":{log}{tail}"));
            assert_eq!(found, Some((want.as_bytes().to_vec(), ending)), "{log}");
        }
        let other = r#" { "time" : "2026-11-28T08:07:16Z", "x":[{"y":1}], "stream":"stderr","attrs":{"b":"1","a":"2"} }"#;
        let entry = decode(other.as_bytes()).unwrap();
        assert_eq!((entry.stream, entry.bytes.len()), (Stream::Stderr, 0));
        assert_eq!(entry.attributes[0], ("a".to_owned(), "2".to_owned()));
    }

    #[test]
    fn what_is_none() {
        let good = r#"{"log":"a\n","stream":"stdout","time":"2026-11-28T08:07:16Z"}"#;
        assert!(bytes(good).is_some());
        for length in 0..good.len() {
            assert_eq!(bytes(&good[..length]), None, "{length}");
        }
        for line in [
            good.replace("stdout", "stdin"),
            good.replace("2026", "x026"),
            good.replace("\\n", "\\x"),
            good.replace("\\n", "\\u12g4"),
            format!("{good}x"),
            good.replace(":\"a", ":1\"a"),
            good.replace("\"stream\"", &format!("\"deep\":{},\"stream\"", "[".repeat(1_000_000))),
        ] {
            assert_eq!(bytes(&line), None, "{}", &line[..line.len().min(80)]);
        }
    }
}
