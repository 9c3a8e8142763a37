// SPDX-License-Identifier: Apache-2.0
//! What registries put into headers, and the files that say how to reach them.

use registry::{Address, challenge, hosts_toml, link};

/// `WWW-Authenticate`, `Link` and `Location`.
pub(crate) fn headers(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let challenges = challenge::parse(text);
    assert!(challenges.len() <= 16);
    for challenge in &challenges {
        assert!(!challenge.scheme.is_empty() && challenge.scheme == challenge.scheme.to_ascii_lowercase());
        if let Some(realm) = challenge.parameter("realm") {
            assert!(realm.len() <= text.len());
        }
    }
    if let Some(target) = link::next(text) {
        assert!(text.contains(target) && !target.contains('>'));
    }
    if let Ok(address) = Address::parse(text) {
        // What is sent is what was checked: no line ends, no other host hidden in it.
        let written = address.to_string();
        assert_eq!(Address::parse(&written).as_ref().ok(), Some(&address), "{written}");
        assert!(written.bytes().all(|byte| byte.is_ascii_graphic()) && !address.authority().contains('@'));
    }
    let Ok(base) = Address::parse("https://registry.example/v2/a?b=c") else { panic!("a good address") };
    if let Ok(joined) = base.join(text) {
        assert_eq!(Address::parse(&joined.to_string()).ok(), Some(joined));
    }
}

/// `hosts.toml` and `config.json`.
pub(crate) fn files(bytes: &[u8]) {
    if let Ok(config) = registry::config::Config::parse(bytes) {
        for host in ["registry.example", "docker.io"] {
            let _told = (config.entry(host).is_ok(), config.helper(host).is_ok());
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(file) = hosts_toml::parse(text) {
        assert!(file.mirrors.iter().all(|mirror| mirror.address.is_some()));
    }
}
