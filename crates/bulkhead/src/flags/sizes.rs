// SPDX-License-Identifier: Apache-2.0
//! Sizes: `64m`, `1.5g`, `512 MiB`, `1000`. Every unit is a power of 1024, as Docker reads them.

use super::Complaint;

/// Bytes, from 0 to [`i64::MAX`]; fractions of a byte are cut off.
pub(crate) fn parse(text: &str) -> Result<u64, Complaint> {
    let number_ends = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(number_ends);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(format!("{text:?} is not a size: a number and a unit are expected, as in 64m or 1.5g"));
    }
    let unit = unit_bytes(unit.strip_prefix(' ').unwrap_or(unit))
        .ok_or_else(|| format!("{text:?} is not a size: {unit:?} is not a unit, b, k, m, g, t and p are"))?;
    bytes(whole, fraction, unit).ok_or_else(|| format!("{text:?} is more bytes than this machine can count"))
}

/// `k`, `kb` and `kib` in any case.
fn unit_bytes(unit: &str) -> Option<u128> {
    let unit = unit.to_ascii_lowercase();
    let power = match unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(&unit) {
        // An "ib" without a letter in front of it is no unit.
        "" if unit.len() < 2 => 0,
        "k" => 1,
        "m" => 2,
        "g" => 3,
        "t" => 4,
        "p" => 5,
        _ => return None,
    };
    Some(1024_u128.pow(power))
}

/// `whole.fraction` times `unit`, or nothing when it does not fit.
fn bytes(whole: &str, fraction: &str, unit: u128) -> Option<u64> {
    // Digits after the eighteenth are worth less than a byte in every unit.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let whole: u128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let part: u128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scale = 10_u128.pow(fraction.len().try_into().ok()?);
    let total = whole.checked_mul(unit)?.checked_add(part * unit / scale)?;
    u64::try_from(total).ok().filter(|bytes| *bytes <= i64::MAX.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The figures are what Docker's client 28.2 makes of the same texts.
    #[test]
    fn as_docker_reads_them() {
        for (text, want) in [
            ("0", 0),
            ("1000", 1000),
            ("64b", 64),
            ("64k", 65_536),
            ("64kib", 65_536),
            ("64m", 67_108_864),
            ("64MiB", 67_108_864),
            ("64mb", 67_108_864),
            ("64 mb", 67_108_864),
            (".5m", 524_288),
            ("1.5g", 1_610_612_736),
            ("1.0000000000000000000000000009k", 1024),
            ("10p", 11_258_999_068_426_240),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("", r#""" is not a size: a number and a unit are expected, as in 64m or 1.5g"#),
            ("-1", r#""-1" is not a size: a number and a unit are expected, as in 64m or 1.5g"#),
            ("1.2.3k", r#""1.2.3k" is not a size: a number and a unit are expected, as in 64m or 1.5g"#),
            (".", r#""." is not a size: a number and a unit are expected, as in 64m or 1.5g"#),
            ("64x", r#""64x" is not a size: "x" is not a unit, b, k, m, g, t and p are"#),
            ("64ib", r#""64ib" is not a size: "ib" is not a unit, b, k, m, g, t and p are"#),
            ("64mm", r#""64mm" is not a size: "mm" is not a unit, b, k, m, g, t and p are"#),
            ("1e3", r#""1e3" is not a size: "e3" is not a unit, b, k, m, g, t and p are"#),
            ("9000p", r#""9000p" is more bytes than this machine can count"#),
            (
                "99999999999999999999999999999999999999999p",
                r#""99999999999999999999999999999999999999999p" is more bytes than this machine can count"#,
            ),
        ] {
            assert_eq!(parse(text), Err(want.to_owned()), "{text}");
        }
    }
}
