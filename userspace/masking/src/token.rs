//! [`Mask::Token`](crate::Mask::Token): keyed pseudonyms.

use crate::TokenKey;

/// `tok_` and 80 bits of HMAC-SHA256 in base32 (RFC 4648, in lower case). That any two of ten million persons share a
/// token has a chance below one in ten thousand million.
pub(crate) fn text(key: &TokenKey, value: &[u8]) -> [u8; 20] {
    let mut token = *b"tok_................";
    write_digits(
        key.draw(b"interdict token text 1", &[value]) >> 48,
        16,
        &mut token,
    );
    token
}

/// Writes the last `count` digits of a number to the base of 32 at the end of `token`.
pub(crate) fn write_digits(bits: u128, count: usize, token: &mut [u8]) {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    for (place, digit) in token.iter_mut().rev().take(count).enumerate() {
        let index = (bits >> (5 * place)) as usize % ALPHABET.len();
        *digit = ALPHABET.get(index).copied().unwrap_or_default();
    }
}

/// Whether a text has the form of a token.
pub(crate) fn made(text: &str) -> bool {
    text.strip_prefix("tok_").is_some_and(|digits| {
        digits.len() == 16
            && digits
                .bytes()
                .all(|digit| matches!(digit, b'a'..=b'z' | b'2'..=b'7'))
    })
}

/// A UUID of version 8 (RFC 9562: content as the maker likes).
pub(crate) fn uuid(key: &TokenKey, value: [u8; 16]) -> [u8; 16] {
    let mut uuid = key.draw(b"interdict token uuid 1", &[&value]).to_be_bytes();
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut uuid;
    *version = *version & 0x0f | 0x80;
    *variant = *variant & 0x3f | 0x80;
    uuid
}

/// The whole numbers of an integer type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Integer {
    /// At most 64.
    bits: u32,
    signed: bool,
}

impl Integer {
    pub(crate) const INT2: Self = Self::signed(16);
    pub(crate) const INT4: Self = Self::signed(32);
    pub(crate) const INT8: Self = Self::signed(64);

    pub(crate) const fn signed(bits: u32) -> Self {
        Self { bits, signed: true }
    }

    pub(crate) const fn unsigned(bits: u32) -> Self {
        Self { bits, signed: false }
    }

    pub(crate) fn holds(self, value: i128) -> bool {
        let least = if self.signed { -(1 << (self.bits - 1)) } else { 0 };
        let most = if self.signed {
            1 << (self.bits - 1)
        } else {
            1 << self.bits
        };
        (least..most).contains(&value)
    }

    /// The bits of the numbers that become one another: of those that fit the first, of those that fit the second, and so on.
    fn rungs(self) -> impl Iterator<Item = u32> {
        let int4 = (self.bits == 64).then_some(31);
        let unsigned = (!self.signed).then_some(self.bits);
        int4.into_iter().chain([self.bits - 1]).chain(unsigned)
    }
}

/// A whole number of the same type, `None` for one that the type does not hold. No two numbers share a token, and the sign
/// stays. A number that fits 32 bits with a sign gets the same token in 64 bits, and one that fits a signed type the same as in
/// the unsigned one of its width, so that a foreign key of another width still joins. Shorter types have tokens of their own.
pub(crate) fn integer(key: &TokenKey, of: Integer, value: i128) -> Option<i128> {
    if !of.holds(value) {
        return None;
    }
    if value < 0 {
        return Some(!i128::from(magnitude(key, of, u64::try_from(!value).ok()?)));
    }
    Some(magnitude(key, of, u64::try_from(value).ok()?).into())
}

