// SPDX-License-Identifier: Apache-2.0
//! One header block (POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar
//! Format").
//!
//! ```text
//! 0 name 100  100 mode 8  108 uid 8  116 gid 8  124 size 12  136 mtime 12  148 checksum 8
//! 156 type 1  157 link 100  257 magic 6 + version 2  265 uname 32  297 gname 32
//! 329 devmajor 8  337 devminor 8  345 prefix 155
//! ```

use super::pax::Extensions;
use super::{Entry, Error, malformed, quoted};

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    File,
    HardLink,
    SymLink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
    #[doc(hidden)]
    PaxLocal,
    #[doc(hidden)]
    PaxGlobal,
    #[doc(hidden)]
    GnuLongName,
    #[doc(hidden)]
    GnuLongLink,
}

/// A parsed block.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) kind: Kind,
    /// The type of a file before ustar, which is also that of a directory.
    old_type: bool,
    pub(super) size: u64,
    pub(super) path: Vec<u8>,
    link: Vec<u8>,
    mode: u32,
    uid: Number,
    gid: Number,
    mtime: i64,
    device: (Number, Number),
}

/// A numeric field; whether it is good is asked only when it counts.
type Number = Result<i64, Error>;

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK]) -> Result<Self, Error> {
        check_sum(block)?;
        let posix = &block[257..265] == b"ustar\x0000";
        let mut path = text(&block[..100]).to_vec();
        let prefix = text(&block[345..500]);
        if posix && !prefix.is_empty() {
            path = [prefix, b"/", &path].concat();
        }
        Self::of(block, &path).map_err(|error| error.at(|| quoted(&path)))
    }

    fn of(block: &[u8; BLOCK], path: &[u8]) -> Result<Self, Error> {
        let size = match number(&block[124..136])? {
            size if size < 0 => return malformed("its size is negative"),
            size => size.cast_unsigned(),
        };
        Ok(Self {
            kind: kind(block[156])?,
            old_type: block[156] == 0,
            size,
            path: path.to_vec(),
            link: text(&block[157..257]).to_vec(),
            mode: u32::try_from(number(&block[100..108])? & 0o7777).unwrap_or(0),
            uid: number(&block[108..116]),
            gid: number(&block[116..124]),
            mtime: number(&block[136..148])?,
            device: (number(&block[329..337]), number(&block[337..345])),
        })
    }

    /// The entry that this header and what stood before it describe.
    pub(super) fn into_entry(self, extensions: Extensions) -> Result<Entry, Error> {
        let device = match self.kind {
            Kind::CharDevice | Kind::BlockDevice => (small(self.device.0?)?, small(self.device.1?)?),
            _ => (0, 0),
        };
        let path = extensions.path.unwrap_or(self.path);
        let link = extensions.link.unwrap_or(self.link);
        if path.contains(&0) || link.contains(&0) {
            return malformed("a name has a zero byte");
        }
        let kind = match self.kind {
            // Before ustar, a directory was a file whose name ends in a slash.
            Kind::File if path.ends_with(b"/") && self.old_type => Kind::Directory,
            Kind::File if path.ends_with(b"/") => {
                return malformed("it is a file with the name of a directory");
            }
            kind => kind,
        };
        if extensions.sparse.is_some() && kind != Kind::File {
            return malformed("it is no file and has the map of a sparse file");
        }
        let declared = extensions.size.unwrap_or(self.size);
        let size = match kind {
            Kind::File => declared,
            // Some readers skip that many bytes, others take them for the next header.
            Kind::HardLink if declared > 0 => return malformed("a hard link comes with data"),
            _ if declared > 0 => return malformed("it is no file and comes with data"),
            _ => 0,
        };
        Ok(Entry {
            path,
            kind,
            link,
            mode: self.mode,
            uid: id(extensions.uid.map_or(self.uid, Ok)?, "owner")?,
            gid: id(extensions.gid.map_or(self.gid, Ok)?, "group")?,
            mtime: extensions.mtime.unwrap_or((self.mtime, 0)),
            size,
            device,
            xattrs: extensions.xattrs,
            sparse: extensions.sparse,
        })
    }
}

