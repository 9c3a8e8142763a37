// SPDX-License-Identifier: Apache-2.0
//! Moments as filters have them: `10m` (so long ago), `2026-11-28T00:24:35Z`, `2026-11-28`, or seconds since
//! 1970.

use crate::error::{Error, Result};

/// Seconds since 1970; `now` is what durations are counted back from.
pub(super) fn moment(text: &str, now: i64) -> Result<i64> {
    let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
    if !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return whole.parse().map_err(|_| refused(text));
    }
    if let Some(ago) = duration(text) {
        return Ok(now.saturating_sub(ago));
    }
    // Docker takes what a person leaves out as zero, in the local zone; containers and this have UTC.
    let dated = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    oci::date::parse(&dated).map_err(|_| refused(text))
}

/// Go's durations, to the second: `1h30m`.
fn duration(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0f64);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let seconds = match &rest[..unit] {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number * seconds;
        rest = &rest[unit..];
    }
    // Saturates.
    #[allow(clippy::cast_possible_truncation, reason = "fractions of a second do not count")]
    (!text.is_empty()).then_some(total as i64)
}

fn refused(text: &str) -> Error {
    Error::Filter {
        reason: format!(
            "{text:?} is not a time: write it as 10m, 2026-11-28T00:24:35Z or in seconds since 1970"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn moments() {
        for (text, want) in [
            ("1000", Some(1000)),
            ("1000.5", Some(1000)),
            ("10m", Some(9400)),
            ("1h30m0.5s", Some(4600)),
            ("1970-01-02", Some(86_400)),
            ("1970-01-01T00:01:00", Some(60)),
            ("1970-01-01T01:00:00+01:00", Some(0)),
            ("", None),
            ("soon", None),
            ("10", Some(10)),
            ("10x", None),
        ] {
            assert_eq!(moment(text, 10_000).ok(), want, "{text}");
        }
    }
}
