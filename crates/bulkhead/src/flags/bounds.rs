// SPDX-License-Identifier: Apache-2.0
//! Bounds that can be given up: `--memory`, `--memory-swap`, `--pids-limit`. Also `--blkio-weight`.

use super::{Complaint, sizes};

/// A bound, or none at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// At most this many.
    At(u64),
    /// As many as the host has.
    None,
}

/// Bytes; `0` and `-1` give the bound up (Docker, which has no bound to begin with, takes the `0`).
pub(crate) fn memory(text: &str) -> Result<Bound, Complaint> {
    match text {
        "-1" => Ok(Bound::None),
        size => Ok(at(sizes::parse(size)?)),
    }
}

/// Bytes of memory and swap together; `-1` is as much swap as there is, `0` is "not said".
pub(crate) fn swap(text: &str) -> Result<Bound, Complaint> {
    match text {
        "-1" => Ok(Bound::None),
        size => Ok(Bound::At(sizes::parse(size)?)),
    }
}

/// Tasks; `0` and `-1` give the bound up.
pub(crate) fn tasks(text: &str) -> Result<Bound, Complaint> {
    match text.parse::<i64>() {
        Ok(-1) => Ok(Bound::None),
        Ok(number @ 0..) => Ok(at(number.unsigned_abs())),
        _ => Err(format!("{text:?} is neither a number of processes nor -1 for no bound")),
    }
}

/// 10 to 1000; `0` is "not said".
pub(crate) fn weight(text: &str) -> Result<u16, Complaint> {
    text.parse()
        .ok()
        .filter(|weight| matches!(weight, 0 | 10..=1000))
        .ok_or_else(|| format!("{text:?} is not a weight from 10 to 1000"))
}

fn at(number: u64) -> Bound {
    if number == 0 { Bound::None } else { Bound::At(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        assert_eq!(memory("64m"), Ok(Bound::At(64 << 20)));
        assert_eq!((memory("-1"), memory("0")), (Ok(Bound::None), Ok(Bound::None)));
        assert_eq!((swap("1g"), swap("-1")), (Ok(Bound::At(1 << 30)), Ok(Bound::None)));
        assert_eq!(swap("0"), Ok(Bound::At(0)));
        assert_eq!(
            (tasks("20"), tasks("-1"), tasks("0")),
            (Ok(Bound::At(20)), Ok(Bound::None), Ok(Bound::None))
        );
        assert_eq!((weight("10"), weight("1000"), weight("0")), (Ok(10), Ok(1000), Ok(0)));
    }

    #[test]
    fn refusals() {
        let size = r#""-5" is not a size: a number and a unit are expected, as in 64m or 1.5g"#;
        assert_eq!(memory("-5"), Err(size.to_owned()));
        assert_eq!(swap("-5"), Err(size.to_owned()));
        for text in ["-5", "x", "", "1.5", "99999999999999999999"] {
            let want = format!("{text:?} is neither a number of processes nor -1 for no bound");
            assert_eq!(tasks(text), Err(want));
        }
        for text in ["5", "1001", "70000", "-1", "x", ""] {
            assert_eq!(weight(text), Err(format!("{text:?} is not a weight from 10 to 1000")));
        }
    }
}
