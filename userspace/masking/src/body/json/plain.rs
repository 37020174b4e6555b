//! Characters of a JSON string that stand for themselves and need no second look.

/// How many bytes from the front on are ASCII, and neither a quote, a backslash nor a control character.
#[inline]
pub(crate) fn plain(text: &[u8]) -> usize {
    // Many strings end within a word or two.
    let Some((word, rest)) = text.split_first_chunk() else {
        return after(text, 0);
    };
    if let Some(found) = first_special(*word) {
        return found;
    }
    let Some(word) = rest.first_chunk() else {
        return after(text, 8);
    };
    first_special(*word).map_or_else(|| after(text, 16), |found| 8 + found)
}

/// The same, where all before that place is plain.
fn after(text: &[u8], mut at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    // Blocks are for strings that are long.
    for word in rest.as_chunks::<8>().0.iter().take(WORDS) {
        if let Some(found) = first_special(*word) {
            return at + found;
        }
        at += 8;
    }
    let rest = text.get(at..).unwrap_or_default();
    for block in rest.as_chunks::<64>().0 {
        // Without a branch in the loop, so that it becomes vector instructions.
        if block.iter().fold(false, |any, c| any | is_special(*c)) {
            break;
        }
        at += 64;
    }
    let rest = text.get(at..).unwrap_or_default();
    let (words, last) = rest.as_chunks::<8>();
    for word in words {
        if let Some(found) = first_special(*word) {
            return at + found;
        }
        at += 8;
    }
    at + last.iter().position(|c| is_special(*c)).unwrap_or(last.len())
}

/// So many words are looked at before blocks are.
const WORDS: usize = 3;

const fn is_special(c: u8) -> bool {
    // As signed numbers, all beyond ASCII are less than a blank.
    (c as i8) < 0x20 || c == b'"' || c == b'\\'
}

/// The first byte of a word that is special, by arithmetic on all eight. A borrow can make a byte look special only above one that is.
const fn first_special(word: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    const HIGH: u64 = ONES << 7;
    let word = u64::from_le_bytes(word);
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let below = (word.wrapping_sub(ONES * 0x20) & !word)
        | (quote.wrapping_sub(ONES) & !quote)
        | (backslash.wrapping_sub(ONES) & !backslash);
    let found = (below | word) & HIGH;
    if found == 0 {
        None
    } else {
        Some(found.trailing_zeros() as usize / 8)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_byte_at_every_place() {
        for length in [1, 7, 8, 9, 31, 32, 33, 95, 96, 97, 160, 200] {
            for place in 0..length {
                let mut text = vec![b'~'; length];
                for byte in 0..=u8::MAX {
                    text[place] = byte;
                    let want = if is_special(byte) { place } else { length };
                    assert_eq!(plain(&text), want, "{byte:#x} at {place} of {length}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn as_byte_by_byte(text in proptest::collection::vec(any::<u8>(), 0..300), quiet in any::<bool>()) {
            let text: Vec<u8> = if quiet { text.iter().map(|c| c % 0x60 + 0x20).collect() } else { text };
            let want = text.iter().position(|c| *c < 0x20 || *c >= 0x80 || matches!(c, b'"' | b'\\'));
            prop_assert_eq!(plain(&text), want.unwrap_or(text.len()));
        }
    }
}
