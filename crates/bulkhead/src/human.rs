// SPDX-License-Identifier: Apache-2.0
//! Sizes, spans and dates in the words that Docker's listings use.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Bytes in powers of 1000 with three digits, as listings of images have them: `4.26MB`.
pub(crate) fn size(bytes: u64) -> String {
    rounded(bytes, 3)
}

/// The same with four digits, as sums have them: `4.262MB`.
pub(crate) fn sum(bytes: u64) -> String {
    rounded(bytes, 4)
}

fn rounded(bytes: u64, digits: u32) -> String {
    let mut unit = 0;
    let mut scale = 1_u64;
    // What would be shown as 1000 is 1 of the next unit: 999.5 with three digits.
    let most = 2 * 10_u64.pow(digits) - 1;
    let widen = 10_u64.pow(digits - 3);
    while bytes.saturating_mul(2 * widen) >= scale.saturating_mul(most) && unit + 1 < UNITS.len() {
        unit += 1;
        scale *= 1000;
    }
    #[allow(clippy::cast_precision_loss, reason = "few digits are shown")]
    let value = bytes as f64 / scale as f64;
    let (half, all) = (10_f64.powi(1 - i32::try_from(digits).unwrap_or(3)) / 2.0, digits as usize);
    let whole = if value < 10.0 - half {
        1
    } else if value < 100.0 - 10.0 * half {
        2
    } else {
        3
    };
    let text = format!("{value:.decimals$}", decimals = all - whole);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", UNITS[unit])
}

/// How long: `About an hour`, `3 weeks`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let hours = (seconds + 1800) / 3600;
    match (seconds, seconds / 60, hours) {
        (0, ..) => "Less than a second".to_owned(),
        (1, ..) => "1 second".to_owned(),
        (..60, ..) => format!("{seconds} seconds"),
        (_, 1, _) => "About a minute".to_owned(),
        (_, minutes @ ..60, _) => format!("{minutes} minutes"),
        (_, _, 1) => "About an hour".to_owned(),
        (_, _, ..48) => format!("{hours} hours"),
        (_, _, ..336) => format!("{} days", hours / 24),
        (_, _, ..1440) => format!("{} weeks", hours / 24 / 7),
        (_, _, ..17520) => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// How long ago: `2 weeks ago`; a moment that is still to come (clocks differ) is `0` seconds ago.
pub(crate) fn ago(then: SystemTime, now: SystemTime) -> String {
    format!("{} ago", span(now.duration_since(then).unwrap_or_default()))
}

/// The moment in UTC: `2026-11-04 15:22:18 +0000 UTC`.
pub(crate) fn date_and_time(moment: SystemTime) -> String {
    let (date, time) = calendar(moment);
    format!("{date} {time} +0000 UTC")
}

/// The moment as in RFC 3339: `2026-11-04T15:22:18Z`.
pub(crate) fn timestamp(moment: SystemTime) -> String {
    let (date, time) = calendar(moment);
    format!("{date}T{time}Z")
}

/// The same with nanoseconds, as logs have it.
pub(crate) fn precise(moment: SystemTime) -> String {
    let nanoseconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    format!("{}.{nanoseconds:09}Z", timestamp(moment).trim_end_matches('Z'))
}

/// At most `width` characters, the last of them `…` when something is cut off.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The first twelve digits of an id, without `sha256:`.
pub(crate) fn short_id(id: &str) -> &str {
    let digits = id.strip_prefix("sha256:").unwrap_or(id);
    digits.get(..12).unwrap_or(digits)
}

/// Date and time of day. Moments before 1970 are shown as its beginning.
fn calendar(moment: SystemTime) -> (String, String) {
    let seconds = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (year, month, day) = civil(seconds / 86_400);
    let date = format!("{year:04}-{month:02}-{day:02}");
    let time = format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    (date, time)
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// Counted from 1 March of year 0, so that the leap day is the last of its year and each group of
/// 400 years has the same number of days.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next_year, month, day)
}

const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, want) in [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1500, "1.5kB"),
            (4_261_550, "4.26MB"),
            (116_999_999, "117MB"),
            (99_960, "100kB"),
            (9_996, "10kB"),
            (999_499, "999kB"),
            (999_500, "1MB"),
            (999_950_000, "1GB"),
            (1_240_000_000, "1.24GB"),
            (u64::MAX, "18.4EB"),
        ] {
            assert_eq!(size(bytes), want);
        }
    }

    #[test]
    fn sums() {
        for (bytes, want) in [
            (0, "0B"),
            (999, "999B"),
            (1984, "1.984kB"),
            (3_000_000, "3MB"),
            (9_999_600, "10MB"),
            (12_345_678, "12.35MB"),
            (123_456_789, "123.5MB"),
            (999_940_000, "999.9MB"),
            (999_950_000, "1GB"),
            (u64::MAX, "18.45EB"),
        ] {
            assert_eq!(sum(bytes), want);
        }
    }

    #[test]
    fn spans() {
        let (minute, hour, day) = (60, 3600, 86_400);
        for (seconds, want) in [
            (0, "Less than a second"),
            (1, "1 second"),
            (59, "59 seconds"),
            (minute, "About a minute"),
            (2 * minute, "2 minutes"),
            (hour - 1, "59 minutes"),
            (hour, "About an hour"),
            (90 * minute, "2 hours"),
            (47 * hour, "47 hours"),
            (2 * day, "2 days"),
            (20 * day, "2 weeks"),
            (60 * day, "2 months"),
            (729 * day, "24 months"),
            (730 * day, "2 years"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), want, "{seconds}");
        }
    }

    #[test]
    fn moments() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        for (seconds, want) in [
            (0, "1970-01-01 00:00:00 +0000 UTC"),
            (951_827_696, "2000-02-29 12:34:56 +0000 UTC"),
            (1_709_251_199, "2024-02-29 23:59:59 +0000 UTC"),
            (1_709_251_200, "2024-03-01 00:00:00 +0000 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 +0000 UTC"),
            (253_402_300_799, "9999-12-31 23:59:59 +0000 UTC"),
        ] {
            assert_eq!(date_and_time(at(seconds)), want);
        }
        assert_eq!(timestamp(at(951_827_696)), "2000-02-29T12:34:56Z");
        assert_eq!(date_and_time(UNIX_EPOCH - Duration::from_secs(5)), "1970-01-01 00:00:00 +0000 UTC");
    }

    #[test]
    fn the_future_is_now() {
        let now = UNIX_EPOCH + Duration::from_secs(100);
        assert_eq!(ago(now + Duration::from_secs(5), now), "Less than a second ago");
        assert_eq!(ago(UNIX_EPOCH, now), "About a minute ago");
    }

    #[test]
    fn cutting() {
        assert_eq!(shortened("abcdef", 6), "abcdef");
        assert_eq!(shortened("abcdefg", 6), "abcde…");
        assert_eq!(shortened("éééé", 3), "éé…");
        assert_eq!(short_id("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short_id("abc"), "abc");
    }
}
