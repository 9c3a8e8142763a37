// SPDX-License-Identifier: Apache-2.0
//! References, digests, names, sizes, dates.

use oci::name::ContainerName;
use oci::{Digest, Reference, date, size};

/// A text, read as each notation.
pub(crate) fn names(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(reference) = Reference::parse(text) {
        // Both forms are the same name, and neither can climb out of a directory.
        for form in [reference.to_string(), reference.familiar()] {
            assert_eq!(Reference::parse(&form).as_ref(), Ok(&reference), "{form}");
        }
        assert!(reference.path().split('/').all(|part| !part.is_empty() && part != ".." && part != "."));
        assert!(reference.tag().is_some() || reference.digest().is_some());
    }
    if let Ok(digest) = Digest::parse(text) {
        assert_eq!(digest.to_string(), text);
        assert!(digest.hex().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
    if let Ok(name) = ContainerName::parse(text) {
        let name = name.to_string();
        assert!(!name.contains('/') && !name.starts_with('.'));
    }
    if let Ok(seconds) = date::parse(text) {
        let again = date::format(seconds);
        // Years beyond four digits come of a zone at the edge.
        assert!(again.len() != 20 || again.starts_with('-') || date::parse(&again) == Ok(seconds), "{again}");
    }
    if let Ok(bytes) = size::parse_bytes(text) {
        assert_eq!(size::parse_bytes(&bytes.to_string()), Ok(bytes));
    }
    assert!(oci::shown(text).len() < 2000);
}
