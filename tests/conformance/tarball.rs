// SPDX-License-Identifier: Apache-2.0
//! A writer of tar entries that may be as wrong as a test wants them. Entries are bytes; a layer is
//! some of them, and [`end`].

/// One header; the fields that a test does not set are those of a plain file.
#[derive(Debug, Clone)]
pub(crate) struct Header<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) kind: u8,
    pub(crate) mode: u32,
    pub(crate) owner: (u32, u32),
    pub(crate) size: u64,
    /// The size field as it stands, instead of `size`.
    pub(crate) raw_size: Option<[u8; 12]>,
    pub(crate) mtime: u64,
    pub(crate) link: &'a [u8],
    pub(crate) device: (u32, u32),
    pub(crate) prefix: &'a [u8],
    pub(crate) magic: &'a [u8; 8],
}

impl Default for Header<'_> {
    fn default() -> Self {
        Self {
            name: b"",
            kind: b'0',
            mode: 0o644,
            owner: (0, 0),
            size: 0,
            raw_size: None,
            mtime: 1_700_000_000,
            link: b"",
            device: (0, 0),
            prefix: b"",
            magic: b"ustar\x0000",
        }
    }
}

impl Header<'_> {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut block = vec![0u8; BLOCK];
        let put = |block: &mut [u8], at: usize, width: usize, bytes: &[u8]| {
            let length = bytes.len().min(width);
            block[at..at + length].copy_from_slice(&bytes[..length]);
        };
        let octal =
            |value: u64, width: usize| format!("{value:0digits$o}\0", digits = width - 1).into_bytes();
        put(&mut block, 0, 100, self.name);
        put(&mut block, 100, 8, &octal(self.mode.into(), 8));
        put(&mut block, 108, 8, &octal(self.owner.0.into(), 8));
        put(&mut block, 116, 8, &octal(self.owner.1.into(), 8));
        put(&mut block, 124, 12, &octal(self.size, 12));
        if let Some(raw) = self.raw_size {
            put(&mut block, 124, 12, &raw);
        }
        put(&mut block, 136, 12, &octal(self.mtime, 12));
        block[156] = self.kind;
        put(&mut block, 157, 100, self.link);
        put(&mut block, 257, 8, self.magic);
        put(&mut block, 329, 8, &octal(self.device.0.into(), 8));
        put(&mut block, 337, 8, &octal(self.device.1.into(), 8));
        put(&mut block, 345, 155, self.prefix);
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        put(&mut block, 148, 8, format!("{sum:06o}\0 ").as_bytes());
        block
    }
}

/// A file.
pub(crate) fn file(name: impl AsRef<[u8]>, data: impl AsRef<[u8]>) -> Vec<u8> {
    file_of(&Header { name: name.as_ref(), ..Header::default() }, data)
}

/// A file with another header; its size is that of the data.
pub(crate) fn file_of(header: &Header<'_>, data: impl AsRef<[u8]>) -> Vec<u8> {
    let data = data.as_ref();
    let header = Header { size: data.len() as u64, ..header.clone() };
    [header.bytes(), padded(data)].concat()
}

/// A directory.
pub(crate) fn directory(name: &str, mode: u32) -> Vec<u8> {
    Header { name: name.as_bytes(), kind: b'5', mode, ..Header::default() }.bytes()
}

/// A symbolic link.
pub(crate) fn symlink(name: &str, target: &str) -> Vec<u8> {
    let (name, link) = (name.as_bytes(), target.as_bytes());
    Header { name, kind: b'2', mode: 0o777, link, ..Header::default() }.bytes()
}

/// A hard link.
pub(crate) fn hard_link(name: &str, target: &str) -> Vec<u8> {
    Header { name: name.as_bytes(), kind: b'1', link: target.as_bytes(), ..Header::default() }.bytes()
}

/// A device node or fifo.
pub(crate) fn node(name: &str, kind: u8, device: (u32, u32)) -> Vec<u8> {
    Header { name: name.as_bytes(), kind, device, ..Header::default() }.bytes()
}

/// An extended header with these records.
pub(crate) fn pax(records: &[(&str, &[u8])]) -> Vec<u8> {
    extended(b'x', &records.iter().flat_map(|(key, value)| record(key, value)).collect::<Vec<u8>>())
}

/// An extended (`x`) or global (`g`) header of any bytes.
pub(crate) fn extended(kind: u8, records: &[u8]) -> Vec<u8> {
    file_of(&Header { name: b"PaxHeaders/x", kind, ..Header::default() }, records)
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
pub(crate) fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let length = (1..8).map(|digits| rest + digits).find(|length| rest + length.to_string().len() == *length);
    [format!("{} {key}=", length.unwrap()).as_bytes(), value, b"\n"].concat()
}

/// GNU's long name (`L`) or long link (`K`).
pub(crate) fn gnu_long(kind: u8, text: &[u8]) -> Vec<u8> {
    let header = Header { name: b"././@LongLink", kind, magic: b"ustar  \0", ..Header::default() };
    file_of(&header, [text, b"\0"].concat())
}

/// A file with holes, in GNU's PAX form 1.0: `map` is offset and length of each piece of `data`.
pub(crate) fn sparse(name: &str, real_size: u64, map: &[(u64, u64)], data: &[u8]) -> Vec<u8> {
    let mut text = format!("{}\n", map.len());
    map.iter().for_each(|(offset, length)| text += &format!("{offset}\n{length}\n"));
    let real_size = real_size.to_string();
    let records = [
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", name.as_bytes()),
        ("GNU.sparse.realsize", real_size.as_bytes()),
    ];
    [pax(&records), file("GNUSparseFile.0/x", [padded(text.as_bytes()), data.to_vec()].concat())].concat()
}

/// The two zero blocks.
pub(crate) fn end() -> Vec<u8> {
    vec![0; 2 * BLOCK]
}

fn padded(data: &[u8]) -> Vec<u8> {
    let mut bytes = data.to_vec();
    bytes.resize(data.len().next_multiple_of(BLOCK), 0);
    bytes
}

pub(crate) const BLOCK: usize = 512;
