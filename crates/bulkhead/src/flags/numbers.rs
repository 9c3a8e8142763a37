// SPDX-License-Identifier: Apache-2.0
//! Whole numbers.

use super::Complaint;

/// From 0 up.
pub(crate) fn count(text: &str) -> Result<u64, Complaint> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.then(|| text.parse().ok()).flatten();
    number.ok_or_else(|| format!("{text:?} is not a whole number from 0 up"))
}

/// Below 0 too.
pub(crate) fn whole(text: &str) -> Result<i64, Complaint> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        assert_eq!((count("0"), count("1024")), (Ok(0), Ok(1024)));
        assert_eq!((whole("-1"), whole("10")), (Ok(-1), Ok(10)));
        for text in ["", "x", "-1", "+1", "1.5", "99999999999999999999"] {
            assert_eq!(count(text), Err(format!("{text:?} is not a whole number from 0 up")));
        }
        for text in ["", "x", "1.5", "99999999999999999999"] {
            assert_eq!(whole(text), Err(format!("{text:?} is not a whole number")));
        }
    }
}
