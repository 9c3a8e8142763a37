// SPDX-License-Identifier: Apache-2.0
//! What stands before an entry: PAX records, GNU long names.

use std::collections::HashSet;

use super::header::decimal;
use super::{Error, Sparse, malformed, quoted};

/// Everything that extension headers said about the next entry.
#[derive(Debug, Default)]
pub(super) struct Extensions {
    pub(super) path: Option<Vec<u8>>,
    pub(super) link: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    pub(super) uid: Option<i64>,
    pub(super) gid: Option<i64>,
    pub(super) mtime: Option<(i64, u32)>,
    pub(super) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) sparse: Option<Sparse>,
    seen: Seen,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Seen {
    #[default]
    Nothing,
    Something,
    Pax,
}

impl Extensions {
    pub(super) fn is_empty(&self) -> bool {
        self.seen == Seen::Nothing
    }

    /// Records of the form `length key=value\n`. A key that stands twice, or in two headers, is read
    /// one way by Go and another by Rust's `tar`: refused.
    pub(super) fn take_pax(&mut self, data: &[u8]) -> Result<(), Error> {
        if std::mem::replace(&mut self.seen, Seen::Pax) == Seen::Pax {
            return malformed("an entry has two extended headers");
        }
        let mut keys: HashSet<&[u8]> = HashSet::new();
        let (mut version, mut real_size, mut name, mut map) = ((None, None), None, None, None);
        for record in records(data) {
            let (key, value) = record?;
            if !keys.insert(key) {
                let key = quoted(key);
                return malformed(format!("the key {key} stands twice in an extended header"));
            }
            match key {
                // POSIX.1-2017, pax: an empty value takes the record back, so the header's name counts.
                b"path" | b"linkpath" if value.is_empty() => {}
                b"path" => set(&mut self.path, value, "name")?,
                b"linkpath" => set(&mut self.link, value, "link")?,
                b"size" => self.size = Some(decimal(value)?),
                b"uid" => self.uid = Some(signed(value)?),
                b"gid" => self.gid = Some(signed(value)?),
                b"mtime" => self.mtime = Some(time(value)?),
                b"GNU.sparse.major" => version.0 = Some(decimal(value)?),
                b"GNU.sparse.minor" => version.1 = Some(decimal(value)?),
                b"GNU.sparse.name" => name = Some(value.to_vec()),
                b"GNU.sparse.realsize" | b"GNU.sparse.size" => real_size = Some(decimal(value)?),
                b"GNU.sparse.map" => map = Some(pieces(value)?),
                b"GNU.sparse.numblocks" => {}
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                    return malformed("a sparse file is in the oldest PAX form, which repeats keys");
                }
                _ => self.take_xattr(key, value),
            }
        }
        self.take_sparse(version, real_size, name, map)
    }

    fn take_xattr(&mut self, key: &[u8], value: &[u8]) {
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            self.xattrs.push((name.to_vec(), value.to_vec()));
        }
    }

    fn take_sparse(
        &mut self,
        version: (Option<u64>, Option<u64>),
        real_size: Option<u64>,
        name: Option<Vec<u8>>,
        map: Option<Vec<(u64, u64)>>,
    ) -> Result<(), Error> {
        let pieces = match (version, map) {
            ((None, None), None) if real_size.is_none() => return Ok(()),
            ((Some(1), Some(0)), None) => Vec::new(),
            ((None, None), Some(map)) if !map.is_empty() => map,
            _ => return malformed("a sparse file is in an unknown form"),
        };
        let Some(real_size) = real_size else { return malformed("a sparse file does not say its size") };
        if let Some(name) = name {
            self.path = Some(name);
        }
        self.sparse = Some(Sparse { pieces, real_size });
        Ok(())
    }

    pub(super) fn take_name(&mut self, data: Vec<u8>) -> Result<(), Error> {
        self.mark();
        set(&mut self.path, strip_zero(&data), "name")
    }

    pub(super) fn take_link(&mut self, data: Vec<u8>) -> Result<(), Error> {
        self.mark();
        set(&mut self.link, strip_zero(&data), "link")
    }

    fn mark(&mut self) {
        if self.seen == Seen::Nothing {
            self.seen = Seen::Something;
        }
    }
}

