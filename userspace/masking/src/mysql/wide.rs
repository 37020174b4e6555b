//! Text whose characters take two bytes or four: no mask is written in it, but what detectors find there is not shown.
//!
//! It comes from `SET character_set_results = utf16` and from columns of such a character set with `character_set_results`
//! NULL.

/// How characters are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Units {
    /// UTF-16, or UCS-2, its part without surrogates, in big-endian order.
    Two,
    /// UTF-16 in little-endian order.
    TwoLittle,
    /// UTF-32 in big-endian order.
    Four,
}

/// By the number of a collation, as column definitions have it; `None` where ASCII takes a byte.
pub(super) fn units(charset: u16) -> Option<Units> {
    // MariaDB's collations that don't pad are numbered as those that do, plus 1024.
    let padding = if (1024..2048).contains(&charset) {
        charset - 1024
    } else {
        charset
    };
    // From 640 to 767 are MariaDB's own (ucs2, utf16, utf32), from 2048 those after UCA 14.0.0, with 256 numbers for each of
    // utf8mb3, utf8mb4, ucs2, utf16, utf32.
    Some(match padding {
        56 | 62 => Units::TwoLittle,
        35 | 54 | 55 | 90 | 101..=124 | 128..=151 | 159 | 640..=735 | 2560..=3071 => Units::Two,
        60 | 61 | 160..=183 | 736..=767 | 3072..=3327 => Units::Four,
        _ => return None,
    })
}

/// By how a JSON document begins, which is with a character of ASCII; `None` where that takes a byte.
pub(super) fn units_of_document(document: &[u8]) -> Option<Units> {
    match document {
        [0, 0, ..] => Some(Units::Four),
        [0, ..] => Some(Units::Two),
        [_, 0, ..] => Some(Units::TwoLittle),
        _ => None,
    }
}

/// The text in UTF-8, with U+FFFD for what is none.
pub(super) fn utf8(units: Units, text: &[u8]) -> String {
    match units {
        Units::Two => utf16(text, u16::from_be_bytes),
        Units::TwoLittle => utf16(text, u16::from_le_bytes),
        Units::Four => {
            let (characters, _) = text.as_chunks::<4>();
            characters
                .iter()
                .map(|unit| char::from_u32(u32::from_be_bytes(*unit)).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect()
        }
    }
}

fn utf16(text: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let (units, _) = text.as_chunks::<2>();
    char::decode_utf16(units.iter().map(|bytes| unit(*bytes)))
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}
