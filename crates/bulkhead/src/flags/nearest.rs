// SPDX-License-Identifier: Apache-2.0
//! "Did you mean": the known word that a mistyped one is closest to.

/// The word of `known` that takes the fewest edits to reach from `word`, if a typing slip explains
/// the difference: at most a third of the letters, case aside.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let allowed = (word.chars().count() + 1) / 3;
    known
        .into_iter()
        .map(|candidate| (edits(&word, &candidate.to_ascii_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The sentence that goes behind a complaint, or nothing.
pub(crate) fn suggestion<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|found| format!("; did you mean {found}?")).unwrap_or_default()
}

/// Levenshtein's distance, a swap of neighbours counting as one edit.
fn edits(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before_last = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let kept_or_replaced = last[column] + usize::from(letter != other);
            let mut best = kept_or_replaced.min(last[column + 1] + 1).min(current[column] + 1);
            let swapped = row > 0 && column > 0 && from[row - 1] == *other && to[column - 1] == *letter;
            if swapped {
                best = best.min(before_last[column - 1] + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["nofile", "nproc", "memlock"];
        assert_eq!(nearest("nofiles", known), Some("nofile"));
        assert_eq!(nearest("NPROC", known), Some("nproc"));
        assert_eq!(nearest("memlokc", known), Some("memlock"));
        assert_eq!(nearest("as", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn distances() {
        for (from, to, want) in [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3)] {
            assert_eq!(edits(from, to), want, "{from} {to}");
        }
    }
}
