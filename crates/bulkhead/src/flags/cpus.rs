// SPDX-License-Identifier: Apache-2.0
//! `--cpus`: a decimal number of processors. Also the lists of `--cpuset-cpus` and `--cpuset-mems`.

use super::Complaint;

/// Billionths of a processor.
pub(crate) fn parse(text: &str) -> Result<u64, Complaint> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(whole) || !digits(fraction) {
        return Err(format!("{text:?} is not a number of processors, as in 2 or 0.5"));
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 9 {
        return Err(format!("{text:?} is finer than a billionth of a processor"));
    }
    format!("{whole}{fraction:0<9}").parse().map_err(|_| format!("{text:?} is more processors than exist"))
}

/// `0-3,5`: numbers and ranges, as cpuset(7) writes them, or nothing. The text comes back unchanged.
pub(crate) fn list(text: &str) -> Result<String, Complaint> {
    if text.is_empty() {
        return Ok(String::new());
    }
    let complaint =
        |part: &str| format!("{text:?} is not a list like 0-3,5: {part:?} is neither a number nor a range");
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => {}
            _ => return Err(complaint(part)),
        }
    }
    Ok(text.to_owned())
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors() {
        for (text, want) in [
            ("1", 1_000_000_000),
            ("1.5", 1_500_000_000),
            (".5", 500_000_000),
            ("0.25", 250_000_000),
            ("0", 0),
            ("2.0000000000", 2_000_000_000),
            ("0.000000001", 1),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn refusals() {
        for (text, want) in [
            ("", r#""" is not a number of processors, as in 2 or 0.5"#),
            (".", r#""." is not a number of processors, as in 2 or 0.5"#),
            ("-1", r#""-1" is not a number of processors, as in 2 or 0.5"#),
            ("+1", r#""+1" is not a number of processors, as in 2 or 0.5"#),
            ("1/3", r#""1/3" is not a number of processors, as in 2 or 0.5"#),
            ("1.2.3", r#""1.2.3" is not a number of processors, as in 2 or 0.5"#),
            ("0.0000000001", r#""0.0000000001" is finer than a billionth of a processor"#),
            ("99999999999", r#""99999999999" is more processors than exist"#),
        ] {
            assert_eq!(parse(text), Err(want.to_owned()), "{text}");
        }
    }

    #[test]
    fn lists() {
        for text in ["", "0", "0-3", "0-3,5", "7,0"] {
            assert_eq!(list(text), Ok(text.to_owned()));
        }
        for (text, part) in [("0-3,x", "x"), ("3-0", "3-0"), ("0,,1", ""), ("+1", "+1"), ("-1", "-1")] {
            let want = format!("{text:?} is not a list like 0-3,5: {part:?} is neither a number nor a range");
            assert_eq!(list(text), Err(want));
        }
    }
}
