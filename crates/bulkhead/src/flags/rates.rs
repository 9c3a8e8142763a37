// SPDX-License-Identifier: Apache-2.0
//! `--device-read-bps PATH:RATE` and its three kin.

use std::path::PathBuf;

use super::{Complaint, sizes};

/// A device and what it may do in a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rate {
    /// Below `/dev`.
    pub(crate) device: PathBuf,
    /// Bytes or operations.
    pub(crate) per_second: u64,
}

/// The rate is a size: `/dev/sda:1mb`.
pub(crate) fn bytes(text: &str) -> Result<Rate, Complaint> {
    let (device, rate) = split(text)?;
    Ok(Rate { device, per_second: sizes::parse(rate)? })
}

/// The rate is a whole number: `/dev/sda:1000`.
pub(crate) fn operations(text: &str) -> Result<Rate, Complaint> {
    let (device, rate) = split(text)?;
    let digits = !rate.is_empty() && rate.bytes().all(|byte| byte.is_ascii_digit());
    let per_second = digits.then(|| rate.parse().ok()).flatten();
    let per_second = per_second.ok_or_else(|| format!("{rate:?} is not a number of operations a second"))?;
    Ok(Rate { device, per_second })
}

fn split(text: &str) -> Result<(PathBuf, &str), Complaint> {
    match text.split_once(':') {
        Some((device, rate)) if device.starts_with("/dev/") => Ok((PathBuf::from(device), rate)),
        _ => Err(format!("{text:?} is not a device below /dev and a rate, as in /dev/sda:1mb")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates() {
        let rate = |per_second| Rate { device: "/dev/sda".into(), per_second };
        assert_eq!(bytes("/dev/sda:1mb"), Ok(rate(1_048_576)));
        assert_eq!(bytes("/dev/sda:10"), Ok(rate(10)));
        assert_eq!(operations("/dev/sda:10"), Ok(rate(10)));
    }

    #[test]
    fn refusals() {
        for text in ["", "/dev/sda", "sda:1", "/etc/passwd:1"] {
            let want = format!("{text:?} is not a device below /dev and a rate, as in /dev/sda:1mb");
            assert_eq!(bytes(text), Err(want.clone()));
            assert_eq!(operations(text), Err(want));
        }
        let want = r#""1k" is not a number of operations a second"#;
        assert_eq!(operations("/dev/sda:1k"), Err(want.to_owned()));
        let want = r#""fast" is not a size: a number and a unit are expected, as in 64m or 1.5g"#;
        assert_eq!(bytes("/dev/sda:fast"), Err(want.to_owned()));
    }
}
