// SPDX-License-Identifier: Apache-2.0
//! Names in an archive: what they may be and what they mean. Pure.

use super::{Error, Owners};
use crate::acl;
use crate::tar::Kind;

/// A relative path of checked parts.
#[derive(Debug, Clone)]
pub(super) struct Name<'a> {
    parts: Vec<&'a [u8]>,
}

impl<'a> Name<'a> {
    /// The parent's parts and the last one; nothing for the root.
    pub(super) fn split(&self) -> Option<(&[&'a [u8]], &'a [u8])> {
        self.parts.split_last().map(|(last, parent)| (parent, *last))
    }

    pub(super) fn parts(&self) -> &[&'a [u8]] {
        &self.parts
    }

    pub(super) fn joined(&self) -> Vec<u8> {
        self.parts.join(&b'/')
    }
}

/// Absolute names are taken as relative to the root, `.` and doubled slashes are dropped, `..` is
/// refused wherever it stands.
pub(super) fn clean(path: &[u8]) -> Result<Name<'_>, Error> {
    if path.is_empty() {
        return Err(Error::rule("it has no name"));
    }
    if path.len() > LONGEST_PATH {
        return Err(Error::rule("its name is longer than 4095 bytes"));
    }
    let mut parts = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(Error::rule("its name has a `..`")),
            part if part.len() > 255 => {
                return Err(Error::rule("a part of its name is longer than 255 bytes"));
            }
            part => parts.push(part),
        }
    }
    if parts.len() > DEEPEST {
        return Err(Error::rule(format!("it lies more than {DEEPEST} directories deep")));
    }
    Ok(Name { parts })
}

/// What a whiteout name says (image specification, layer.md).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whiteout<'a> {
    /// `.wh.NAME`: NAME of the layers below is gone.
    Name(&'a [u8]),
    /// `.wh..wh..opq`: nothing of the directory in the layers below is seen.
    Opaque,
    /// `.wh..wh.*`: AUFS' own files, which mean nothing here.
    Aufs,
}

pub(super) fn whiteout(file: &[u8]) -> Result<Option<Whiteout<'_>>, Error> {
    let Some(hidden) = file.strip_prefix(b".wh.") else { return Ok(None) };
    match hidden {
        b".wh..opq" => Ok(Some(Whiteout::Opaque)),
        _ if hidden.starts_with(b".wh.") => Ok(Some(Whiteout::Aufs)),
        b"" | b"." | b".." => Err(Error::rule("it is a whiteout of nothing")),
        hidden => Ok(Some(Whiteout::Name(hidden))),
    }
}

/// Whether a directory on the way is AUFS' own.
pub(super) fn below_aufs(parent: &[&[u8]]) -> bool {
    parent.iter().any(|part| part.starts_with(b".wh..wh."))
}

/// Whether a directory on the way is a whiteout, which has nothing below it.
pub(super) fn below_whiteout(parent: &[&[u8]]) -> bool {
    parent.iter().any(|part| part.starts_with(b".wh."))
}

/// What becomes of an extended attribute.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Kept,
    Stripped,
}

/// `trusted.overlay.*` and `user.overlay.*` would let a layer hide or redirect what lies below, unseen
/// by whoever reads its tar; labels of the host's access control are not a layer's to give.
pub(super) fn attribute(name: &[u8], kind: Kind, owners: Owners) -> Attribute {
    let kept = match name {
        b"security.capability" => owners == Owners::Kept && kind == Kind::File,
        // It names users and groups by number, and there is but one.
        _ if acl::is_acl(name) => owners == Owners::Kept,
        _ => name.starts_with(b"user.") && !name.starts_with(b"user.overlay."),
    };
    // xattr(7): links and special files have no user attributes.
    if kept && matches!(kind, Kind::File | Kind::Directory) { Attribute::Kept } else { Attribute::Stripped }
}

/// path_resolution(7): PATH_MAX with its zero byte.
pub(super) const LONGEST_PATH: usize = 4095;
/// Far beyond real trees, well below what costs time.
const DEEPEST: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let joined = |path: &[u8]| clean(path).map(|name| name.joined()).ok();
        assert_eq!(joined(b"/a//b/./c"), Some(b"a/b/c".to_vec()));
        assert_eq!(joined(b"./"), Some(Vec::new()));
        assert_eq!(joined(b"a/../b"), None);
        assert_eq!(joined(b"../b"), None);
        assert_eq!(joined(b""), None);
        assert_eq!(joined(&"d/".repeat(256).into_bytes()), None);
        assert_eq!(joined(&[b'x'; 256]), None);
    }

    #[test]
    fn whiteouts() {
        assert_eq!(whiteout(b"plain").unwrap(), None);
        assert_eq!(whiteout(b".wh.x").unwrap(), Some(Whiteout::Name(b"x")));
        assert_eq!(whiteout(b".wh..wh..opq").unwrap(), Some(Whiteout::Opaque));
        assert_eq!(whiteout(b".wh..wh.plnk").unwrap(), Some(Whiteout::Aufs));
        for bad in [&b".wh."[..], b".wh..", b".wh..."] {
            assert!(whiteout(bad).is_err());
        }
    }
}
