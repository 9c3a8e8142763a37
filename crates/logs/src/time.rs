// SPDX-License-Identifier: Apache-2.0
//! Points in time, to the nanosecond, and the ways that logs write them. All of them are in UTC: the
//! time zone of whoever reads is not known here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970, from 1677 to 2262; what lies outside becomes the nearest of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Time(i64);

impl Time {
    pub(crate) fn of(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(since) => Self(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)),
            Err(error) => Self(i64::try_from(error.duration().as_nanos()).map_or(i64::MIN, |before| -before)),
        }
    }

    pub(crate) fn from_nanoseconds(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    pub(crate) fn nanoseconds(self) -> i64 {
        self.0
    }

    pub(crate) fn system(self) -> SystemTime {
        let distance = Duration::from_nanos(self.0.unsigned_abs());
        if self.0 < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }

    /// RFC 3339 without trailing zeros, as Go's RFC3339Nano: `2026-11-28T08:07:16.396487093Z`.
    pub(crate) fn rfc3339_nano(self) -> String {
        let (mut text, fraction) = self.parts();
        if fraction != 0 {
            let digits = format!("{fraction:09}");
            text.push('.');
            text.push_str(digits.trim_end_matches('0'));
        }
        text.push('Z');
        text
    }

    /// RFC 3339 with six digits, the most that RFC 5424 allows.
    pub(crate) fn rfc3339_micro(self) -> String {
        let (text, fraction) = self.parts();
        format!("{text}.{:06}Z", fraction / 1000)
    }

    /// RFC 3339 to the second.
    pub(crate) fn rfc3339(self) -> String {
        oci::date::format(self.0.div_euclid(SECOND))
    }

    /// RFC 3164, section 4.1.2: `Nov  8 08:07:16`.
    pub(crate) fn rfc3164(self) -> String {
        let text = self.rfc3339();
        let number = |from: usize| text.get(from..from + 2).and_then(|digits| digits.parse::<usize>().ok());
        let month = number(5).and_then(|month| MONTHS.get(month.wrapping_sub(1))).copied().unwrap_or("Jan");
        format!("{month} {:>2} {}", number(8).unwrap_or(1), text.get(11..19).unwrap_or("00:00:00"))
    }

    /// The date and time up to the second, and the nanoseconds after it.
    fn parts(self) -> (String, i64) {
        let mut text = self.rfc3339();
        text.pop();
        (text, self.0.rem_euclid(SECOND))
    }
}

/// Reads times. Lines that follow each other are mostly of the same second, which is kept.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    text: Vec<u8>,
    second: i64,
}

impl Clock {
    /// RFC 3339; what cannot be told as [`Time`] is none.
    pub(crate) fn read(&mut self, text: &[u8]) -> Option<Time> {
        let (second, rest) = text.split_at_checked(TO_THE_SECOND)?;
        let (fraction, zone) = fraction(rest)?;
        if zone == b"Z" {
            if second != self.text {
                let whole = [second, b"Z"].concat();
                self.second = oci::date::parse(std::str::from_utf8(&whole).ok()?).ok()?;
                self.text = second.to_vec();
            }
            return time(self.second, fraction);
        }
        let whole = [second, zone].concat();
        time(oci::date::parse(std::str::from_utf8(&whole).ok()?).ok()?, fraction)
    }
}

fn time(second: i64, fraction: i64) -> Option<Time> {
    i64::try_from(i128::from(second) * i128::from(SECOND) + i128::from(fraction)).ok().map(Time)
}

/// The nanoseconds, and what follows the digits.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    if count == 0 || count > 9 {
        return None;
    }
    let value = digits[..count].iter().fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    let missing = u32::try_from(9 - count).ok()?;
    Some((value * 10_i64.pow(missing), &digits[count..]))
}

/// Nanoseconds of a second.
const SECOND: i64 = 1_000_000_000;
/// Letters of `2026-11-28T08:07:16`.
const TO_THE_SECOND: usize = 19;
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        let mut clock = Clock::default();
        for (nanoseconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (1, "1970-01-01T00:00:00.000000001Z"),
            (1_795_000_000_120_000_000, "2026-11-18T11:06:40.12Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN + 1, "1677-09-21T00:12:43.145224193Z"),
        ] {
            let time = Time::from_nanoseconds(nanoseconds);
            assert_eq!(time.rfc3339_nano(), text);
            assert_eq!(clock.read(text.as_bytes()), Some(time));
            assert_eq!(Time::of(time.system()), time);
        }
        let zoned = clock.read(b"1970-01-01T01:00:00.5+01:00").unwrap();
        assert_eq!(zoned.nanoseconds(), 500_000_000);
        for text in ["", "1970", "1970-01-01T00:00:00", "1970-01-01T00:00:00.Z", "9999-01-01T00:00:00Z"] {
            assert_eq!(clock.read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn other_forms() {
        let time = Time::from_nanoseconds(1_794_100_000_123_456_789);
        assert_eq!(time.rfc3164(), "Nov  8 01:06:40");
        assert_eq!(time.rfc3339_micro(), "2026-11-08T01:06:40.123456Z");
        assert_eq!(time.rfc3339(), "2026-11-08T01:06:40Z");
    }
}
