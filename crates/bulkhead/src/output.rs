// SPDX-License-Identifier: Apache-2.0
//! Standard output and standard error.
//!
//! Rust starts with SIGPIPE ignored, and containers are started with the dispositions they expect by
//! `runtime`; a listing whose reader went away ends quietly, with the code that the signal would
//! have given.

use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::failure::Failure;

/// Writes `text` to standard output as it is.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    bytes(text.as_bytes())
}

/// Writes `bytes` to standard output as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
    written.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::ReaderLeft,
        _ => Failure::stopped("cannot write to standard output", &error),
    })
}

/// Writes `value` as JSON on several lines.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    print(&json_text(value)?)
}

/// `value` as JSON on several lines.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Failure::stopped("cannot write JSON", &error))?;
    Ok(escaped(&text) + "\n")
}

/// Writes each of `rows` as JSON on a line of its own.
pub(crate) fn json_lines<Row: Serialize>(rows: &[Row]) -> Result<(), Failure> {
    let mut text = String::new();
    for row in rows {
        let line =
            serde_json::to_string(row).map_err(|error| Failure::stopped("cannot write JSON", &error))?;
        text.push_str(&escaped(&line));
        text.push('\n');
    }
    print(&text)
}

/// Writes to standard error. When that is closed there is nobody to tell, so nothing is reported.
pub(crate) fn warn(text: &str) {
    match std::io::stderr().lock().write_all(text.as_bytes()) {
        Ok(()) | Err(_) => {}
    }
}

/// `text` with everything that could move the cursor, change colours or reverse the reading order
/// written out: images and archives choose many of the names that are shown.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if drives_terminal(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// The same, but for the ends of lines and tabs.
pub(crate) fn visible_lines(text: &str) -> String {
    let parts = text.split_inclusive(['\n', '\t']).map(|part| match part.char_indices().last() {
        Some((at, c @ ('\n' | '\t'))) => visible(&part[..at]) + c.encode_utf8(&mut [0; 4]),
        _ => visible(part),
    });
    parts.collect()
}

/// The same for JSON text, whose grammar allows these characters in strings only.
pub(crate) fn escaped(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        if drives_terminal(c) && c != '\n' {
            shown.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// C0 and C1 controls, and the Unicode controls of writing direction (all below U+10000).
fn drives_terminal(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_stays() {
        for text in ["", "a b", "naïve – 名前", "\"quoted\" \\ back"] {
            assert_eq!(visible(text), text);
        }
    }

    #[test]
    fn controls_are_written_out() {
        assert_eq!(visible("a\tb\r\x1b]0;t\x07\u{9b}\u{2066}"), "a\\tb\\r\\u{1b}]0;t\\u{7}\\u{9b}\\u{2066}");
    }

    #[test]
    fn json_stays_json() {
        let text = "\u{9b}1m\u{202e}\u{7f}\x1b\n";
        let line = escaped(&serde_json::to_string(text).unwrap());
        assert_eq!(line, "\"\\u009b1m\\u202e\\u007f\\u001b\\n\"");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
