// SPDX-License-Identifier: Apache-2.0
//! The `journald` driver: systemd's native protocol, one datagram for each line
//! (systemd, docs/JOURNAL_NATIVE_PROTOCOL.md), with Docker's fields.
//!
//! `journald-socket` names another socket than the system's, for a journal that is elsewhere.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::attributes::{Details, Identity, short};
use crate::cut::{Line, Part, Stream};
use crate::error::{Again, Error, Result};
use crate::sink::Sink;

/// A journal.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    socket: UnixDatagram,
    /// The fields that each line has.
    fields: Vec<u8>,
    message: Vec<u8>,
}

impl Journal {
    pub(crate) fn connect(path: &Path, who: &Identity, details: &Details) -> Result<Self> {
        let socket = connect(path).map_err(|error| refused(path, &error))?;
        Ok(Self { path: path.to_owned(), socket, fields: fields(who, details), message: Vec::new() })
    }
}

impl Sink for Journal {
    fn take(&mut self, line: &Line<'_>) -> Result<()> {
        // syslog(3): 6 is informational, 3 is an error.
        let priority = if line.stream == Stream::Stderr { "3" } else { "6" };
        self.message.clear();
        self.message.extend_from_slice(&self.fields);
        field(&mut self.message, "PRIORITY", priority.as_bytes());
        field(&mut self.message, "SYSLOG_TIMESTAMP", line.time.rfc3339_nano().as_bytes());
        if line.part == Part::Piece {
            field(&mut self.message, "CONTAINER_PARTIAL_MESSAGE", b"true");
        }
        field(&mut self.message, "MESSAGE", line.bytes);
        let Err(error) = self.socket.send(&self.message) else { return Ok(()) };
        let told = refused(&self.path, &error);
        if told.again() == Again::Later {
            // journald was started anew, and its socket is another one now.
            if let Ok(socket) = connect(&self.path) {
                self.socket = socket;
            }
        }
        Err(told)
    }
}

fn connect(path: &Path) -> std::io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_write_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn refused(path: &Path, error: &std::io::Error) -> Error {
    use std::io::ErrorKind::{
        ConnectionRefused, ConnectionReset, NotConnected, NotFound, TimedOut, WouldBlock,
    };
    let (why, again) = match error.kind() {
        WouldBlock | TimedOut => ("it takes nothing".to_owned(), Again::AtOnce),
        ConnectionRefused | ConnectionReset | NotConnected | NotFound => {
            ("nothing listens there".to_owned(), Again::Later)
        }
        // Among them a message that is too long for a datagram.
        _ => (error.to_string(), Again::Never),
    };
    Error::server(&format!("journald at {}", path.display()), why, again)
}

fn fields(who: &Identity, details: &Details) -> Vec<u8> {
    let tag = details.tag_or_id(who);
    let mut out = Vec::new();
    for (name, value) in [
        ("CONTAINER_ID", short(&who.id)),
        ("CONTAINER_ID_FULL", &who.id),
        ("CONTAINER_NAME", &who.name),
        ("CONTAINER_TAG", &tag),
        ("IMAGE_NAME", &who.image),
        ("SYSLOG_IDENTIFIER", &tag),
    ] {
        field(&mut out, name, value.as_bytes());
    }
    for (name, value) in details.of(who) {
        let name = field_name(&name);
        // A label may not pretend to be what we say ourselves.
        if !name.is_empty() && !RESERVED.contains(&name.as_str()) {
            field(&mut out, &name, value.as_bytes());
        }
    }
    out
}

/// A field; its value is told by its length, so that nothing in it begins another field.
fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.push(b'\n');
    out.extend((value.len() as u64).to_le_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Capital letters, digits and underscores, no underscore in front (those are journald's own), at most
/// 64 of them.
fn field_name(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter.to_ascii_uppercase() {
        letter @ ('A'..='Z' | '0'..='9') => letter,
        _ => '_',
    });
    let name: String = letters.skip_while(|letter| *letter == '_').take(LONGEST_NAME).collect();
    name
}

const RESERVED: [&str; 10] = [
    "CONTAINER_ID",
    "CONTAINER_ID_FULL",
    "CONTAINER_NAME",
    "CONTAINER_PARTIAL_MESSAGE",
    "CONTAINER_TAG",
    "IMAGE_NAME",
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "SYSLOG_TIMESTAMP",
];
const LONGEST_NAME: usize = 64;
/// How long one attempt waits; then it is asked whether to go on.
const PATIENCE: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields() {
        for (name, want) in
            [("com.example/x-1", "COM_EXAMPLE_X_1"), ("__a", "A"), ("é", ""), ("9a", "9A"), ("_", "")]
        {
            assert_eq!(field_name(name), want);
        }
    }

    #[test]
    fn values_begin_no_fields() {
        let mut out = Vec::new();
        field(&mut out, "MESSAGE", b"a\nPRIORITY=0");
        assert_eq!(out, b"MESSAGE\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n");
    }
}