fn kind(letter: u8) -> Result<Kind, Error> {
    Ok(match letter {
        0 | b'0' | b'7' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::SymLink,
        b'3' => Kind::CharDevice,
        b'4' => Kind::BlockDevice,
        b'5' => Kind::Directory,
        b'6' => Kind::Fifo,
        b'x' => Kind::PaxLocal,
        b'g' => Kind::PaxGlobal,
        b'L' => Kind::GnuLongName,
        b'K' => Kind::GnuLongLink,
        other => {
            return malformed(format!(
                "an entry is of the unknown type `{}`",
                char::from(other).escape_default()
            ));
        }
    })
}

/// 4294967295 means "leave it as it is" to chown(2) and would end as the owner 0.
fn id(value: i64, what: &str) -> Result<u32, Error> {
    match u32::try_from(value) {
        Ok(id) if id != u32::MAX => Ok(id),
        _ => malformed(format!("the {what} id {value} is not between 0 and 4294967294")),
    }
}

fn small(value: i64) -> Result<u32, Error> {
    match u32::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => malformed(format!("the device number {value} is out of range")),
    }
}

/// The sum of all bytes, the field itself counted as spaces; some old writers added signed bytes.
fn check_sum(block: &[u8; BLOCK]) -> Result<(), Error> {
    let told = number(&block[148..156])?;
    let counted = |signed: bool| -> i64 {
        block
            .iter()
            .enumerate()
            .map(|(at, &byte)| match at {
                148..156 => 32,
                _ if signed => i64::from(byte.cast_signed()),
                _ => i64::from(byte),
            })
            .sum()
    };
    if told == counted(false) || told == counted(true) {
        Ok(())
    } else {
        malformed("a header's checksum is wrong")
    }
}

fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Octal digits between spaces and zero bytes, or GNU's binary form.
fn number(field: &[u8]) -> Number {
    if field[0] & 0x80 != 0 {
        return binary(field);
    }
    let trimmed: &[u8] = {
        let start = field.iter().position(|byte| *byte != b' ' && *byte != 0).unwrap_or(field.len());
        let end = field.iter().rposition(|byte| *byte != b' ' && *byte != 0).map_or(start, |at| at + 1);
        &field[start..end.max(start)]
    };
    let mut value: i64 = 0;
    for &byte in trimmed {
        match byte {
            b'0'..=b'7' => value = value * 8 + i64::from(byte - b'0'),
            _ => return malformed("a number in a header is not octal"),
        }
    }
    Ok(value)
}

/// Two's complement in base 256; the first bit says that it is this form.
fn binary(field: &[u8]) -> Number {
    let negative = field[0] & 0x40 != 0;
    let mut value: i64 = if negative { -1 } else { 0 };
    for (at, &byte) in field.iter().enumerate() {
        let byte = match at {
            0 if negative => byte | 0x80,
            0 => byte & 0x7f,
            _ => byte,
        };
        let shifted = value.checked_mul(256);
        match shifted {
            Some(shifted) => value = shifted | i64::from(byte),
            None => return malformed("a number in a header is too large"),
        }
    }
    Ok(value)
}

/// Plain decimal digits.
pub(super) fn decimal(text: &[u8]) -> Result<u64, Error> {
    if text.is_empty() || text.len() > 20 || !text.iter().all(u8::is_ascii_digit) {
        return malformed("a number in an extended header is not decimal");
    }
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.map_or_else(|| malformed("a number in an extended header is too large"), Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!(number(b"0000644\0").unwrap(), 0o644);
        assert_eq!(number(b"   644 \0").unwrap(), 0o644);
        assert_eq!(number(b"\0\0\0\0\0\0\0\0").unwrap(), 0);
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 1, 0]).unwrap(), 256);
        assert_eq!(number(&[0xff; 8]).unwrap(), -1);
        assert!(number(b"12x\0\0\0\0\0").is_err());
        assert!(number(&[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    }
}
