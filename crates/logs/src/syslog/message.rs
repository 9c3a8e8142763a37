// SPDX-License-Identifier: Apache-2.0
//! A line becomes a message.

use kernel::rustix::system::uname;

use crate::cut::{Line, Stream};
use crate::error::{Error, Result};

/// `syslog-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// As programs write to this machine's own socket: without a host.
    Local,
    Rfc3164,
    Rfc5424,
    Rfc5424Micro,
}

impl Format {
    pub(super) fn parse(text: &str) -> Result<Self> {
        match text {
            "" => Ok(Self::Local),
            "rfc3164" => Ok(Self::Rfc3164),
            "rfc5424" => Ok(Self::Rfc5424),
            "rfc5424micro" => Ok(Self::Rfc5424Micro),
            _ => Err(Error::option(
                "syslog-format",
                format!("`{}` is none of rfc3164, rfc5424 and rfc5424micro", oci::shown(text)),
            )),
        }
    }
}

/// How messages are kept apart on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// RFC 6587, section 3.4.1: `LENGTH MESSAGE`.
    Counted,
    /// RFC 6587, section 3.4.2. A line has no newline in it.
    Newline,
    /// Each is one by itself (RFC 5426, section 3.1).
    Datagram,
}

/// Writes messages that differ in their time and text only.
#[derive(Debug)]
pub(crate) struct Writer {
    format: Format,
    facility: u8,
    frame: Frame,
    /// What stands between the time and the text.
    middle: String,
}

impl Writer {
    pub(super) fn new(format: Format, facility: u8, frame: Frame, tag: &str) -> Self {
        let host = printable(&uname().nodename().to_string_lossy(), LONGEST_HOST);
        let pid = std::process::id();
        let middle = match format {
            Format::Local => format!("{}[{pid}]: ", printable(tag, usize::MAX)),
            Format::Rfc3164 => format!("{host} {}[{pid}]: ", printable(tag, usize::MAX)),
            Format::Rfc5424 | Format::Rfc5424Micro => {
                let (program, id) = (printable(tag, LONGEST_PROGRAM), printable(tag, LONGEST_MESSAGE_ID));
                format!("{host} {program} {pid} {id} - ")
            }
        };
        Self { format, facility, frame, middle }
    }

    /// The message of `line`, framed.
    pub(super) fn write(&self, out: &mut Vec<u8>, line: &Line<'_>) {
        let severity = if line.stream == Stream::Stderr { ERROR } else { INFORMATIONAL };
        let priority = self.facility * 8 + severity;
        let head = match self.format {
            Format::Local | Format::Rfc3164 => format!("<{priority}>{} {}", line.time.rfc3164(), self.middle),
            Format::Rfc5424 => format!("<{priority}>1 {} {}", line.time.rfc3339(), self.middle),
            Format::Rfc5424Micro => format!("<{priority}>1 {} {}", line.time.rfc3339_micro(), self.middle),
        };
        if self.frame == Frame::Counted {
            out.extend_from_slice(format!("{} ", head.len() + line.bytes.len()).as_bytes());
        }
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(line.bytes);
        if self.frame == Frame::Newline {
            out.push(b'\n');
        }
    }
}

/// A header's field: visible ASCII without spaces, for a space ends it.
fn printable(text: &str, most: usize) -> String {
    let letters = text.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { '_' });
    let field: String = letters.take(most).collect();
    if field.is_empty() { "-".to_owned() } else { field }
}

/// RFC 5424, section 6.2.1.
const ERROR: u8 = 3;
const INFORMATIONAL: u8 = 6;
/// RFC 5424, section 6.
const LONGEST_HOST: usize = 255;
const LONGEST_PROGRAM: usize = 48;
const LONGEST_MESSAGE_ID: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cut::Part;
    use crate::time::Time;

    #[test]
    fn all_formats() {
        let host = printable(&uname().nodename().to_string_lossy(), 255);
        let pid = std::process::id();
        let time = Time::from_nanoseconds(1_795_000_000_123_456_789);
        let line = Line { time, stream: Stream::Stderr, bytes: b"a b", part: Part::Whole };
        for (format, frame, want) in [
            (Format::Local, Frame::Newline, format!("<27>Nov 18 11:06:40 t_g[{pid}]: a b\n")),
            (Format::Rfc3164, Frame::Newline, format!("<27>Nov 18 11:06:40 {host} t_g[{pid}]: a b\n")),
            (
                Format::Rfc5424Micro,
                Frame::Datagram,
                format!("<27>1 2026-11-18T11:06:40.123456Z {host} t_g {pid} t_g - a b"),
            ),
        ] {
            let mut out = Vec::new();
            Writer::new(format, 3, frame, "t g").write(&mut out, &line);
            assert_eq!(String::from_utf8(out).unwrap(), want);
        }
        let mut out = Vec::new();
        Writer::new(Format::Rfc5424, 0, Frame::Counted, &"x".repeat(60)).write(&mut out, &line);
        let out = String::from_utf8(out).unwrap();
        let (length, message) = out.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), message.len());
        let (program, id) = ("x".repeat(48), "x".repeat(32));
        assert_eq!(message, format!("<3>1 2026-11-18T11:06:40Z {host} {program} {pid} {id} - a b"));
    }
}
