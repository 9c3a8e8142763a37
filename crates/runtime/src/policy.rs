// SPDX-License-Identifier: Apache-2.0
//! The defaults, from `policies/*.toml` at build time.

use kernel::caps::Caps;

include!(concat!(env!("OUT_DIR"), "/policy.rs"));

/// The default capabilities as a set.
pub fn default_capabilities() -> Caps {
    CAPABILITIES.iter().filter_map(|(name, _)| Caps::named(name)).fold(Caps::EMPTY, Caps::with)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_capability_name_is_known() {
        assert_eq!(default_capabilities().names().count(), CAPABILITIES.len());
    }

    #[test]
    fn no_hidden_path_lies_below_another() {
        for (path, _) in HIDDEN_PATHS {
            let above = HIDDEN_PATHS.iter().find(|(other, _)| path.starts_with(&format!("{other}/")));
            assert!(above.is_none(), "{path} is hidden by {above:?} already");
        }
    }
}
