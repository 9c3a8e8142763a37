// SPDX-License-Identifier: Apache-2.0
//! The archive of an initial RAM disk: cpio's new ASCII format (the kernel's
//! Documentation/driver-api/early-userspace/buffer-format.rst).

/// An archive that is being put together. Everything belongs to root.
#[derive(Debug, Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    pub(super) fn directory(&mut self, name: &str) {
        self.entry(name, DIRECTORY | 0o755, &[], (0, 0));
    }

    pub(super) fn file(&mut self, name: &str, content: &[u8]) {
        self.entry(name, FILE | 0o644, content, (0, 0));
    }

    pub(super) fn program(&mut self, name: &str, content: &[u8]) {
        self.entry(name, FILE | 0o755, content, (0, 0));
    }

    /// The device that the kernel opens as the streams of its first program.
    pub(super) fn console(&mut self, name: &str) {
        self.entry(name, CHARACTER_DEVICE | 0o600, &[], (5, 1));
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[], (0, 0));
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8], device: (u32, u32)) {
        self.entries += 1;
        // A file of more than 4 GiB cannot be told; the modules of a kernel are smaller.
        let length = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let (links, owner, time, checksum) = (1, 0, 0, 0);
        let fields = [
            self.entries,
            mode,
            owner,
            owner,
            links,
            time,
            length(content.len()),
            0,
            0,
            device.0,
            device.1,
            length(name.len() + 1),
            checksum,
        ];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

// inode(7).
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_padded_to_four_bytes() {
        let mut archive = Archive::default();
        archive.file("abc", b"12345");
        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.starts_with(b"07070100000001000081a4"));
        // Six bytes of magic and thirteen fields of eight, then the name with its zero.
        assert_eq!(&bytes[110..114], b"abc\0");
        assert_eq!(&bytes[116..121], b"12345");
    }
}
