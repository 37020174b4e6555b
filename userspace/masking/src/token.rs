//! [`Mask::Token`](crate::Mask::Token): keyed pseudonyms.

use crate::TokenKey;

/// `tok_` and 80 bits of HMAC-SHA256 in base32 (RFC 4648, in lower case). That any two of ten million persons share a
/// token has a chance below one in ten thousand million.
pub(crate) fn text(key: &TokenKey, value: &[u8]) -> [u8; 20] {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bits = key.draw(b"interdict token text 1", &[value]) >> 48;
    let mut token = *b"tok_................";
    for (place, digit) in token.iter_mut().rev().take(16).enumerate() {
        let index = (bits >> (5 * place)) as usize % ALPHABET.len();
        *digit = ALPHABET.get(index).copied().unwrap_or_default();
    }
    token
}

/// A UUID of version 8 (RFC 9562: content as the maker likes).
pub(crate) fn uuid(key: &TokenKey, value: [u8; 16]) -> [u8; 16] {
    let mut uuid = key.draw(b"interdict token uuid 1", &[&value]).to_be_bytes();
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut uuid;
    *version = *version & 0x0f | 0x80;
    *variant = *variant & 0x3f | 0x80;
    uuid
}

/// A whole number that fits an int2: another of 0 to 32767, or of -32768 to -1.
pub(crate) fn int2(key: &TokenKey, value: i16) -> i16 {
    let permute = |n: i16| permute(key, n as u64, 15) as i16;
    if value < 0 {
        !permute(!value)
    } else {
        permute(value)
    }
}

/// A whole number of an int4 or int8. No two numbers share a token, and the sign stays. A number that fits an int4 gets
/// the same token whether its column is int4 or int8, so that a foreign key of another width still joins.
pub(crate) fn int8(key: &TokenKey, value: i64) -> i64 {
    if value < 0 {
        !magnitude(key, !value)
    } else {
        magnitude(key, value)
    }
}

/// As [`int8`]: the token of an int4 fits an int4.
pub(crate) fn int4(key: &TokenKey, value: i32) -> i32 {
    int8(key, i64::from(value)) as i32
}

fn magnitude(key: &TokenKey, value: i64) -> i64 {
    const INT4: i64 = i32::MAX as i64;
    if value <= INT4 {
        return permute(key, value as u64, 31) as i64;
    }
    // Walks the permutation until it is out of the int4 range again: one step but for a chance of 2^-32.
    let mut token = permute(key, value as u64, 63) as i64;
    while token <= INT4 {
        token = permute(key, token as u64, 63) as i64;
    }
    token
}

/// A keyed permutation of the numbers of so many bits: a Feistel network whose round function is the HMAC. A hash cut to
/// 31 bits would give one token to two persons in a table of 50,000; a permutation never does.
fn permute(key: &TokenKey, value: u64, bits: u32) -> u64 {
    let low_bits = bits / 2;
    let low_mask = (1 << low_bits) - 1;
    let high_mask = (1 << (bits - low_bits)) - 1;
    let (mut high, mut low) = (value >> low_bits & high_mask, value & low_mask);
    let round = |number: u8, half: u64| {
        key.draw(
            b"interdict token int 1",
            &[&[bits as u8, number], &half.to_be_bytes()],
        ) as u64
    };
    for number in [0, 2, 4, 6] {
        high ^= round(number, low) & high_mask;
        low ^= round(number + 1, high) & low_mask;
    }
    high << low_bits | low
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn key() -> TokenKey {
        TokenKey::new(b"a key of the test, 32 bytes long").unwrap()
    }

    #[test]
    fn no_two_numbers_share_a_token() {
        let key = key();
        let tokens: HashSet<_> = (i16::MIN..=i16::MAX).map(|n| int2(&key, n)).collect();
        assert_eq!(tokens.len(), 65_536);
        let tokens: HashSet<_> = (0..20_000).map(|n| int4(&key, n)).collect();
        assert_eq!(tokens.len(), 20_000);
    }

    #[test]
    fn signs_stay_and_widths_agree() {
        let key = key();
        for value in [0, 1, -1, 4711, i32::MAX, i32::MIN] {
            let token = int4(&key, value);
            assert_eq!(token < 0, value < 0);
            assert_eq!(i64::from(token), int8(&key, i64::from(value)));
        }
        for value in [i64::MAX, i64::MIN, 1 << 31, !(1 << 31), 1 << 40] {
            let token = int8(&key, value);
            assert_eq!(token < 0, value < 0);
            assert!(i32::try_from(token).is_err());
        }
        assert!(int2(&key, -5) < 0);
    }

    #[test]
    fn tokens_are_stable_and_depend_on_the_key() {
        let other = TokenKey::new(b"another key of the test, as long").unwrap();
        assert_eq!(text(&key(), b"852-41-7396"), text(&key(), b"852-41-7396"));
        assert_ne!(text(&key(), b"852-41-7396"), text(&other, b"852-41-7396"));
        assert_ne!(text(&key(), b"852-41-7396"), text(&key(), b"852-41-7397"));
        assert_ne!(int8(&key(), 5), int8(&other, 5));
        // Computed apart, with Python's hmac: a new release must give a person the same token as the last.
        assert_eq!(
            std::str::from_utf8(&text(&key(), b"852-41-7396")).unwrap(),
            "tok_orq4nn4hai7abtcu"
        );
        assert_eq!(int4(&key(), 4711), 1_486_487_345);
        assert_eq!(
            u128::from_be_bytes(uuid(&key(), [7; 16])),
            0x0969_4184_075d_80d8_8b8a_5469_9324_7fa5
        );
    }
}
