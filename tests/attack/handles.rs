// SPDX-License-Identifier: Apache-2.0
//! Files by handle: the shocker of June 2014.

use tests::Sandbox;

use crate::hostile::{answers, attack};

/// Fails without: `name_to_handle_at` and `open_by_handle_at` in the refusals of policies/seccomp.toml. Root
/// inside is root outside; the second call is refused for want of the capability as well.
#[test]
fn the_call_is_refused() {
    let sandbox = Sandbox::minimal();
    let said = attack(&sandbox, "--userns host", HANDLES).ok();
    assert!(answers(&said).values().all(|answer| answer == "EPERM"), "{said}");
}

/// Fails without: the user namespace of the container's own (`namespaces` in launch.rs). The filter is
/// off and the capability is given; it counts in the container's namespace only.
#[test]
fn the_capability_is_worth_nothing_on_the_host() {
    let sandbox = Sandbox::minimal();
    let flags = "--security-opt seccomp=unconfined --cap-add DAC_READ_SEARCH";
    let said = attack(&sandbox, flags, HANDLES).ok();
    let by_handle = |said: &str| {
        let mut answers = answers(said);
        answers.retain(|name, _| !name.starts_with("name:"));
        answers
    };
    assert!(by_handle(&said).values().all(|answer| answer == "EPERM"), "{said}");
    // The attempt itself works: with both walls down it opens the host.
    let flags = format!("{flags} --userns host");
    let said = attack(&sandbox, &flags, HANDLES).ok();
    assert!(by_handle(&said).values().any(|answer| answer == "open"), "{said}");
}

const HANDLES: &[&str] = &["handles", "/etc/hosts", "/etc/hostname", "/attack", "/"];
