// SPDX-License-Identifier: Apache-2.0
//! Access control lists, which archives and containers' files have as bytes.

use store::acl::Acl;

/// What is read is written as it was; numbers move there and back; a group has three rights.
pub(crate) fn acl(bytes: &[u8]) {
    let Some(acl) = Acl::parse(bytes) else { return };
    assert_eq!(acl.value(), bytes);
    assert!(acl.group() <= 7);
    assert_eq!(acl.numbered(Some), Some(acl.clone()));
    if let Some(moved) = acl.numbered(|id| id.checked_add(7)) {
        assert_eq!(moved.numbered(|id| id.checked_sub(7)), Some(acl));
    }
}
