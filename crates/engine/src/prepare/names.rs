// SPDX-License-Identifier: Apache-2.0
//! What uname(2) says inside.

use crate::error::{Error, Result};
use crate::request::RunRequest;

/// The host name: the one asked for, the host's own when its UTS namespace or network is shared, else
/// the beginning of the container's id.
pub(super) fn host(request: &RunRequest, id: &str) -> Result<String> {
    let shared = request.isolation.uts_host.is_some();
    match &request.process.hostname {
        Some(_) if shared => Err(conflict("--hostname")),
        Some(name) => checked("--hostname", name),
        None if shared || request.isolation.network_host.is_some() => {
            Ok(kernel::rustix::system::uname().nodename().to_string_lossy().into_owned())
        }
        None => Ok(id.chars().take(12).collect()),
    }
}

/// The NIS domain name; empty when none was asked for.
pub(super) fn domain(request: &RunRequest) -> Result<String> {
    match &request.process.domainname {
        Some(_) if request.isolation.uts_host.is_some() => Err(conflict("--domainname")),
        Some(name) => checked("--domainname", name),
        None => Ok(String::new()),
    }
}

fn conflict(flag: &str) -> Error {
    Error::Invalid { what: flag.to_owned(), reason: "with --uts host it would rename the host".into() }
}

/// A name goes into `/etc/hosts`, where a space or a new line would begin another entry.
fn checked(flag: &str, name: &str) -> Result<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if !name.is_empty() && name.len() <= LONGEST && name.bytes().all(plain) && !name.starts_with(['-', '.']) {
        return Ok(name.to_owned());
    }
    Err(Error::Invalid {
        what: format!("{flag} {name}"),
        reason: format!(
            "it must have 1 to {LONGEST} letters, digits, `-`, `_` and `.`, and begin with none of `-` and `.`"
        ),
    })
}

/// uname(2): `__NEW_UTS_LEN`.
const LONGEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_files_and_programs_can_read() {
        for name in ["a", "web-1", "a.b.c", "my_host", &"x".repeat(64)] {
            assert_eq!(checked("--hostname", name).unwrap(), name);
        }
        for name in ["", "a b", "a\nb", "-a", ".a", "a/b", "\u{e9}", &"x".repeat(65)] {
            assert!(matches!(checked("--hostname", name), Err(Error::Invalid { .. })), "{name}");
        }
    }
}
