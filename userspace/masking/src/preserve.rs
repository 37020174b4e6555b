//! `{ token: { key: NAME, format: preserve } }`: tokens of the value's own form.
//!
//! Digits become digits and ASCII letters become letters of the same case; everything else stays, and so does the length. By FF1
//! (NIST SP 800-38G), which is a permutation: two values of one form never share a token. Which digits and letters there
//! are decides; what stands between them does not, so that `852-41-7396` and `852417396` become the same digits.

use std::fmt;

use aes::Aes256;
use fpe::ff1::{FF1, FlexibleNumeralString};
use num_bigint::BigUint;

use crate::{TokenKey, detect::luhn};

/// FF1's own bound (SP 800-38G Rev. 1, 5.1): of fewer forms, all could be tried.
const FEWEST: u32 = 1_000_000;
/// Digits and letters that are worth the time: it grows with their square, and longer ones are no identifiers.
const LONGEST: usize = 256;
/// The lengths of card numbers (ISO/IEC 7812-1), and of other numbers whose last digit is a Luhn sum.
const CARDS: std::ops::RangeInclusive<usize> = 12..=19;

/// The ciphers of one key.
pub(crate) struct Preserve {
    decimal: FF1<Aes256>,
    binary: FF1<Aes256>,
}

impl Preserve {
    /// With an AES key of its own, made of the token key.
    pub(crate) fn new(key: &TokenKey) -> Option<Self> {
        let mut aes = [0; 32];
        for (half, number) in aes.chunks_exact_mut(16).zip(0_u8..) {
            let drawn = key.draw(b"interdict token preserve 1", &[&[number]]);
            half.copy_from_slice(&drawn.to_be_bytes());
        }
        Self::with_aes(&aes)
    }

    fn with_aes(key: &[u8; 32]) -> Option<Self> {
        Some(Self {
            decimal: FF1::new(key, 10).ok()?,
            binary: FF1::new(key, 2).ok()?,
        })
    }

    /// The token of a text; `None` if it has fewer than a million forms, is too long or no UTF-8.
    ///
    /// A number of a card's length that passes Luhn's check becomes one that does, and one that doesn't one that doesn't.
    pub(crate) fn text(&self, text: &[u8]) -> Option<Vec<u8>> {
        std::str::from_utf8(text).ok()?;
        let classes: Vec<(Class, u16)> = text.iter().filter_map(|c| Class::of(*c)).collect();
        if classes.len() > LONGEST {
            return None;
        }
        let token = if classes.iter().all(|(class, _)| *class == Class::Digit) {
            self.number(classes.iter().map(|(_, digit)| *digit).collect())?
        } else {
            self.mixed(&classes)?
        };
        let mut token = token.into_iter();
        text.iter()
            .map(|c| match Class::of(*c) {
                Some((class, _)) => class.write(token.next()?),
                None => Some(*c),
            })
            .collect()
    }

    fn number(&self, mut digits: Vec<u16>) -> Option<Vec<u16>> {
        if !CARDS.contains(&digits.len()) {
            return encrypt(&self.decimal, &[], digits);
        }
        if is_card(&digits) {
            digits.pop();
            let mut token = encrypt(&self.decimal, b"card", digits)?;
            let check = (0..10).find(|check| {
                token.push(*check);
                let found = is_card(&token);
                token.pop();
                found
            })?;
            token.push(check);
            return Some(token);
        }
        // Walks the permutation until it is out of the cards again, so that none of theirs is met: one step in nine of ten.
        loop {
            digits = encrypt(&self.decimal, &[], digits)?;
            if !is_card(&digits) {
                return Some(digits);
            }
        }
    }

    /// Letters and digits: as one number of mixed radix, in as many bits as the largest of these needs. The permutation of the
    /// bits is walked until the number is none too large: less than two steps on average.
    fn mixed(&self, classes: &[(Class, u16)]) -> Option<Vec<u16>> {
        let mut number = BigUint::ZERO;
        let mut forms = BigUint::from(1_u8);
        for (class, value) in classes {
            number = number * class.radix() + *value;
            forms *= class.radix();
        }
        if forms < BigUint::from(FEWEST) {
            return None;
        }
        let bits = (&forms - 1_u8).bits();
        // Forms that need as many bits have permutations of their own.
        let tweak: Vec<u8> = classes.iter().map(|(class, _)| *class as u8).collect();
        loop {
            let digits = (0..bits).map(|bit| u16::from(number.bit(bit))).collect();
            let digits = encrypt(&self.binary, &tweak, digits)?;
            number = BigUint::ZERO;
            for (bit, digit) in (0..bits).zip(digits) {
                number.set_bit(bit, digit == 1);
            }
            if number < forms {
                break;
            }
        }
        let mut token: Vec<u16> = classes
            .iter()
            .rev()
            .map(|(class, _)| {
                let value = u16::try_from(&number % class.radix()).ok();
                number /= class.radix();
                value
            })
            .collect::<Option<_>>()?;
        token.reverse();
        Some(token)
    }
}

impl fmt::Debug for Preserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Preserve(..)")
    }
}

/// `None` if there are too few numerals.
fn encrypt(cipher: &FF1<Aes256>, tweak: &[u8], numerals: Vec<u16>) -> Option<Vec<u16>> {
    let token = cipher.encrypt(tweak, &FlexibleNumeralString::from(numerals));
    token.ok().map(Vec::from)
}

fn is_card(digits: &[u16]) -> bool {
    luhn(digits.iter().map(|digit| b'0' + *digit as u8))
}

