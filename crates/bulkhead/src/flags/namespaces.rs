// SPDX-License-Identifier: Apache-2.0
//! `--userns`, `--pid`, `--ipc`, `--uts`, `--cgroupns` and `--network`.
//!
//! Each is the container's own or the host's. Docker's other modes (another container's, networks
//! with a name) are refused until a version has them.

use super::Complaint;

/// Whose namespace a container is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// Its own.
    Private,
    /// The host's: a wall less.
    Host,
}

/// Everything but the network. Docker's default is the empty text.
pub(crate) fn parse(text: &str) -> Result<Namespace, Complaint> {
    match text {
        "" | "private" => Ok(Namespace::Private),
        "host" => Ok(Namespace::Host),
        other if other.starts_with("container:") || matches!(other, "shareable" | "none") => {
            Err(format!("{other:?} is not supported yet: private and host are"))
        }
        other => Err(format!("{other:?} is neither private nor host")),
    }
}

/// `none` is a network namespace with nothing but loopback in it.
pub(crate) fn network(text: &str) -> Result<Namespace, Complaint> {
    match text {
        "" | "none" => Ok(Namespace::Private),
        "host" => Ok(Namespace::Host),
        other => Err(format!("{other:?} is not supported yet: none and host are")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes() {
        assert_eq!(parse(""), Ok(Namespace::Private));
        assert_eq!(parse("private"), Ok(Namespace::Private));
        assert_eq!(parse("host"), Ok(Namespace::Host));
        assert_eq!(network("none"), Ok(Namespace::Private));
        assert_eq!(network("host"), Ok(Namespace::Host));
    }

    #[test]
    fn refusals() {
        for text in ["container:web", "shareable", "none"] {
            assert_eq!(parse(text), Err(format!("{text:?} is not supported yet: private and host are")));
        }
        for text in ["Host", "foo", " host"] {
            assert_eq!(parse(text), Err(format!("{text:?} is neither private nor host")));
        }
        for text in ["bridge", "default", "container:web", "front", "private"] {
            assert_eq!(network(text), Err(format!("{text:?} is not supported yet: none and host are")));
        }
    }
}
