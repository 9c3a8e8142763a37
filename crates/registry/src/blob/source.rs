// SPDX-License-Identifier: Apache-2.0
//! The body of a blob, from any of its bytes on, from whoever has it.

use std::io::{self, Read};

use ureq::http::Method;
use ureq::http::header::{CONTENT_RANGE, RANGE};

use oci::descriptor::Descriptor;

use crate::cancel::Cancel;
use crate::client::Client;
use crate::endpoint::{Ask, Load};
use crate::error::{Error, Result};
use crate::guard::Scope;
use crate::hosts::Capability;
use crate::wire::broken;

/// A body that is being read.
pub(super) struct Source {
    pub(super) reader: Box<dyn Read + Send>,
    pub(super) registry: String,
}

/// The body of a blob from `position` on.
pub(super) fn connect(
    client: &Client,
    repository: &str,
    descriptor: &Descriptor,
    position: u64,
    cancel: &Cancel,
) -> Result<Source> {
    let digest = &descriptor.digest;
    let thing = format!("blob {repository}@{digest}");
    let what = format!("read the {thing}");
    client.reading(Capability::Pull, cancel, |endpoint| {
        let headers = if position == 0 { Vec::new() } else { vec![(RANGE, format!("bytes={position}-"))] };
        let address = endpoint.at(&format!("{repository}/blobs/{digest}"));
        let ask = Ask { method: Method::GET, address, headers, scope: Scope::pull(repository), what: &what };
        let answer = endpoint.send(&ask, Load::Nothing)?;
        let registry = answer.address.authority();
        let damaged = |how: String| Err(Error::Damaged { what: format!("the {thing}"), how });
        let (status, length) = (answer.status(), answer.length());
        let expected = match status {
            // The server does not do ranges: what we have is read once more and dropped.
            200 => descriptor.size,
            206 if position > 0 => descriptor.size - position,
            416 => {
                return damaged(format!(
                    "{registry} says that it ends before byte {position} of {}",
                    descriptor.size
                ));
            }
            _ => return Err(answer.refusal(&what, &thing)),
        };
        if status == 206 {
            check_range(answer.header(CONTENT_RANGE).as_deref(), position, descriptor.size)
                .map_err(|how| Error::protocol(&registry, how))?;
        }
        if let Some(length) = length.filter(|length| *length != expected) {
            return damaged(format!("{registry} sends {length} bytes, and {expected} were promised"));
        }
        let mut reader = answer.reader();
        if status == 200 {
            skip(&mut reader, position, &registry, cancel)?;
        }
        Ok(Source { reader, registry })
    })
}

/// `Content-Range: bytes 5-9/10` (RFC 9110, section 14.4) for what was asked for.
fn check_range(text: Option<&str>, position: u64, size: u64) -> Result<(), String> {
    let wanted = format!("bytes {position}-{}/", size - 1);
    let text = text.unwrap_or_default();
    match text.strip_prefix(&wanted) {
        Some(total) if total == "*" || total.parse() == Ok(size) => Ok(()),
        _ => Err(format!("asked for `{wanted}{size}`, it sends `{}`", oci::shown(text))),
    }
}

fn skip(reader: &mut Box<dyn Read + Send>, mut left: u64, registry: &str, cancel: &Cancel) -> Result<()> {
    let mut buffer = vec![0; 64 << 10];
    while left > 0 {
        cancel.check()?;
        let room = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        match reader.read(&mut buffer[..room]) {
            Ok(0) => return Err(broken(registry, &io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => left -= count as u64,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(broken(registry, &error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        assert!(check_range(Some("bytes 5-9/10"), 5, 10).is_ok());
        assert!(check_range(Some("bytes 5-9/*"), 5, 10).is_ok());
        for wrong in [
            None,
            Some(""),
            Some("bytes 4-9/10"),
            Some("bytes 5-8/10"),
            Some("bytes 5-9/11"),
            Some("bytes */10"),
        ] {
            assert!(check_range(wrong, 5, 10).is_err(), "{wrong:?}");
        }
    }
}