fn magnitude(key: &TokenKey, of: Integer, value: u64) -> u64 {
    let fits = |value: u64, bits| value.checked_shr(bits).unwrap_or(0) == 0;
    let mut below = 0;
    for bits in of.rungs() {
        if fits(value, bits) {
            // Walks the permutation until it is out of the shorter numbers' range again: one step but for a chance of 2^-32,
            // two on average for the upper half of an unsigned type.
            let mut token = permute(key, value, bits);
            while below > 0 && fits(token, below) {
                token = permute(key, token, bits);
            }
            return token;
        }
        below = bits;
    }
    // Not met: the last rung holds what the type does.
    0
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
    fn a_token_is_known_by_its_form() {
        let key = key();
        assert!(made(std::str::from_utf8(&text(&key, b"852-41-7396")).unwrap()));
        for other in [
            "tok_",
            "tok_abcdefghijklmnop1",
            "tok_abcdefghijklmno1",
            "852-41-7396",
        ] {
            assert!(!made(other), "{other}");
        }
    }

    fn of(of: Integer, value: i128) -> i128 {
        let token = integer(&key(), of, value).unwrap();
        assert!(of.holds(token), "{value} becomes {token} in {of:?}");
        assert_eq!(token < 0, value < 0, "{value} becomes {token} in {of:?}");
        token
    }

    #[test]
    fn no_two_numbers_share_a_token() {
        for short in [
            Integer::signed(8),
            Integer::unsigned(8),
            Integer::INT2,
            Integer::unsigned(16),
        ] {
            let values = (-(1 << 15)..1 << 16).filter(|value| short.holds(*value));
            let tokens: HashSet<_> = values.map(|value| of(short, value)).collect();
            assert_eq!(tokens.len(), 1 << short.bits, "{short:?}");
        }
        for long in [Integer::INT4, Integer::signed(24), Integer::unsigned(64)] {
            let tokens: HashSet<_> = (0..20_000).map(|value| of(long, value)).collect();
            assert_eq!(tokens.len(), 20_000, "{long:?}");
        }
    }

    #[test]
    fn signs_stay_and_widths_agree() {
        let (int4, int8) = (i128::from(i32::MAX), i128::from(i64::MAX));
        for value in [0, 1, -1, 4711, int4, !int4] {
            assert_eq!(of(Integer::INT4, value), of(Integer::INT8, value));
        }
        for value in [0, 4711, int4] {
            for unsigned in [Integer::unsigned(32), Integer::unsigned(64)] {
                assert_eq!(of(Integer::INT4, value), of(unsigned, value));
            }
        }
        for value in [int8, !int8, int4 + 1, !int4 - 1, 1 << 40] {
            assert!(!Integer::INT4.holds(of(Integer::INT8, value)));
        }
        for value in [int4 + 1, (1 << 32) - 1] {
            assert!(!Integer::INT4.holds(of(Integer::unsigned(32), value)));
        }
        for value in [int8 + 1, i128::from(u64::MAX)] {
            assert!(!Integer::INT8.holds(of(Integer::unsigned(64), value)));
        }
        assert_eq!(integer(&key(), Integer::INT4, int4 + 1), None);
        assert_eq!(integer(&key(), Integer::unsigned(64), -1), None);
    }

    #[test]
    fn tokens_are_stable_and_depend_on_the_key() {
        let other = TokenKey::new(b"another key of the test, as long").unwrap();
        assert_eq!(text(&key(), b"852-41-7396"), text(&key(), b"852-41-7396"));
        assert_ne!(text(&key(), b"852-41-7396"), text(&other, b"852-41-7396"));
        assert_ne!(text(&key(), b"852-41-7396"), text(&key(), b"852-41-7397"));
        assert_ne!(
            integer(&key(), Integer::INT8, 5),
            integer(&other, Integer::INT8, 5)
        );
        // Computed apart, with Python's hmac: a new release must give a person the same token as the last.
        assert_eq!(
            std::str::from_utf8(&text(&key(), b"852-41-7396")).unwrap(),
            "tok_orq4nn4hai7abtcu"
        );
        assert_eq!(of(Integer::INT4, 4711), 1_486_487_345);
        assert_eq!(
            u128::from_be_bytes(uuid(&key(), [7; 16])),
            0x0969_4184_075d_80d8_8b8a_5469_9324_7fa5
        );
    }
}
