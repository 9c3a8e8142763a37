// SPDX-License-Identifier: Apache-2.0
//! Sizes as Docker's flags take them.

use crate::Error;

/// Reads `64m`, `1.5g`, `512`, `2KiB`: a decimal number and a power of 1024. The unit is bytes.
pub fn parse_bytes(text: &str) -> Result<u64, Error> {
    let refused = || Error::malformed("size", text, "write a number and b, k, m, g or t");
    let lower = text.trim().to_ascii_lowercase();
    let split = lower.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(split);
    let factor: u64 = match unit.trim() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        "p" | "pb" | "pib" => 1 << 50,
        _ => return Err(refused()),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || fraction.contains('.') || fraction.len() > 9 {
        return Err(refused());
    }
    let whole: u64 = whole.parse().map_err(|_| refused())?;
    let part: u64 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| refused())? };
    let scale = 10u128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let bytes = u128::from(whole) * u128::from(factor) + u128::from(part) * u128::from(factor) / scale;
    u64::try_from(bytes).map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::parse_bytes;

    #[test]
    fn dockers_forms() {
        for (text, bytes) in
            [("0", 0), ("64m", 64 << 20), ("1.5g", 3 << 29), ("512", 512), ("2KiB", 2048), ("1b", 1)]
        {
            assert_eq!(parse_bytes(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "m", "-1", "1x", "1.2.3m", ".5m", "99999999999999t"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
