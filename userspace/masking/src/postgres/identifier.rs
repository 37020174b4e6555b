//! The text of a value that identifies somebody: the same whichever format the value comes in.

use std::fmt::Write as _;

use bytes::{BufMut as _, BytesMut};

use super::{
    Format, binary,
    types::{self, Kind, Known},
};
use crate::uuid;

/// Appends the text of a non-NULL value, which is what the server would send in text format. False for values that this can't
/// be told of: arrays, and in binary all but numbers, texts and UUIDs.
pub fn identifier(type_oid: u32, format: Format, value: &[u8], out: &mut BytesMut) -> bool {
    let kind = match (types::lookup(type_oid), format) {
        (Some(Known::Array(_)), _) | (None, Format::Binary) => return false,
        (_, Format::Text) => {
            out.extend_from_slice(value);
            return true;
        }
        (Some(Known::Scalar(of)), Format::Binary) => of.kind,
    };
    match kind {
        Kind::Int2 | Kind::Int4 | Kind::Int8 => match binary::integer(kind, value) {
            Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
            None => return false,
        },
        Kind::Bpchar | Kind::Name | Kind::Text => out.extend_from_slice(value),
        Kind::Uuid => match value.try_into() {
            Ok(bytes) => uuid::put(bytes, out),
            Err(_) => return false,
        },
        Kind::Numeric => return numeric(value, out),
        _ => return false,
    }
    true
}

/// Digits to the base of 10,000: their number, the power of the first, the sign, the decimals shown, and they themselves
/// (`numeric_send`).
fn numeric(value: &[u8], out: &mut BytesMut) -> bool {
    const NEGATIVE: u16 = 0x4000;
    let (words, []) = value.as_chunks::<2>() else {
        return false;
    };
    let mut words = words.iter().map(|word| u16::from_be_bytes(*word));
    let (Some(count), Some(power), Some(sign), Some(decimals)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let digits: Vec<u16> = words.collect();
    let power = i32::from(power.cast_signed());
    if digits.len() != usize::from(count) || (sign != 0 && sign != NEGATIVE) {
        return false;
    }
    let group = |of: i32| -> u16 {
        let index = usize::try_from(power - of).ok();
        index.and_then(|index| digits.get(index)).copied().unwrap_or(0)
    };
    if sign == NEGATIVE {
        out.put_u8(b'-');
    }
    let mut whole = String::new();
    for of in (0..=power.max(0)).rev() {
        let _ = write!(whole, "{:04}", group(of));
    }
    let whole = whole.trim_start_matches('0');
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole.as_bytes() });
    if decimals > 0 {
        let mut fraction = String::new();
        let mut of = -1;
        while fraction.len() < usize::from(decimals) {
            let _ = write!(fraction, "{:04}", group(of));
            of -= 1;
        }
        fraction.truncate(decimals.into());
        out.put_u8(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(type_oid: u32, format: Format, value: &[u8]) -> Option<String> {
        let mut out = BytesMut::new();
        identifier(type_oid, format, value, &mut out).then(|| String::from_utf8(out.to_vec()).unwrap())
    }

    fn words(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn a_binary_value_has_the_text_of_its_text_form() {
        let binary = |type_oid, value: &[u8]| text(type_oid, Format::Binary, value);
        assert_eq!(binary(21, &4711_i16.to_be_bytes()).unwrap(), "4711");
        assert_eq!(binary(23, &(-4711_i32).to_be_bytes()).unwrap(), "-4711");
        assert_eq!(binary(20, &i64::MAX.to_be_bytes()).unwrap(), i64::MAX.to_string());
        assert_eq!(binary(1042, b"A-17   ").unwrap(), "A-17   ");
        assert_eq!(
            binary(2950, &[0xab; 16]).unwrap(),
            "abababab-abab-abab-abab-abababababab"
        );
        for (value, expected) in [
            (words(&[2, 1, 0, 0, 12, 3456]), "123456"),
            (words(&[1, 1, 0, 0, 12]), "120000"),
            (words(&[1, 0, 0x4000, 0, 7]), "-7"),
            (words(&[0, 0, 0, 0]), "0"),
            (words(&[2, 0, 0, 2, 12, 3400]), "12.34"),
            (words(&[1, 0, 0, 2, 12]), "12.00"),
            (words(&[1, u16::MAX, 0, 5, 5]), "0.00050"),
        ] {
            assert_eq!(binary(1700, &value).unwrap(), expected);
        }
    }

    #[test]
    fn what_has_no_certain_text_has_none() {
        assert_eq!(text(1007, Format::Text, b"{1,2}"), None, "an array");
        assert_eq!(text(16_400, Format::Binary, b"x"), None, "a type of the users'");
        assert_eq!(text(16_400, Format::Text, b"x").unwrap(), "x");
        assert_eq!(text(23, Format::Binary, b"abc"), None);
        assert_eq!(text(1700, Format::Binary, &words(&[2, 0, 0, 0, 1])), None);
        // Not a number has no digits.
        assert_eq!(text(1700, Format::Binary, &words(&[0, 0, 0xc000, 0])), None);
        assert_eq!(text(1184, Format::Binary, &[0; 8]), None);
    }
}
