// SPDX-License-Identifier: Apache-2.0
//! Files by handle: the shocker of June 2014.

use tests::Sandbox;

use crate::hostile::{answers, attack, open};

/// Fails without: `open_by_handle_at` in the refusals of policies/seccomp.toml. The other walls are down.
#[test]
fn the_call_is_refused() {
    let sandbox = Sandbox::minimal();
    let said = attack(&sandbox, WITHOUT_THE_OTHERS, HANDLES).ok();
    assert!(answers(&said).values().all(|answer| answer == "EPERM"), "{said}");
}

/// Fails without: the user namespace of the container's own (`namespaces` in launch.rs). The filter is
/// off and the capability is given; it counts in the container's namespace only.
#[test]
fn the_capability_is_worth_nothing_on_the_host() {
    let sandbox = Sandbox::minimal();
    let flags = "--security-opt seccomp=unconfined --cap-add DAC_READ_SEARCH";
    let said = attack(&sandbox, flags, HANDLES).ok();
    assert!(answers(&said).values().all(|answer| answer == "EPERM"), "{said}");
    // The attempt itself works: with both walls down it opens the host.
    let flags = format!("{flags} --userns host");
    assert!(!open(&attack(&sandbox, &flags, HANDLES).ok()).is_empty());
}

const HANDLES: &[&str] = &["handles", "/etc/hosts", "/etc/hostname", "/attack", "/"];
const WITHOUT_THE_OTHERS: &str = "--userns host";