/// Global headers are read for their form only: what they would change (`path`, `size`) Go ignores and
/// Python applies.
pub(super) fn check_global(data: &[u8]) -> Result<(), Error> {
    for record in records(data) {
        let (key, _) = record?;
        let changes_entries = [&b"path"[..], b"linkpath", b"size", b"uid", b"gid"].contains(&key)
            || key.starts_with(b"SCHILY.xattr.")
            || key.starts_with(b"GNU.sparse.");
        if changes_entries {
            return malformed(format!("a global header sets {} for all entries", quoted(key)));
        }
    }
    Ok(())
}

/// The map must be in order, within the file, and as long as the data.
pub(super) fn check_map(sparse: &Sparse, size: u64) -> Result<(), Error> {
    let (mut end, mut total) = (0u64, 0u64);
    for &(offset, length) in &sparse.pieces {
        let next = offset.checked_add(length);
        match next {
            Some(next) if offset >= end && next <= sparse.real_size => end = next,
            _ => return malformed("the map of a sparse file is out of order or beyond its end"),
        }
        total = total.saturating_add(length);
    }
    if total == size { Ok(()) } else { malformed("the map of a sparse file does not fit its data") }
}

fn set(place: &mut Option<Vec<u8>>, value: &[u8], what: &str) -> Result<(), Error> {
    if place.replace(value.to_vec()).is_some() {
        return malformed(format!("an entry has two {what}s"));
    }
    Ok(())
}

fn records(data: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8]), Error>> {
    let mut rest = data;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let record = record(rest);
        rest = match &record {
            Ok((_, _, after)) => after,
            Err(_) => &[],
        };
        Some(record.map(|(key, value, _)| (key, value)))
    })
}

type Record<'a> = (&'a [u8], &'a [u8], &'a [u8]);

fn record(data: &[u8]) -> Result<Record<'_>, Error> {
    let bad = || malformed("an extended header has a malformed record");
    let Some(space) = data.iter().take(8).position(|byte| *byte == b' ') else { return bad() };
    let length = decimal(&data[..space])?;
    let Ok(length) = usize::try_from(length) else { return bad() };
    if length <= space + 1 || length > data.len() || data[length - 1] != b'\n' {
        return bad();
    }
    let body = &data[space + 1..length - 1];
    let Some(equals) = body.iter().position(|byte| *byte == b'=') else { return bad() };
    if equals == 0 {
        return bad();
    }
    Ok((&body[..equals], &body[equals + 1..], &data[length..]))
}

/// The GNU form ends its names with a zero byte.
fn strip_zero(data: &[u8]) -> &[u8] {
    data.strip_suffix(b"\0").unwrap_or(data)
}

fn signed(text: &[u8]) -> Result<i64, Error> {
    let negative = text.strip_prefix(b"-");
    let value = i64::try_from(decimal(negative.unwrap_or(text))?).unwrap_or(i64::MAX);
    Ok(if negative.is_some() { -value } else { value })
}

/// `seconds[.fraction]`, clamped to what a file system can hold.
fn time(text: &[u8]) -> Result<(i64, u32), Error> {
    let (whole, fraction) = match text.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &[][..]),
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return malformed("a time in an extended header is not a number");
    }
    let nanos =
        (0..9).fold(0, |sum, at| sum * 10 + u32::from(fraction.get(at).map_or(0, |digit| digit - b'0')));
    let seconds = signed(whole)?;
    // Before 1970 the fraction counts backwards.
    if text.starts_with(b"-") && nanos > 0 {
        return Ok((seconds - 1, 1_000_000_000 - nanos));
    }
    Ok((seconds, nanos))
}

fn pieces(text: &[u8]) -> Result<Vec<(u64, u64)>, Error> {
    let numbers = text.split(|byte| *byte == b',').map(decimal).collect::<Result<Vec<_>, _>>()?;
    if numbers.len() % 2 != 0 {
        return malformed("the map of a sparse file has an odd number of numbers");
    }
    Ok(numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect())
}
