// SPDX-License-Identifier: Apache-2.0
//! How a name or a range of ids says whose it is: the text of a symbolic link.
//!
//! A text of fewer than 60 bytes lies in the link's inode (ext4; xfs and btrfs have room for more). The
//! 64 digits of an id would take a block of their own, twice for each container, and giving blocks back
//! is dear where the disk is told of each (`discard`). So the id's 32 bytes are written six bits to a
//! letter, in the alphabet of RFC 4648 section 5: 43 letters.

/// The text for `id`; what is no id of 64 hex digits stands for itself.
pub(crate) fn text(id: &str) -> String {
    let digits: Option<Vec<u32>> = id.chars().map(|digit| digit.to_digit(16)).collect();
    let Some(digits) = digits.filter(|digits| digits.len() == DIGITS) else { return id.to_owned() };
    // Three digits are twelve bits are two letters; of the last group one digit is there.
    let letters = digits.chunks(3).flat_map(|group| {
        let bits = group.iter().fold(0, |bits, digit| bits << 4 | digit) << (4 * (3 - group.len()));
        [bits >> 6, bits & 63].map(|six| char::from(LETTERS[six as usize]))
    });
    letters.take(LENGTH).collect()
}

/// The id that `text` stands for.
pub(crate) fn id(text: &str) -> String {
    let sixes: Option<Vec<u32>> = text
        .bytes()
        .map(|letter| LETTERS.iter().position(|&known| known == letter))
        .map(|at| u32::try_from(at?).ok())
        .collect();
    let Some(sixes) = sixes.filter(|sixes| sixes.len() == LENGTH) else { return text.to_owned() };
    let digits = sixes.chunks(2).flat_map(|pair| {
        let bits = pair[0] << 6 | pair.get(1).unwrap_or(&0);
        [bits >> 8, bits >> 4 & 15, bits & 15].map(|digit| char::from_digit(digit, 16))
    });
    digits.flatten().take(DIGITS).collect()
}

const DIGITS: usize = 64;
/// 256 bits, six to a letter.
const LENGTH: usize = 43;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for id in [
            "0".repeat(64),
            "f".repeat(64),
            "13b0a862f849f12787eae212a88642558436ac6a4fc467d86613dfdaa5720768".into(),
        ] {
            let text = text(&id);
            assert!(text.len() < 60 && !text.contains('/'), "{text}");
            assert_eq!(super::id(&text), id);
        }
        assert_eq!(text(&format!("{:0>64}", "1")).len(), 43);
    }

    #[test]
    fn what_is_no_id_stands_for_itself() {
        for odd in ["", "abc", "../x", &"g".repeat(64)] {
            assert_eq!(id(&text(odd)), odd);
        }
    }
}