/// What a character may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Digit = b'0' as isize,
    Lower = b'a' as isize,
    Upper = b'A' as isize,
}

impl Class {
    /// The class of a character, and its number in it.
    fn of(c: u8) -> Option<(Self, u16)> {
        let class = match c {
            b'0'..=b'9' => Self::Digit,
            b'a'..=b'z' => Self::Lower,
            b'A'..=b'Z' => Self::Upper,
            _ => return None,
        };
        Some((class, u16::from(c - class as u8)))
    }

    fn radix(self) -> u8 {
        match self {
            Self::Digit => 10,
            Self::Lower | Self::Upper => 26,
        }
    }

    fn write(self, number: u16) -> Option<u8> {
        u8::try_from(number).ok()?.checked_add(self as u8)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::LazyLock};

    use proptest::prelude::*;

    use super::*;

    static PRESERVE: LazyLock<Preserve> = LazyLock::new(|| {
        Preserve::new(&TokenKey::new(b"a key of the test, 32 bytes long").unwrap()).unwrap()
    });

    fn show(text: &str) -> Option<String> {
        let token = PRESERVE.text(text.as_bytes())?;
        Some(String::from_utf8(token).unwrap())
    }

    /// SP 800-38G's examples for FF1, sample 7: AES-256, radix 10, no tweak.
    #[test]
    fn digits_are_as_nist_says() {
        let key: [u8; 32] = [
            0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c,
            0xef, 0x43, 0x59, 0xd8, 0xd5, 0x80, 0xaa, 0x4f, 0x7f, 0x03, 0x6d, 0x6f, 0x04, 0xfc, 0x6a, 0x94,
        ];
        let token = Preserve::with_aes(&key).unwrap().text(b"01-2345-6789");
        assert_eq!(token.unwrap(), b"66-5766-7009");
    }

    /// A new release must give a person the same token as the last.
    #[test]
    fn tokens_stay() {
        for (text, expected) in [
            ("852-41-7396", "749-10-6154"),
            ("852417396", "749106154"),
            ("MRN-0048213", "FAE-6570333"),
            ("zq.haverstock@example.org", "he.ckbccwncyq@xbzcgkk.gqv"),
            ("4000 0073 9164 8255", "3462 3252 4164 1481"),
            ("(907) 555-0162", "(224) 452-3832"),
        ] {
            assert_eq!(show(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_has_too_few_forms_has_no_token() {
        for text in [
            "",
            "-",
            "12345",
            "94107",
            "abcd",
            "A1",
            "1951",
            "Zoë",
            "北京市长",
            "ab 1 c",
        ] {
            assert_eq!(show(text), None, "{text}");
        }
        assert!(show("123456").is_some());
        // 26 × 26 × 10 × 10 × 10 are too few, ten times as many are not.
        assert_eq!(show("ab123"), None);
        assert!(show("ab1234").is_some());
        assert!(show(&"x".repeat(256)).is_some());
        assert_eq!(show(&"x".repeat(257)), None);
        assert_eq!(PRESERVE.text(b"caf\xe9 1234567"), None);
    }

    #[test]
    fn no_two_values_share_a_token() {
        let mut cards = 0;
        for form in [
            |n: u32| format!("4000-0073-{:04}-{:04}", n / 10_000, n % 10_000),
            |n: u32| format!("{n:06}"),
            |n: u32| format!("AB-{n:05}"),
            |n: u32| format!("{}x{n:04}", if n.is_multiple_of(2) { "Zq" } else { "Qz" }),
        ] {
            let tokens: HashSet<_> = (0..4_000)
                .map(|n| {
                    let text = form(n);
                    let token = PRESERVE.text(text.as_bytes()).unwrap();
                    let digits = |text: &[u8]| {
                        text.iter()
                            .copied()
                            .filter(u8::is_ascii_digit)
                            .collect::<Vec<_>>()
                    };
                    if text.len() == 19 {
                        let passes = luhn(digits(text.as_bytes()).into_iter());
                        assert_eq!(luhn(digits(&token).into_iter()), passes, "{text}");
                        cards += u32::from(passes);
                    }
                    token
                })
                .collect();
            assert_eq!(tokens.len(), 4_000);
        }
        assert_eq!(cards, 400);
    }

    /// All numbers of six digits, which are FF1's fewest.
    #[test]
    #[ignore = "takes a minute where nothing is optimised"]
    fn every_number_of_six_digits_is_a_token_once() {
        let tokens: HashSet<_> = (0..1_000_000)
            .map(|n| PRESERVE.text(format!("{n:06}").as_bytes()).unwrap())
            .collect();
        assert_eq!(tokens.len(), 1_000_000);
    }

    proptest! {
        #[test]
        fn the_form_stays(text in "[0-9a-zA-Z .é-]{0,40}") {
            let Some(token) = show(&text) else {
                let forms: f64 = text.bytes().map(|c| match c {
                    b'0'..=b'9' => 10.0,
                    b'a'..=b'z' | b'A'..=b'Z' => 26.0,
                    _ => 1.0,
                }).product();
                prop_assert!(forms < 1e6);
                return Ok(());
            };
            prop_assert_eq!(token.len(), text.len());
            for (from, to) in text.bytes().zip(token.bytes()) {
                let stays = match (Class::of(from), Class::of(to)) {
                    (Some((from, _)), Some((to, _))) => from == to,
                    _ => from == to,
                };
                prop_assert!(stays, "{} {}", text, token);
            }
        }

        #[test]
        fn no_bytes_are_too_strange(text in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = PRESERVE.text(&text);
        }
    }
}
