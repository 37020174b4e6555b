//! What stands around a find.

use std::ops::Range;

/// The byte before.
pub(super) fn before(text: &[u8], range: &Range<usize>) -> Option<u8> {
    text.get(range.start.checked_sub(1)?).copied()
}

/// The byte after.
pub(super) fn after(text: &[u8], range: &Range<usize>) -> Option<u8> {
    text.get(range.end).copied()
}

/// No digit touches it. Letters may: `SSN852-41-7396`.
pub(super) fn stands_apart_from_digits(text: &[u8], range: &Range<usize>) -> bool {
    ![before(text, range), after(text, range)]
        .into_iter()
        .flatten()
        .any(|c| c.is_ascii_digit())
}

/// Neither letter nor digit touches it.
pub(super) fn is_a_word(text: &[u8], range: &Range<usize>) -> bool {
    ![before(text, range), after(text, range)]
        .into_iter()
        .flatten()
        .any(|c| c.is_ascii_alphanumeric())
}

/// A separator and a digit on either side: one of several numbers, or part of a longer one.
pub(super) fn is_in_a_row_of_numbers(text: &[u8], range: &Range<usize>, separator: u8) -> bool {
    let digit_at = |place: Option<usize>| place.and_then(|at| text.get(at)).is_some_and(u8::is_ascii_digit);
    (before(text, range) == Some(separator) && digit_at(range.start.checked_sub(2)))
        || (after(text, range) == Some(separator) && digit_at(range.end.checked_add(1)))
}

/// How far before and after a find a word may stand that tells what it is.
const REACH_BEFORE: usize = 40;
const REACH_AFTER: usize = 20;

/// Whether one of the words (in lower case) stands shortly before or after, with no other number and no end of a
/// clause or JSON member between: `SSN of the guarantor: 852417396`, `"ssn": 852417396`, `852417396 (SSN)`.
pub(super) fn has_word_near(text: &[u8], range: &Range<usize>, words: &[&str]) -> bool {
    let parts = |c: &u8| c.is_ascii_digit() || matches!(c, b',' | b';' | b'{' | b'}' | b'|');
    let left = text
        .get(range.start.saturating_sub(REACH_BEFORE)..range.start)
        .unwrap_or_default();
    let left = left
        .get(left.iter().rposition(parts).map_or(0, |at| at + 1)..)
        .unwrap_or_default();
    let right = text
        .get(range.end..text.len().min(range.end.saturating_add(REACH_AFTER)))
        .unwrap_or_default();
    let right = right
        .get(..right.iter().position(parts).unwrap_or(right.len()))
        .unwrap_or_default();
    words
        .iter()
        .any(|word| has_word(left, word) || has_word(right, word))
}

/// Whether the word begins anywhere where a word begins: after what is no letter, or as a camel's hump.
fn has_word(text: &[u8], word: &str) -> bool {
    text.windows(word.len()).enumerate().any(|(at, found)| {
        found.eq_ignore_ascii_case(word.as_bytes())
            && at
                .checked_sub(1)
                .and_then(|before| text.get(before))
                .is_none_or(|before| {
                    !before.is_ascii_alphabetic()
                        || (before.is_ascii_lowercase() && found.first().is_some_and(u8::is_ascii_uppercase))
                })
    })
}
