// SPDX-License-Identifier: Apache-2.0
//! POSIX access control lists (acl(5)) as extended attributes: who besides owner, group and the rest may
//! do what.
//!
//! ```text
//! u32 version (2) | { u16 tag | u16 rights | u32 id }...     little-endian, linux/posix_acl_xattr.h
//! ```
//!
//! Named users and groups stand there by number, so a list means something only where those numbers do.

/// The name of the attribute for access.
pub const ACCESS: &[u8] = b"system.posix_acl_access";
/// The name of the one that new files in a directory get.
pub const DEFAULT: &[u8] = b"system.posix_acl_default";

/// A list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl(Vec<Right>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Right {
    tag: u16,
    rights: u16,
    id: u32,
}

/// Whether the attribute is such a list.
pub fn is_acl(name: &[u8]) -> bool {
    name == ACCESS || name == DEFAULT
}

impl Acl {
    /// Reads the attribute's value; nothing when it is none.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (version, rest) = value.split_first_chunk::<4>()?;
        let (rights, left) = rest.as_chunks::<8>();
        if u32::from_le_bytes(*version) != VERSION || !left.is_empty() {
            return None;
        }
        let right = |bytes: &[u8; 8]| Right {
            tag: u16::from_le_bytes([bytes[0], bytes[1]]),
            rights: u16::from_le_bytes([bytes[2], bytes[3]]),
            id: u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        };
        Some(Self(rights.iter().map(right).collect()))
    }

    /// The attribute's value.
    pub fn value(&self) -> Vec<u8> {
        let mut value = VERSION.to_le_bytes().to_vec();
        for Right { tag, rights, id } in &self.0 {
            value.extend_from_slice(&tag.to_le_bytes());
            value.extend_from_slice(&rights.to_le_bytes());
            value.extend_from_slice(&id.to_le_bytes());
        }
        value
    }

    /// The list with each named user and group under the number that `id` gives it; nothing when one of them
    /// has none.
    pub fn numbered(&self, id: impl Fn(u32) -> Option<u32>) -> Option<Self> {
        let right = |right: &Right| match right.tag {
            USER | GROUP => Some(Right { id: id(right.id)?, ..*right }),
            _ => Some(*right),
        };
        self.0.iter().map(right).collect::<Option<_>>().map(Self)
    }

    /// What the file's own group may do (three bits). With a list, the mode tells the most that
    /// anybody named in it may: who takes the list away and leaves the mode gives the group rights
    /// that it never had.
    pub fn group(&self) -> u32 {
        let of = |tag| self.0.iter().find(|right| right.tag == tag).map(|right| right.rights);
        let group = of(GROUP_OF_FILE).unwrap_or(0) & of(MASK).unwrap_or(ALL);
        u32::from(group & ALL)
    }
}

const VERSION: u32 = 2;
const USER: u16 = 0x02;
const GROUP_OF_FILE: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const ALL: u16 = 0o7;

#[cfg(test)]
mod tests {
    use super::*;

    /// u::rw- u:1000:rwx g::r-- m::rwx o::---
    fn sample() -> Vec<u8> {
        let mut value = vec![2, 0, 0, 0];
        for (tag, rights, id) in
            [(1, 6, u32::MAX), (2, 7, 1000), (4, 4, u32::MAX), (0x10, 7, u32::MAX), (0x20, 0, u32::MAX)]
        {
            value.extend([tag, 0, rights, 0]);
            value.extend(u32::to_le_bytes(id));
        }
        value
    }

    #[test]
    fn a_list_is_read_and_written() {
        let acl = Acl::parse(&sample()).unwrap();
        assert_eq!(acl.value(), sample());
        assert_eq!(acl.group(), 4);
        let moved = acl.numbered(|id| id.checked_add(5)).unwrap();
        assert_eq!(moved.numbered(|id| id.checked_sub(5)), Some(acl.clone()));
        assert_ne!(moved, acl);
        assert_eq!(acl.numbered(|_| None), None);
    }

    #[test]
    fn what_is_none() {
        for value in [&b""[..], &[1, 0, 0, 0], &[2, 0, 0], &[2, 0, 0, 0, 1]] {
            assert_eq!(Acl::parse(value), None);
        }
        assert_eq!(Acl::parse(&[2, 0, 0, 0]).unwrap().group(), 0);
    }
}
